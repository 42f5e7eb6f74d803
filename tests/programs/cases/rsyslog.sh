#!/bin/sh
# rsyslogd in the foreground, three lines through its UNIX socket, into Redis and PostgreSQL.
cat >conf <<END
global(workDirectory="$PWD")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="$PWD/log.sock")
module(load="omhiredis")
module(load="ompgsql")
template(name="redis" type="string" string="LPUSH lines %msg%")
template(name="sql" type="list" option.stdsql="on") {
    constant(value="INSERT INTO lines VALUES ('") property(name="msg") constant(value="')")
}
action(type="omhiredis" server="$REDIS_HOST" serverport="$REDIS_PORT" mode="template" template="redis")
action(type="ompgsql" server="$PGHOST" port="$PGPORT" user="$PGUSER" pass="hunter2" db="$PGDATABASE" template="sql")
END
rsyslogd -n -f conf -i "$PWD/rsyslogd.pid" &
server=$!
for _ in $(seq 200); do [ -S log.sock ] && break; sleep 0.02; done
n=0
for line in one two three; do # one after another: rsyslogd puts into one transaction what has come meanwhile
    LD_PRELOAD='' logger -u log.sock -t case "$line"
    n=$((n + 1))
    for _ in $(seq 200); do # Redis has a line before PostgreSQL has it
        [ "$(LD_PRELOAD='' PGAPPNAME=watcher psql -qXAt -c 'SELECT count(*) FROM lines')" = $n ] && break
        sleep 0.05
    done
done
kill $server
wait $server
echo "status $?"
rm -f conf rsyslogd.pid log.sock
