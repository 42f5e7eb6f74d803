#!/bin/sh
# webdis, asked by a curl without the shim. Its port is free when we look.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >webdis.json <<END
{"redis_host": "$REDIS_HOST", "redis_port": $REDIS_PORT, "redis_auth": null, "http_host": "127.0.0.1", "http_port": $port,
 "threads": 1, "pool_size": 1, "daemonize": false, "database": 0, "verbosity": 0, "logfile": "webdis.log"}
END
webdis webdis.json &
server=$!
unset LD_PRELOAD
for _ in $(seq 200); do
    python3 -c "import socket; socket.create_connection(('127.0.0.1', $port))" 2>/dev/null && break
    sleep 0.05
done
for path in SET/key/hunter2 GET/key INCR/counter MGET/key/counter LPUSH/key/x DEL/key; do
    curl -sS "http://127.0.0.1:$port/$path"
    echo
done
kill $server
wait $server
echo "status $?"
rm -f webdis.json webdis.log
