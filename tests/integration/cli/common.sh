# common: sourced by the scripts of this folder. Each has drop box, state and servers of its own, and counts its checks.
# shellcheck shell=bash disable=SC2034
set -u
# An exporter serves all of its user's drop boxes: where the kernel lets us, no other test's are in sight.
if [ -z "${CLI_ISOLATED:-}" ]; then
    user=-r
    [ "$(id -u)" != 0 ] || user=
    if unshare $user -m mount -t tmpfs none /dev/shm 2>/dev/null; then
        # shellcheck disable=SC2016
        CLI_ISOLATED=1 exec unshare $user -m bash -c 'mount -t tmpfs none /dev/shm; [ ! -d /run/user ] || mount -t tmpfs none /run/user
            exec bash "$0"' "$0"
    fi
fi
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
BUILD=$(cd "$ROOT" && readlink -f "${BUILD:-build}")
otelshim=$BUILD/otelshim
LIBRARY=$BUILD/libotelshim.so
for file in "$otelshim" "$LIBRARY"; do
    [ -e "$file" ] || {
        echo "not ok $file is not built"
        exit 1
    }
done
DIR=$(mktemp -d "${TMPDIR:-/tmp}/otelshim-cli.XXXXXX")
BOX=$DIR/box
mkdir -m 700 "$BOX"
for name in "${!OTEL@}"; do unset "$name"; done
unset LD_PRELOAD TRACEPARENT NO_COLOR CLICOLOR_FORCE XDG_RUNTIME_DIR COLUMNS
export OTELSHIM_DIR=$BOX XDG_STATE_HOME=$DIR/state XDG_CONFIG_HOME=$DIR/config HOME=$DIR LC_ALL=C.UTF-8 TZ=UTC
passed=0 failed=0 started=()

clean_up() {
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null; done
    rm -rf "$DIR"
}
trap clean_up EXIT

ok() {
    passed=$((passed + 1))
    printf 'ok %s\n' "$1"
}
not_ok() {
    failed=$((failed + 1))
    printf 'not ok %s\n' "$1"
    shift
    printf '%s\n' "$@" | sed 's/^/    /'
}
# is NAME EXPECTED SEEN
is() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "expected: $2" "seen:     $3"; fi; }
# has NAME TEXT PART: the text holds the part
has() { if [[ $2 == *"$3"* ]]; then ok "$1"; else not_ok "$1" "without:  $3" "seen:     $2"; fi; }
# has_not NAME TEXT PART
has_not() { if [[ $2 != *"$3"* ]]; then ok "$1"; else not_ok "$1" "with:     $3" "seen:     $2"; fi; }

# wait_for SECONDS COMMAND...: until it succeeds; seconds of a quiet machine
wait_for() {
    local until=$((${EPOCHREALTIME/./} + $1 * 6000000))
    shift
    until "$@"; do
        [ "${EPOCHREALTIME/./}" -lt "$until" ] || return 1
        sleep 0.02
    done
}
now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }
# Gone, or a zombie: its descriptors are closed and its locks are free only then.
ended() { ! [ -e "/proc/$1/status" ] || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; }

# start_web [SEEN_FILE]: $WEB answers GET; see web.py
start_web() {
    python3 "$ROOT/tests/integration/cli/web.py" "$DIR/web.port" "$@" &
    started+=($!)
    wait_for 5 test -s "$DIR/web.port"
    WEB=http://127.0.0.1:$(cat "$DIR/web.port")
}

# start_receiver [PORT]: $RECEIVER, an OTLP receiver; its spans in $DIR/spans
start_receiver() {
    rm -f "$DIR/receiver.port"
    "$ROOT/tests/fakes/otlp" --port "${1:-0}" --port-file "$DIR/receiver.port" --spans "$DIR/spans" &
    receiver_pid=$!
    started+=($!)
    wait_for 20 test -s "$DIR/receiver.port"
    receiver_port=$(cut -d' ' -f1 "$DIR/receiver.port")
    RECEIVER=http://127.0.0.1:$receiver_port
}
n_spans() { if [ -e "$DIR/spans" ]; then wc -l <"$DIR/spans"; else echo 0; fi; }
has_spans() { [ "$(n_spans)" -ge "$1" ]; }

# ask EXPRESSION: of `otelshim status -o json`, as d
ask() { "$otelshim" status -o json 2>/dev/null | python3 -c "import json, sys; d = json.load(sys.stdin); print($1)" 2>/dev/null; }
exporter_pid() { ask "[e['pid'] for e in d['exporters'] if e['directory'] == '$BOX'][0]"; }
exporter_is_there() { [ -n "$(exporter_pid)" ]; }
exporter_is_gone() { [ -z "$(exporter_pid)" ]; }
stop_exporter() {
    local pid
    pid=$(exporter_pid)
    [ -z "$pid" ] || kill "$pid" 2>/dev/null
    wait_for 3 exporter_is_gone
}

finish() {
    printf '%d passed, %d failed\n' $passed $failed
    [ $failed = 0 ]
}
