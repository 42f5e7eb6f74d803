# shellcheck shell=bash
# mail.sh: tests/fakes/mail. It asks the kernel for a port itself and writes it down once it listens.

start_mail() {
    rm -f "$DIR/mail.port"
    # Not by as_user: the repository may lie where only we may read.
    setsid "$HERE/../fakes/mail" "$DIR/mail.port" "$DIR/mail.received" \
        </dev/null >"$DIR/mail.log" 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
    SPAWNED=$!
    echo "$SPAWNED $(start_time "$SPAWNED")" >"$DIR/mail.pid"
    await mail test -s "$DIR/mail.port" || give_up mail
    cat <<END
MAIL_PORT=$(cat "$DIR/mail.port")
MAIL_URL=smtp://127.0.0.1:$(cat "$DIR/mail.port")
MAIL_RECEIVED=$DIR/mail.received
END
}
