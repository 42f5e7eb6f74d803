#!/usr/bin/env bash
# sampling: ratios, TRACEPARENT, OTELSHIM_KEEP, rules, and otelshim.conf changed under a running program.
# shellcheck source-path=SCRIPTDIR/../cli source=../cli/common.sh
. "$(dirname "$0")/../cli/common.sh"
start_web "$DIR/web.seen"
start_receiver
export OTEL_EXPORTER_OTLP_ENDPOINT=$RECEIVER OTEL_BSP_SCHEDULE_DELAY=50 OTEL_METRICS_EXPORTER=none
CONF=$XDG_CONFIG_HOME/otelshim/otelshim.conf
mkdir -p "${CONF%/*}"
requests() { LD_PRELOAD=$LIBRARY "$BUILD/tests/integration/sampling/requests" "$WEB"; }
drained() { ! ls "$BOX"/*-*-* >/dev/null 2>&1; }
delivered() { wait_for 8 drained; }
forget() { delivered; : >"$DIR/spans"; : >"$DIR/web.seen"; }
# spans EXPRESSION: of the list of spans s (s["name"], s["attributes"], …)
spans() {
    python3 - "$DIR/spans" "$1" <<'PYTHON'
import json, sys
spans = [json.loads(line)["span"] for line in open(sys.argv[1])]
paths = [s["attributes"]["url.full"].split("/", 3)[3] for s in spans if "url.full" in s["attributes"]]
print(eval(sys.argv[2]))
PYTHON
}

# ---- ratio: by the trace ids that went out, and no other ----
export OTELSHIM_TRACE_GAP=0
printf 'x 400 /\n' | OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=0.25 requests >/dev/null
delivered
exact() {
    python3 - "$DIR/web.seen" "$DIR/spans" "$1" <<'PYTHON'
import json, sys
threshold = int(sys.argv[3], 16)
ids = {line.split()[1].split("-")[1]: line.split()[1].split("-")[3] for line in open(sys.argv[1])}
wanted = {i for i in ids if int(i[18:], 16) >= threshold}
flags = {i for i in ids if ids[i] == "03" or ids[i] == "01"}
got = [json.loads(line)["span"]["trace_id"] for line in open(sys.argv[2])]
print(len(ids) == 400, wanted == flags, sorted(got) == sorted(wanted), 40 < len(got) < 160)
PYTHON
}
is "ratio 0.25: sampled is what the rule says, and all of it arrives" "True True True True" "$(exact c0000000000000)"
forget

# ---- a parent's word ----
parent() { echo /one | TRACEPARENT=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-$1 requests >/dev/null; delivered; n_spans; }
is "parentbased: sampled parent" 1 "$(OTEL_TRACES_SAMPLER=parentbased_always_off parent 01)"
: >"$DIR/spans"
is "parentbased: unsampled parent" 0 "$(OTEL_TRACES_SAMPLER=parentbased_always_on parent 00)"
is "always_on: whatever the parent says" 1 "$(OTEL_TRACES_SAMPLER=always_on parent 00)"
forget

# ---- OTELSHIM_KEEP ----
export OTELSHIM_TRACE_GAP=400
keep() { OTELSHIM_KEEP=$1 OTEL_TRACES_SAMPLER=always_off requests >/dev/null; delivered; }
three='/a\n/b\n500\n/c\n/status/503\n/d\n500\n/e\n/slow/1600\n500\n/f\n'
# shellcheck disable=SC2059
printf "$three" | keep error
is "keep error: all of that trace, and no other" "['c', 'd', 'status/503']" "$(spans 'sorted(paths)')"
is "keep error: with its root" 1 "$(spans 'sum(not s["parent_span_id"] for s in spans)')"
is "keep error: flags as they were" 0 "$(spans 'sum(s["flags"] & 1 for s in spans)')"
is "keep error: nothing stays in the box" "" "$(ls "$BOX"/*-*-* 2>/dev/null)"
forget
# shellcheck disable=SC2059
printf "$three" | keep 'slow>1500ms'
is "keep slow" "['e', 'slow/1600']" "$(spans 'sorted(paths)')"
forget
# shellcheck disable=SC2059
printf "$three" | keep 'error, slow > 1500ms'
is "keep both" "['c', 'd', 'e', 'slow/1600', 'status/503']" "$(spans 'sorted(paths)')"
has "keep: status counts" "$("$otelshim" status)" "kept 7, held 0, let go undecided 0"
forget
# shellcheck disable=SC2059
printf '/a\n/status/500\n/b\n' | TRACEPARENT=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00 OTEL_TRACES_SAMPLER="" keep error
is "keep: the part under an unsampled parent" "['a', 'b', 'status/500']" "$(spans 'sorted(paths)')"
is "keep: in the parent's trace" "{'4bf92f3577b34da6a3ce929d0e0e4736'}" "$(spans '{s["trace_id"] for s in spans}')"
forget
# a span waits: what was delivered behind it must not be acknowledged, or a killed exporter would lose it
mkfifo "$DIR/in"
OTELSHIM_KEEP=error OTEL_TRACES_SAMPLER=always_off OTELSHIM_TRACE_GAP=30000 requests <"$DIR/in" >"$DIR/out" &
program=$!
started+=("$program")
exec 7>"$DIR/in"
echo /before >&7
wait_for 5 grep -q before "$DIR/out"
is_held() { [ "$(ask "d['exporters'][0]['processes'][0]['held']")" = "$1" ]; }
wait_for 5 is_held 1
is "keep: held while its trace goes on" "0 0" "$? $(n_spans)"
kill -9 "$(exporter_pid)"
wait_for 3 exporter_is_gone
echo /status/500 >&7
exec 7>&-
wait $program
"$otelshim" export --leave-after 1 2>"$DIR/err"
delivered
is "keep: an exporter killed with spans in hand loses none" "['before', 'status/500']" "$(spans 'sorted(set(paths))')"
forget
has "keep: what it cannot read is said" "$(OTELSHIM_KEEP='error, slow>soon' "$otelshim" run -- true 2>&1)" 'OTELSHIM_KEEP: "slow>soon": allowed are'

# ---- rules ----
export OTELSHIM_TRACE_GAP=0
printf '/health\n/items?id=1\n/items?id=2&sig=secret\n' | OTELSHIM_EXCLUDE='url=*/health, url=*sig=secret*' requests >/dev/null
delivered
is "exclude: by url; on what is exported, not on its secrets" "['items?id=1', 'items?id=2&sig=REDACTED']" "$(spans 'sorted(paths)')"
is "exclude: status counts" 1 "$(ask "d['exporters'][0]['processes'][0]['excluded']")"
forget
printf '/health\n/items/1\n/items/2\n' | OTELSHIM_INCLUDE='url=*/items/*' OTELSHIM_EXCLUDE='url=*/2' requests >/dev/null
delivered
is "include, and exclude wins" "['items/1']" "$(spans 'sorted(paths)')"
forget
printf '/a\n' | OTELSHIM_EXCLUDE='host=127.0.0.?' requests >/dev/null
delivered
is "exclude: by host" 0 "$(n_spans)"
OTELSHIM_TRACE_GAP=400
printf '/health\n500\n/health\n/work\n' | OTELSHIM_EXCLUDE='url=*/health' requests >/dev/null
delivered
is "exclude: a root with nothing left under it goes too" "1 2" "$(spans 'sum(not s["parent_span_id"] for s in spans)') $(n_spans)"
forget
"$otelshim" export --leave-after 0 2>/dev/null
stop_exporter
said=$(OTELSHIM_EXCLUDE='path=/x' "$otelshim" export --leave-after 0 2>&1)
is "export: a malformed rule" 2 $?
is "export: said in one line" 'otelshim export: OTELSHIM_EXCLUDE: "path=/x": allowed are host=GLOB, url=GLOB, statement=GLOB, ...; that rule ignored' "$said"
OTELSHIM_EXCLUDE=nonsense "$otelshim" run -- true 2>"$DIR/err"
is "run: says so and runs" "0 otelshim run: OTELSHIM_EXCLUDE: \"nonsense\": allowed are host=GLOB, url=GLOB, statement=GLOB, ...; that rule ignored" "$? $(cat "$DIR/err")"

# ---- otelshim.conf, changed under a running program ----
unset OTELSHIM_TRACE_GAP
export OTELSHIM_TRACE_GAP=0
rm -f "$DIR/in" "$DIR/out"
mkfifo "$DIR/in"
LD_PRELOAD=$LIBRARY "$BUILD/tests/integration/sampling/requests" "$WEB" <"$DIR/in" >"$DIR/out" &
program=$!
started+=("$program")
exec 7>"$DIR/in"
# request PATH: made, and 300 ms for its span
request() {
    echo "$1" >&7
    wait_for 5 grep -q "^$1\$" "$DIR/out"
    sleep 0.3
}
exported() { grep -c "$1\"" "$DIR/spans"; }
arrived() { # PATH: that must come
    wait_for 5 grep -q "$1\"" "$DIR/spans"
    exported "$1"
}
live_is() { [ "$(ask "d['exporters'][0]['processes'][0]['live']")" = "$1" ]; }
# conf TEXT LIVE: the file says TEXT; soon the process runs under LIVE (by design after 0.5 s; here with what asking takes)
conf() {
    local begin took
    begin=$(now_ms)
    printf '%s\n' "$1" >"$CONF.new"
    mv "$CONF.new" "$CONF"
    if wait_for 10 live_is "$2"; then
        took=$(($(now_ms) - begin))
        ok "live: '$2' after $took ms"
    else
        not_ok "live: '$2' does not come" "$("$otelshim" status)"
    fi
}
request /one
is "live: as started" 1 "$(arrived /one)"
conf 'OTELSHIM = 0' off
request /two
is "live: off" "0 -" "$(exported /two) $(grep '^/two ' "$DIR/web.seen" | cut -d' ' -f2)"
conf 'OTELSHIM = 1' None
request /three
is "live: on again" 1 "$(arrived /three)"
conf 'OTEL_TRACES_SAMPLER = always_off' 'sampler always_off'
request /four
is "live: sampler always_off" "0 00" "$(exported /four) $(grep '^/four ' "$DIR/web.seen" | cut -d' ' -f2 | cut -d- -f4 | sed 's/02/00/')"
forget_live() { : >"$DIR/spans"; : >"$DIR/web.seen"; }
forget_live
conf $'OTEL_TRACES_SAMPLER = traceidratio\nOTEL_TRACES_SAMPLER_ARG = 0.1' 'sampler traceidratio 0.1'
echo 'x 400 /' >&7
wait_for 10 sh -c "[ \$(wc -l <'$DIR/web.seen') -ge 400 ]"
exact_live() {
    python3 - "$DIR/web.seen" "$DIR/spans" <<'PYTHON'
import json, sys
ids = {line.split()[1].split("-")[1] for line in open(sys.argv[1])}
wanted = {i for i in ids if int(i[18:], 16) >= 0xe6660000000000}
got = [json.loads(line)["span"]["trace_id"] for line in open(sys.argv[2])]
print(len(ids), sorted(got) == sorted(wanted), 10 < len(got) < 90)
PYTHON
}
is_exact() { [ "$(exact_live)" = "400 True True" ]; }
wait_for 5 is_exact
is "live: ratio 0.1, exact by trace ids" "400 True True" "$(exact_live)"
conf $'OTEL_TRACES_SAMPLER = always_off\nOTELSHIM_KEEP = error' 'sampler always_off, keep error'
request /five
request /status/500
sleep 1
is "live: keep" "1 0" "$(arrived /status/500) $(exported /five)"
has "live: status says it" "$("$otelshim" status)" "live settings: sampler always_off, keep error"
# What the exporter alone heeds is not seen in `status`: a word that is goes along, so that it is known when the file was read.
conf $'OTELSHIM_EXCLUDE = url=*/six\nOTEL_TRACES_SAMPLER = always_on' 'sampler always_on'
sleep 1.2
request /six
request /seven
is "live: rules" "1 0" "$(arrived /seven) $(exported /six)"
conf 'OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT = 0' None
sleep 1.2
request /eight
is_limited() { [ "$(spans 'sum(s["dropped_attributes"] > 0 for s in spans)')" = 1 ]; }
wait_for 5 is_limited
is "live: limits" "0 0" "$? $(exported /eight)"
conf 'OTELSHIM = 0' off
kill "$(exporter_pid)"
wait_for 3 exporter_is_gone
"$otelshim" export 2>/dev/null 7>&- &
started+=($!)
wait_for 5 live_is off
is "live: after a restart of the exporter, too" 0 $?
LD_PRELOAD=$LIBRARY curl -s -o /dev/null "$WEB/fresh" # its first call is recorded before anybody can tell it
sleep 1
is "live: a program that starts while it is off" 0 "$(exported /fresh)"
OTELSHIM=1 LD_PRELOAD=$LIBRARY curl -s -o /dev/null "$WEB/own"
wait_for 3 grep -q '/own"' "$DIR/spans"
is "live: the program's own environment wins" 0 $?
exec 7>&-
wait $program
printf 'OTEL_TRACES_SAMPLER = always_off\n' >"$CONF"
"$otelshim" run -- env >"$DIR/out"
has "run: says which settings follow the files" "$(cat "$DIR/out")" "OTELSHIM_FROM_FILES=OTEL_TRACES_SAMPLER"
rm -f "$DIR/in" "$DIR/out"
mkfifo "$DIR/in"
"$otelshim" run -- "$BUILD/tests/integration/sampling/requests" "$WEB" <"$DIR/in" >"$DIR/out" &
program=$!
started+=("$program")
exec 7>"$DIR/in"
request /nine
conf 'OTEL_TRACES_SAMPLER = always_on' 'sampler always_on'
request /ten
is "live: under otelshim run" "1 0" "$(arrived /ten) $(exported /nine)"
rm "$CONF"
wait_for 4 live_is 'sampler parentbased_always_on'
is "live: the file is gone" 0 $?
exec 7>&-
wait $program
finish
