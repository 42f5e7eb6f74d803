#!/usr/bin/env bash
# own: the exporter's own requests are never spans: started by the library, or under the library by somebody's environment.
# shellcheck source-path=SCRIPTDIR source=../cli/common.sh
. "$(dirname "$0")/../cli/common.sh"
start_web
start_receiver
export OTEL_METRICS_EXPORTER=none OTEL_EXPORTER_OTLP_ENDPOINT=$RECEIVER OTEL_BSP_SCHEDULE_DELAY=50
maps() { grep -c libotelshim.so "/proc/$1/maps"; }

LD_PRELOAD=$LIBRARY curl -s -o /dev/null "$WEB"
wait_for 5 has_spans 2
pid=$(exporter_pid)
is "started by the library: runs without it" 0 "$(maps "$pid")"
sleep 0.5
is "started by the library: only the program's spans" 2 "$(n_spans)"
stop_exporter

# The exporter does without LD_PRELOAD, even where it was started with it.
LD_PRELOAD=$LIBRARY "$otelshim" export &
pid=$!
started+=("$pid")
wait_for 5 exporter_is_there
is "in the environment: runs without it" 0 "$(maps "$pid")"
LD_PRELOAD=$LIBRARY curl -s -o /dev/null "$WEB"
wait_for 5 has_spans 4
sleep 0.5
is "in the environment: only the program's spans" 4 "$(n_spans)"
stop_exporter

# /etc/ld.so.preload loads it into everything: there the library itself stands aside.
everywhere() {
    # shellcheck disable=SC2016
    unshare -m bash -c '
        cp -a /etc "$DIR/etc" && mount --bind "$DIR/etc" /etc && echo "$LIBRARY" >/etc/ld.so.preload || exit 77
        "$otelshim" export &
        for _ in {1..600}; do [ ! -S "$OTELSHIM_DIR/control" ] || break; sleep 0.05; done
        grep -c libotelshim.so "/proc/$!/maps" >"$DIR/maps"
        curl -s -o /dev/null "$WEB"
        for _ in {1..600}; do [ "$(wc -l <"$DIR/spans")" -lt 6 ] || break; sleep 0.05; done
        sleep 0.5
        kill $!
        wait'
}
export DIR LIBRARY WEB otelshim
if [ -n "${CLI_ISOLATED:-}" ] && [ "$(id -u)" = 0 ] && everywhere; then
    is "ld.so.preload: it is there" 1 "$([ "$(cat "$DIR/maps")" -gt 0 ] && echo 1)"
    is "ld.so.preload: only the program's spans" 6 "$(n_spans)"
else
    echo "ok ld.so.preload # skipped: needs root and a mount namespace"
fi
has_not "none to the receiver" "$(cat "$DIR/spans")" "$RECEIVER"
finish
