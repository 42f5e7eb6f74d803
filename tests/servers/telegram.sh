# shellcheck shell=bash
# telegram.sh: tests/fakes/telegram. Names of its own: what it is called in the settings is what the tests are about.

start_telegram() {
    local port control
    rm -f "$DIR/telegram.port"
    # Not by as_user: the repository may lie where only we may read.
    setsid "$HERE/../fakes/telegram" --port-file "$DIR/telegram.port" --ca "$DIR/telegram.pem" --log "$DIR/telegram.received" \
        --hold 0.1 --flood-wait 2 </dev/null >"$DIR/telegram.log" 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
    SPAWNED=$!
    echo "$SPAWNED $(start_time "$SPAWNED")" >"$DIR/telegram.pid"
    await telegram test -s "$DIR/telegram.port" || give_up telegram
    read -r port control <"$DIR/telegram.port"
    cat <<END
BOT_API_URL=https://127.0.0.1:$port
BOT_API_CA=$DIR/telegram.pem
BOT_API_TOKEN=4711:AAHfake-token-of-the-tests_0123456789
BOT_API_CONTROL=http://127.0.0.1:$control
BOT_API_LOG=$DIR/telegram.received
END
}
