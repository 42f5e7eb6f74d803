#!/usr/bin/env bash
# run: otelshim run in place of the program, and as its parent (--console): environment, exit status, signals, traces.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
export OTEL_TRACES_EXPORTER=none OTELSHIM_EXPORTER=none

# ---- in place of the program ----
"$otelshim" run sh -c 'echo $$ $OTELSHIM_MAIN' >"$DIR/out" &
pid=$!
wait $pid
is "same pid, watched" "$pid $pid" "$(cat "$DIR/out")"
is "library first" "$LIBRARY" "$("$otelshim" run sh -c 'echo $LD_PRELOAD')"
is "other libraries kept, never twice" "$LIBRARY:libm.so.6" \
    "$(LD_PRELOAD="$LIBRARY libm.so.6" "$otelshim" run sh -c 'echo $LD_PRELOAD')"
is "options" "shop http://127.0.0.1:9 " \
    "$(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://x "$otelshim" run --service=shop --endpoint http://127.0.0.1:9 -- \
        sh -c 'echo $OTEL_SERVICE_NAME $OTEL_EXPORTER_OTLP_ENDPOINT "$OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"')"
mkdir -p "$DIR/config/otelshim"
printf 'OTELSHIM_TRACE_GAP = 250\nOTEL_TRACES_SAMPLER = always_off\n' >"$DIR/config/otelshim/otelshim.conf"
is "rows of files for the program" "250 always_on" \
    "$(OTEL_TRACES_SAMPLER=always_on "$otelshim" run sh -c 'echo $OTELSHIM_TRACE_GAP $OTEL_TRACES_SAMPLER')"
rm "$DIR/config/otelshim/otelshim.conf"
has "malformed setting said once" "$(OTELSHIM_TRACE_GAP=often "$otelshim" run true 2>&1)" "OTELSHIM_TRACE_GAP"
is "arguments after the program are its own" "--console -x" "$("$otelshim" run echo --console -x)"
"$otelshim" run sh -c 'exit 42'
is "exit status" 42 $?
is "run: what doctor wants to know is not in the program's environment" "" \
    "$(LD_PRELOAD=$LIBRARY "$otelshim" run -- env | grep WAS_PRELOADED)"

# ---- as its parent ----
"$otelshim" run --console sh -c 'exit 43'
is "console: exit status" 43 $?
bash -c '"$0" run --console sh -c "kill -TERM \$\$"' "$otelshim" 2>/dev/null
is "console: death by the same signal" 143 $?
is "console: stdout is the program's" hello "$("$otelshim" run --console echo hello 2>/dev/null)"
is "console: stdin is the program's" typed "$(echo typed | "$otelshim" run --console cat 2>/dev/null)"
is "console: nothing said without spans" "" "$("$otelshim" run --console true 2>&1)"
is "console: adds to the list" "otlp,console" \
    "$(OTEL_TRACES_EXPORTER='' "$otelshim" run --console sh -c 'echo $OTEL_TRACES_EXPORTER')"
is "console: instead of none" console "$("$otelshim" run --console sh -c 'echo $OTEL_TRACES_EXPORTER')"

cat >"$DIR/count.sh" <<'END'
trap 'echo TERM' TERM
trap 'echo INT' INT
trap 'echo USR1' USR1
echo ready
until [ -e "$1" ]; do sleep 0.1; done
exit 5
END
"$otelshim" run --console bash "$DIR/count.sh" "$DIR/counted" >"$DIR/out" &
pid=$!
wait_for 5 grep -q ready "$DIR/out"
for signal in TERM USR1; do
    kill -$signal $pid
    wait_for 5 grep -q $signal "$DIR/out"
done
kill -INT $pid
touch "$DIR/counted"
wait $pid
is "console: signals are passed on" "5 TERM USR1 " "$? $(grep -v -e ready -e INT "$DIR/out" | tr '\n' ' ')"
python3 "$ROOT/tests/integration/cli/terminal.py" "$otelshim" >"$DIR/out" 2>&1
while read -r verdict rest; do
    if [ "$verdict" = ok ]; then ok "$rest"; else not_ok "$rest"; fi
done < <(grep -E '^(ok|not)' "$DIR/out" | sed 's/^not ok/not_ok/')

