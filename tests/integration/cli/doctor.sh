#!/usr/bin/env bash
# doctor: each of its lines, seen with what it is about.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
WORK=$DIR/work
mkdir "$WORK"
start_receiver
# doctor NAME STATUS LINE ARGUMENT…: exit status, a line that begins so, and behind every warn and FAIL what mends it
doctor() {
    local name=$1 status=$2 line=$3 seen unmended
    shift 3
    text=$("$otelshim" doctor "$@" 2>&1)
    seen=$?
    unmended=$(awk '/^ *-> ./ { bad = ""; next } bad { print bad } { bad = /^(warn|FAIL)/ ? $0 : "" } END { if (bad) print bad }' <<<"$text")
    if [ -n "$unmended" ]; then
        not_ok "$name: what mends it?" "$unmended"
    elif [ $seen = "$status" ] && [[ $'\n'$text == *$'\n'"$line"* ]]; then
        ok "$name"
    else
        not_ok "$name" "expected: $status, $line" "seen:     $seen" "$text"
    fi
}
offline() { # NAME STATUS LINE ARGUMENT…
    local name=$1 status=$2 line=$3
    shift 3
    doctor "$name" "$status" "$line" --offline "$@"
}

# ---- the installation ----
export OTEL_EXPORTER_OTLP_ENDPOINT=$RECEIVER
doctor "all is well" 0 "ok    endpoint     $RECEIVER/v1/traces answers 200"
offline "library" 0 "ok    library      $LIBRARY"
offline "trial: what is traced" 0 "ok    trial        the library works in a program here; it traces libcurl, libpq, hiredis, syslog, api ("
offline "drop box" 0 "ok    drop box     $BOX"
is "nothing is left in the drop box" "" "$(ls "$BOX")"
offline "not preloaded" 0 "warn  preload      LD_PRELOAD is not set here"
LD_PRELOAD=$LIBRARY offline "preloaded" 0 "ok    preload      LD_PRELOAD has it"
mkdir "$WORK/bin"
cp "$otelshim" "$WORK/bin/otelshim"
otelshim=$WORK/bin/otelshim offline "no library" 1 "FAIL  library      libotelshim.so cannot be used: No such file"
cp /bin/true "$WORK/bin/libotelshim.so"
otelshim=$WORK/bin/otelshim offline "another library" 1 "FAIL  library      $WORK/bin/libotelshim.so is another library"
OTELSHIM_EXPORTER=none offline "no exporter" 1 "FAIL  exporter     none is running, and OTELSHIM_EXPORTER=none"
OTELSHIM_EXPORTER=/nowhere offline "missing exporter" 1 "FAIL  exporter     OTELSHIM_EXPORTER=/nowhere cannot be started: No such file"
offline "exporter to come" 0 "ok    exporter     none is running: the first traced call starts $otelshim"
touch "$WORK/file"
OTELSHIM_DIR=$WORK/file offline "another drop box is used" 0 "warn  drop box     drop box $WORK/file cannot be written"
if [ -n "${CLI_ISOLATED:-}" ] && mount -o remount,ro /dev/shm 2>/dev/null; then
    OTELSHIM_DIR='' offline "no drop box" 1 "FAIL  drop box     drop box /dev/shm/otelshim-"
    mount -o remount,rw /dev/shm
else
    echo "ok no drop box # skipped: no mount namespace"
fi

# ---- programs ----
cat >"$WORK/plain.c" <<'C'
int main(void) { return 0; }
C
cat >"$WORK/own.c" <<'C'
int curl_easy_perform(void *c) { return c != 0; }
int main(int n, char **v) { (void)n; return curl_easy_perform(v) - 1; }
C
gcc -o "$WORK/plain" "$WORK/plain.c"
offline "nothing to trace" 0 "warn  calls        $WORK/plain links none of the traced libraries" "$WORK/plain"
offline "curl" 0 "ok    calls        libcurl.so.4 (libcurl): " curl -s http://nowhere/
offline "curl's own calls" 0 "ok    program      $(command -v curl): the library can be loaded into it" curl
offline "psql" 0 "ok    calls        libpq.so.5 (libpq): " "$(readlink -f /usr/lib/postgresql/*/bin/psql | head -1)"
gcc -static -o "$WORK/static" "$WORK/plain.c"
offline "static" 1 "FAIL  program      $WORK/static is linked statically: no library can be preloaded" "$WORK/static"
gcc -static-pie -o "$WORK/static_pie" "$WORK/plain.c"
offline "static-pie" 1 "FAIL  program      $WORK/static_pie is linked statically" "$WORK/static_pie"
gcc -o "$WORK/own" "$WORK/own.c"
offline "client library linked statically" 1 "FAIL  program      $WORK/own has libcurl linked into itself (curl_easy_perform)" "$WORK/own"
musl-gcc -o "$WORK/musl" "$WORK/plain.c"
offline "musl" 0 "warn  program      $WORK/musl uses another C library (/lib/ld-musl-" "$WORK/musl"
python3 - "$WORK" <<'PYTHON'
import sys
elf = open(sys.argv[1] + "/plain", "rb").read()
def write(name, *changes):
    changed = bytearray(elf)
    for at, byte in changes:
        changed[at] = byte
    open(f"{sys.argv[1]}/{name}", "wb").write(changed)
