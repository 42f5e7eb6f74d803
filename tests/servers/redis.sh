# shellcheck shell=bash
# redis.sh: a private Redis that never writes to disk.

redis_ready() {
    local answer=
    { printf 'PING\r\n' >&3 && read -r -t 1 answer <&3; } 3<>"/dev/tcp/127.0.0.1/$1"
    [[ $answer == +PONG* ]]
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
