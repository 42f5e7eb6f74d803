#!/bin/sh
# FreeRADIUS: each request asks Redis and PostgreSQL from `authorize`; asked by radclient without the shim.
port=$(python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >radiusd.conf <<END
name = case
prefix = /usr
libdir = /usr/lib/freeradius
logdir = $PWD
log {
    destination = files
    file = $PWD/radius.log
}
run_dir = $PWD
pidfile = $PWD/radiusd.pid
thread pool {
    start_servers = 1
    max_servers = 1
    min_spare_servers = 1
    max_spare_servers = 1
}
client local {
    ipaddr = 127.0.0.1
    secret = testing123
}
modules {
    redis {
        server = $REDIS_HOST
        port = $REDIS_PORT
        pool {
            start = 1
            min = 1
            max = 1
        }
    }
    sql {
        driver = "rlm_sql_postgresql"
        dialect = "postgresql"
        server = "$PGHOST"
        port = $PGPORT
        login = "$PGUSER"
        radius_db = "$PGDATABASE"
        read_clients = no
        pool {
            start = 1
            min = 1
            max = 1
        }
    }
}
server default {
    listen {
        type = auth
        ipaddr = 127.0.0.1
        port = $port
    }
    authorize {
        update reply {
            Reply-Message := "%{redis:INCR logins} %{redis:SET secret hunter2} %{sql:SELECT count(*) FROM pg_class WHERE relname = 'hunter2'}"
        }
        update control {
            Auth-Type := Accept
        }
    }
}
END
freeradius -f -d "$PWD" -D /usr/share/freeradius >out.log 2>&1 &
server=$!
unset LD_PRELOAD
for _ in $(seq 200); do
    grep -qs 'Ready to process' radius.log out.log && break
    sleep 0.05
done
for user in one two three; do
    echo "User-Name = $user, User-Password = x" | radclient -D /usr/share/freeradius -x "127.0.0.1:$port" auth testing123 |
        grep -E 'Reply-Message|Access-'  | sed 's/Id [0-9]* from.*length/length/'
done
kill $server
wait $server
echo "status $?"
rm -f radiusd.conf radius.log out.log radiusd.pid