start_web
trace=$("$otelshim" run --console --service shop -- curl -s -o /dev/null "$WEB/a?secret=1" 2>&1)
has "console: header" "$trace" "shop · "
has "console: tree" "$trace" "└─ GET"
has "console: status and place" "$trace" "200  ${WEB#http://}/a"
has "console: phases" "$trace" "first byte"
has_not "console: no query" "$trace" "secret"
has_not "console: no colour in a pipe" "$trace" $'\e['
has "console: colour when forced" "$(CLICOLOR_FORCE=1 "$otelshim" run --console -- curl -s "$WEB" 2>&1)" $'\e['
has "console: ASCII in an ASCII locale" "$(LC_ALL=C "$otelshim" run --console -- curl -s "$WEB" 2>&1)" '`- GET'
error=$("$otelshim" run --console -- curl -s "http://127.0.0.1:1/" 2>&1)
has "console: error marked" "$error" "✗ GET"
has "console: error told" "$error" "CURLE_COULDNT_CONNECT"
begin=$(now_ms)
late=$(OTEL_TRACES_EXPORTER=otlp "$otelshim" run --console --endpoint http://127.0.0.1:1 -- curl -s -o /dev/null "$WEB" 2>&1)
took=$(($(now_ms) - begin))
has "console: what could not be sent is said" "$late" "not delivered: 1 batch for http://127.0.0.1:1/v1/traces"
if [ $took -lt 8000 ]; then ok "console: an unreachable collector does not hold the prompt"; else not_ok "held" "$took ms"; fi
is "console: no box is left" "" "$(ls -d "$BOX"/run-* 2>/dev/null)"

"$otelshim" run --console -- bash -c "curl -s -o /dev/null $WEB; (sleep 3; curl -s -o /dev/null $WEB/later) & exit 0" 2>"$DIR/err"
has "console: what is left running does not hold the prompt" "$(cat "$DIR/err")" "GET"
has_not "console: nor is it waited for" "$(cat "$DIR/err")" "later"
wait_for 5 sh -c "ls $BOX/run-*/*-*-* >/dev/null 2>&1"
start_receiver
sleep 2.2 # a private box is adopted once it has been left for two seconds
OTEL_TRACES_EXPORTER=otlp "$otelshim" export --leave-after 1 2>"$DIR/err" &
started+=($!)
wait_for 8 sh -c "! ls -d $BOX/run-* >/dev/null 2>&1"
is "console: its box is adopted by the next exporter" 0 $?
stop_exporter

# ---- a drop box that cannot be written ----
mkdir "$DIR/closed"
touch "$DIR/closed/box"
said=$(OTELSHIM_DIR=$DIR/closed/box "$otelshim" run echo ran 2>&1)
has "unwritable box: said" "$said" "otelshim run: drop box $DIR/closed/box cannot be written: it is not a directory"
has "unwritable box: the program runs" "$said" ran

# ---- pid 1 ----
if unshare -rpf --mount-proc true 2>/dev/null; then
    init() { unshare -rpf --mount-proc --kill-child "$otelshim" run "$@"; }
    is "init: the program is not pid 1" "child" "$(init -- sh -c '[ $$ = 1 ] || echo child')"
    init -- sh -c 'exit 6'
    is "init: exit status" 6 $?
    init -- sh -c 'kill -KILL $$'
    is "init: death" 137 $?
    # shellcheck disable=SC2016
    is "init: orphans are reaped" "" "$(init -- bash -c '(sleep 0.1 &) ; sleep 0.4; for i in {1..100}; do
        left=$(for p in /proc/[0-9]*/stat; do awk "\$3 == \"Z\"" $p; done 2>/dev/null); [ -n "$left" ] || break; sleep 0.1; done; echo "$left"')"
    before=$(n_spans)
    OTELSHIM_FLUSH_TIMEOUT=20000 OTEL_TRACES_EXPORTER=otlp init --endpoint "$RECEIVER" -- curl -s -o /dev/null "$WEB"
    is "init: delivered before it ends" $((before + 2)) "$(n_spans)"
    for signal in SEGV KILL; do # the report is there when the container ends
        XDG_STATE_HOME="$DIR/state-$signal" OTELSHIM_FLUSH_TIMEOUT=20000 init -- sh -c "kill -$signal \$\$"
        is "init: one report of SIG$signal" 1 "$(find "$DIR/state-$signal/otelshim/crashes" -name '*.json' | wc -l)"
        has "init: what it says" "$(XDG_STATE_HOME="$DIR/state-$signal" "$otelshim" crashes show -1)" "SIG$signal"
    done
    # init_took TIMEOUT_MS: nobody listens
    init_took() {
        local begin
        begin=$(now_ms)
        OTEL_TRACES_EXPORTER=otlp OTELSHIM_FLUSH_TIMEOUT=$1 init --endpoint http://127.0.0.1:1 -- curl -s -o /dev/null "$WEB"
        echo $(($(now_ms) - begin))
    }
    short=$(init_took 300) long=$(init_took 6000)
    is "init: OTELSHIM_FLUSH_TIMEOUT bounds the wait ($short ms, $long ms)" "1 1" "$((short < 6000)) $((long >= 6000))"
else
    echo "# no user namespaces here: pid 1 is not tested"
fi
finish