write("word_size", (4, 1))
write("machine", (18, 8), (19, 0))
write("broken", (32, 255), (38, 255))
open(sys.argv[1] + "/cut", "wb").write(elf[:100])
PYTHON
chmod +x "$WORK"/{word_size,machine,broken,cut}
offline "another word size" 1 "FAIL  program      $WORK/word_size is a 32-bit program for another word size" "$WORK/word_size"
offline "another machine" 1 "FAIL  program      $WORK/machine is a 64-bit program for another architecture" "$WORK/machine"
offline "a broken file" 1 "FAIL  program      $WORK/broken: its ELF header contradicts itself" "$WORK/broken"
offline "a file cut short" 1 "FAIL  program      $WORK/cut: its ELF header contradicts itself" "$WORK/cut"
offline "no program" 1 "FAIL  program      $WORK/file: it is no program" "$WORK/file"
offline "no such program" 1 "FAIL  program      nonesuch: there is no such program" nonesuch
printf '#!/usr/bin/env -S python3 -u\nprint(1)\n' >"$WORK/script"
chmod +x "$WORK/script"
offline "script" 0 "ok    program      $WORK/script is a script: it is $(command -v python3) that is traced" "$WORK/script"
if [ "$(id -u)" = 0 ] && cp "$WORK/plain" "$WORK/setuid" && chown 65534 "$WORK/setuid" 2>/dev/null && chmod u+s "$WORK/setuid"; then
    offline "setuid" 1 "FAIL  program      $WORK/setuid is setuid: the dynamic linker ignores LD_PRELOAD" "$WORK/setuid"
else
    echo "ok setuid # skipped: not root"
fi
cp "$WORK/plain" "$WORK/capable"
if [ "$(id -u)" = 0 ]; then
    PATH=$PATH:/usr/sbin:/sbin setcap cap_net_raw+ep "$WORK/capable"
    offline "file capabilities" 0 "warn  program      $WORK/capable has file capabilities" "$WORK/capable"
else
    echo "ok file capabilities # skipped: not root"
fi
objcopy --add-section .note.go.buildid="$WORK/script" "$WORK/static" "$WORK/gone" # as Go's linker leaves it
offline "Go" 1 "FAIL  program      $WORK/gone is linked statically (Go)" "$WORK/gone"

# ---- settings ----
OTELSHIM=0 offline "switched off" 1 "FAIL  settings     OTELSHIM=0 in the environment: nothing is recorded"
OTEL_SDK_DISABLED=true offline "disabled" 1 "FAIL  settings     OTEL_SDK_DISABLED in the environment switches all telemetry off"
TELEMETRY_ENABLED=false offline "disabled by an alias" 1 "FAIL  settings     TELEMETRY_ENABLED in the environment"
OTELSHIM_DENY='x, pl*' offline "denied" 1 "FAIL  settings     OTELSHIM_DENY=x, pl* has $WORK/plain" "$WORK/plain"
OTELSHIM_ALLOW=other offline "not allowed" 1 "FAIL  settings     OTELSHIM_ALLOW=other has not $WORK/plain" "$WORK/plain"
OTEL_TRACES_EXPORTER=none offline "sent nowhere" 0 "warn  settings     spans are exported nowhere"
OTEL_TRACES_SAMPLER=always_off offline "not sampled" 0 "warn  settings     OTEL_TRACES_SAMPLER=always_off in the environment"
OTEL_BSP_MAX_QUEUE_SIZE=many offline "not understood" 0 'warn  settings     OTEL_BSP_MAX_QUEUE_SIZE="many"'

