# shellcheck shell=bash
# exchange.sh: tests/fakes/exchange. It asks the kernel for a port itself and writes it down once it listens.

start_exchange() {
    rm -f "$DIR/exchange.port"
    # Not by as_user: the repository may lie where only we may read.
    setsid "$HERE/../fakes/exchange" --port 0 --port-file "$DIR/exchange.port" \
        </dev/null >"$DIR/exchange.log" 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
    SPAWNED=$!
    echo "$SPAWNED $(start_time "$SPAWNED")" >"$DIR/exchange.pid"
    await exchange test -s "$DIR/exchange.port" || give_up exchange
    cat <<END
EXCHANGE_URL=http://127.0.0.1:$(cat "$DIR/exchange.port")
EXCHANGE_PORT=$(cat "$DIR/exchange.port")
EXCHANGE_PID=$SPAWNED
END
}
