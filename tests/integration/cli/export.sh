#!/usr/bin/env bash
# export: the exporter's life: started by the library, one for all, leaving, spooling, replaying, replaced.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
start_web
start_receiver
export OTEL_EXPORTER_OTLP_ENDPOINT=$RECEIVER OTEL_BSP_SCHEDULE_DELAY=50
traced() { LD_PRELOAD=$LIBRARY "$@"; }

# ---- started by the library ----
traced curl -s -o /dev/null "$WEB"
wait_for 5 exporter_is_there
is "auto: started" 0 $?
wait_for 5 has_spans 2
is "auto: delivered" 2 "$(n_spans)"
pid=$(exporter_pid)
has_not "auto: not traced itself" "$(tr '\0' '\n' <"/proc/$pid/environ")" LD_PRELOAD
has "auto: logs to a file" "$(cat "$DIR/state/otelshim/export.log")" "(pid $pid) serves $BOX"
"$otelshim" export --auto
is "auto: a second leaves quietly" 0 $?
mkdir -p "$DIR/config/otelshim"
echo "OTELSHIM_LOG = debug" >"$DIR/config/otelshim/otelshim.conf"
"$otelshim" export --auto
rm "$DIR/config/otelshim/otelshim.conf"
has "OTELSHIM_LOG in otelshim.conf" "$(cat "$DIR/state/otelshim/export.log")" "exporter $pid serves $BOX"
is "status: counts" "curl 2 2" "$(ask "'{name} {recorded} {exported}'.format(**d['exporters'][0]['processes'][0])")"
is "status: destination" "$RECEIVER/v1/traces 2" "$(ask "'{url} {exported}'.format(**d['exporters'][0]['destinations'][0])")"
has "status: text" "$("$otelshim" status)" "$RECEIVER/v1/traces"
kill -HUP "$pid"
sleep 0.5
is "SIGHUP is harmless" "$pid" "$(exporter_pid)"
OTEL_TRACES_EXPORTER=console traced curl -s -o /dev/null "$WEB"
wait_for 3 grep -q "console needs" "$DIR/state/otelshim/export.log"
is "console without a terminal: in the log" 0 $?
has "console without a terminal: in status" "$("$otelshim" status)" "OTEL_TRACES_EXPORTER=console needs"
OTEL_BSP_MAX_QUEUE_SIZE=many traced curl -s -o /dev/null "$WEB"
OTEL_BSP_MAX_QUEUE_SIZE=many traced curl -s -o /dev/null "$WEB"
wait_for 3 has_spans 6
is "malformed setting: once in the log" 1 "$(grep -c 'warn.*OTEL_BSP_MAX_QUEUE_SIZE' "$DIR/state/otelshim/export.log")"
before=$(n_spans)
OTEL_TRACES_EXPORTER=none traced curl -s -o /dev/null "$WEB"
wait_for 3 sh -c "! ls $BOX/*-*-* >/dev/null 2>&1"
is "none: taken away and sent nowhere" "0 $before" "$? $(n_spans)"

# ---- leaving in a hurry, replaying ----
kill "$receiver_pid"
wait "$receiver_pid" 2>/dev/null
OTEL_BSP_SCHEDULE_DELAY=60000 traced curl -s -o /dev/null "$WEB"
wait_for 3 sh -c "[ \"\$('$otelshim' status -o json | grep -c '\"queued\":2')\" -gt 0 ]"
begin=$(now_ms)
kill "$pid"
wait_for 3 ended "$pid"
took=$(($(now_ms) - begin))
if [ $took -lt 8000 ]; then ok "SIGTERM: waits neither for its schedule nor for an answer"; else not_ok "SIGTERM: slow" "$took ms"; fi
is "SIGTERM: spooled, spans and metrics" 2 "$(ask "d['spool']['batches']")"
is "SIGTERM: the program's file is gone" "" "$(ls "$BOX"/*-*-* 2>/dev/null)"
text=$("$otelshim" status)
is "status without an exporter: status" 0 $?
has "status without an exporter: text" "$text" "no exporter is running"
has "status without an exporter: spool" "$text" "2 batches"
start_receiver "$receiver_port"
before=$(n_spans)
OTEL_BSP_SCHEDULE_DELAY=60000 "$otelshim" export --leave-after 0 2>"$DIR/err"
is "replay: leaves when done" 0 $?
is "replay: delivered" $((before + 2)) "$(n_spans)"

# ---- in the foreground ----
"$otelshim" export --console >"$DIR/out" 2>"$DIR/err" &
pid=$!
started+=("$pid")
wait_for 5 exporter_is_there
said=$("$otelshim" export 2>&1)
is "busy: status" 1 $?
is "busy: said" "otelshim export: another exporter (pid $pid) serves $BOX" "$said"
traced curl -s -o /dev/null "$WEB"
wait_for 5 grep -q 'GET' "$DIR/out"
is "foreground: traces on stdout" 0 $?
has "foreground: log on stderr" "$(cat "$DIR/err")" "serves $BOX"
kill -INT $pid
wait $pid
is "foreground: SIGINT" 0 $?

# ---- the binary is replaced ----
mkdir "$DIR/bin"
cp "$otelshim" "$DIR/bin/otelshim"
"$DIR/bin/otelshim" export 2>"$DIR/err" &
pid=$!
started+=("$pid")
wait_for 5 exporter_is_there
cp "$otelshim" "$DIR/bin/new"
touch -d '1 minute ago' "$DIR/bin/new"
mv "$DIR/bin/new" "$DIR/bin/otelshim"
wait_for 8 sh -c "[ \"\$(grep -c ' serves ' '$DIR/err')\" = 2 ]"
is "replaced: the new one runs in its place" "0 $DIR/bin/otelshim" "$? $(readlink "/proc/$pid/exe")"
traced curl -s -o /dev/null "$WEB"
before=$(n_spans)
wait_for 5 has_spans $((before + 1))
kill $pid
wait $pid

# ---- nowhere to write ----
touch "$DIR/file"
if [ "$(id -u)" != 0 ] || unshare -m true 2>/dev/null; then
    has "no drop box: status says it" "$(OTELSHIM_DIR=$DIR/file "$otelshim" status 2>&1)" "drop box $DIR/file cannot be written"
    OTELSHIM_DIR=$DIR/file "$otelshim" export --leave-after 0 2>"$DIR/err"
    has "no drop box: export says it" "$(cat "$DIR/err")" "drop box $DIR/file cannot be written"
fi
has "preloaded: the exporter takes the library out" \
    "$(LD_PRELOAD=$LIBRARY "$otelshim" export --leave-after 0 2>&1; LD_PRELOAD=$LIBRARY "$otelshim" version)" "otelshim "
finish