# ---- the endpoint ----
# endpoint NAME STATUS SCHEDULE LINE
endpoint() {
    rm -f "$DIR/port"
    "$ROOT/tests/fakes/otlp" --port-file "$DIR/port" --schedule "$3" &
    started+=($!)
    wait_for 20 test -s "$DIR/port"
    local url
    url=http://127.0.0.1:$(cut -d' ' -f1 "$DIR/port")
    OTEL_EXPORTER_OTLP_ENDPOINT=$url doctor "$1" "$2" "${4//URL/$url/v1/traces}"
    kill $!
}
endpoint "401" 1 401 "FAIL  endpoint     URL answers 401"
has "401: what mends it" "$text" "-> OTEL_EXPORTER_OTLP_HEADERS=name=value"
endpoint "404" 1 404 "FAIL  endpoint     URL answers 404"
endpoint "503" 0 503 "warn  endpoint     URL answers 503"
endpoint "closed" 1 close "FAIL  endpoint     URL: "
OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:9 doctor "refused" 1 "FAIL  endpoint     http://127.0.0.1:9/v1/traces: Failed to connect"
OTEL_EXPORTER_OTLP_ENDPOINT=http://no-such-host.invalid:4318 doctor "no such host" 1 "FAIL  endpoint     http://no-such-host.invalid:4318/v1/traces: Could not resolve"
OTEL_EXPORTER_OTLP_ENDPOINT=https://${RECEIVER#http://} doctor "no TLS there" 1 "FAIL  endpoint     https://${RECEIVER#http://}/v1/traces: "
OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317 doctor "gRPC's port" 1 "warn  endpoint     http://127.0.0.1:4317/v1/traces: port 4317 is usually gRPC's"
cat >"$WORK/late.py" <<'PYTHON'
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.send_response_only(200)
        self.send_header("Date", "Wed, 21 Oct 2015 07:28:00 GMT")
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_):
        pass
server = HTTPServer(("127.0.0.1", 0), Handler)
open(sys.argv[1], "w").write(str(server.server_port))
server.serve_forever()
PYTHON
python3 "$WORK/late.py" "$DIR/late.port" &
started+=($!)
wait_for 5 test -s "$DIR/late.port"
OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$(cat "$DIR/late.port") doctor "clock" 1 "FAIL  clock        this machine's clock is "
doctor "clock: right" 0 "ok    clock        as the endpoint's"

# ---- a running process ----
start_web
mkfifo "$DIR/in"
LD_PRELOAD=$LIBRARY "$BUILD/tests/integration/sampling/requests" "$WEB" <"$DIR/in" >"$DIR/out" &
program=$!
exec 7>"$DIR/in"
offline "pid: no call yet" 0 "warn  process      $program (" --pid $program
echo / >&7
wait_for 5 grep -q / "$DIR/out"
wait_for 5 exporter_is_there
offline "pid: recording" 0 "ok    process      $program ($BUILD/tests/integration/sampling/requests) records into $BOX/$program-" --pid $program
offline "pid: served" 0 "ok    process      exporter $(exporter_pid) serves it" --pid $program
offline "pid: the exporter is there" 0 "ok    exporter     pid $(exporter_pid) serves $BOX" --pid $program
exported() { [[ $("$otelshim" doctor --offline --pid $program) == *"2 spans came out of it, 2 of them exported"* ]]; }
wait_for 8 exported
is "pid: counts" 0 $?
exec 7>&-
wait $program
sleep 30 &
program=$!
started+=("$program")
has_become_sleep() { [ "$(readlink /proc/$program/exe)" != "$(readlink /proc/$$/exe)" ]; }
wait_for 5 has_become_sleep
offline "pid: without the library" 1 "FAIL  process      $program ($(readlink -f /proc/$program/exe)) runs without the library" --pid $program
offline "pid: no such process" 1 "FAIL  process      999999999: there is no such process" --pid 999999999

# ---- forms ----
json=$("$otelshim" doctor --offline -o json "$WORK/static")
is "json" "fail static FAIL" "$(python3 -c '
import json, sys
d = json.loads(sys.argv[1])
f = [x for x in d["findings"] if x["state"] == "fail"]
print(d["state"], "static" if "statically" in f[0]["text"] and f[0]["mend"] else "", "FAIL" if d["schema"] == 1 else "")' "$json")"
has_not "no colours in a pipe" "$("$otelshim" doctor --offline)" $'\033'
has "colours where they are forced" "$(CLICOLOR_FORCE=1 "$otelshim" doctor --offline)" $'\033[32mok'
"$otelshim" doctor --pid x 2>/dev/null
is "usage: --pid" 2 $?
"$otelshim" doctor --pid 1 curl 2>/dev/null
is "usage: --pid and a program" 2 $?
"$otelshim" doctor --nonesuch 2>/dev/null
is "usage: option" 2 $?
finish
