# shellcheck shell=bash
# redis.sh: a private Redis that never writes to disk.

# By process id: another Redis may have taken the port between the guess and the start.
redis_ready() {
    local line=
    {
        printf 'INFO server\r\n' >&3
        while read -r -t 1 line <&3 && [[ $line != process_id:* ]]; do :; done
    } 3<>"/dev/tcp/127.0.0.1/$1"
    [[ $line == process_id:$SPAWNED$'\r' ]]
}

start_redis() {
    local server port
    server=$(need redis redis-server) || exit
    for ((try = 0; try < TRIES; try++)); do
        port=$(free_port)
        spawn redis "$server" --port "$port" --bind 127.0.0.1 --unixsocket "$RUN/redis.sock" --unixsocketperm 777 --save "" \
            --appendonly no --daemonize no --dir "$RUN"
        if await redis redis_ready "$port"; then
            cat <<END
REDIS_HOST=127.0.0.1
REDIS_PORT=$port
REDIS_SOCKET=$RUN/redis.sock
REDIS_PID=$SPAWNED
END
            return
        fi
    done
    give_up redis
}
