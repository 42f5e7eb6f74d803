#!/usr/bin/env bash
# websocket.sh [PREFIX]: what Debian 12's libcurl cannot do, WebSocket and HTTP/2 push, with a newer one: that of pycurl's wheel, or
# one installed under PREFIX (8.11 or newer; before, WebSocket is experimental, and 7.88 has no push that works). The programs are
# built here, against that library. Prints `ok` and `not ok` lines; what was counted is read from the mapped file.
#   ./configure --prefix=PREFIX --with-openssl --with-nghttp2 && make -C lib install && make -C include install
set -u
export PREFIX=${1:-${PREFIX:-}} # common.sh starts us anew, without arguments
# shellcheck source-path=SCRIPTDIR source=../cli/common.sh
. "$(dirname "$0")/../cli/common.sh"
here=$ROOT/tests/integration/curl
if [ -z "$PREFIX" ]; then
    wheel=$("$("$ROOT"/tests/venv)" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')/pycurl.libs
    library=$(find "$wheel" -name 'libcurl*.so*' 2>/dev/null | head -n 1)
    if [ -z "$library" ]; then
        echo "ok websocket # skipped: pycurl has no wheel here"
        finish
        exit 0
    fi
    PREFIX=$DIR/newer
    mkdir -p "$PREFIX/lib"
    ln -s "$wheel"/* "$PREFIX/lib/"
    ln -s "$(basename "$library")" "$PREFIX/lib/libcurl.so"
fi
build() { # NAME
    gcc -std=gnu17 -D_GNU_SOURCE -I"$PREFIX/include" -o "$DIR/$1" "$here/$1.c" -L"$PREFIX/lib" -Wl,-rpath,"$PREFIX/lib" -lcurl ||
        { not_ok "$1 cannot be built" "$PREFIX"; finish; exit 1; }
}
# Twice, without and with the library; spans by the receiver, counts by the file.
compare() { # NAME
    local plain traced
    plain=$("$DIR/$1" 2>&1)
    traced=$(LD_PRELOAD=$LIBRARY OTELSHIM_EXPORTER=none "$DIR/$1" 2>&1)
    is "$1: the same with and without" "$plain" "$traced"
    printf '%s\n' "$traced" | sed 's/^/    /'
}

# name, path, status of the spans that arrived, sorted
seen() {
    python3 - "$DIR/spans" "${1:-0}" <<END | sort
import json, sys
from urllib.parse import urlsplit
for line in open(sys.argv[1]).readlines()[int(sys.argv[2]):]:
    span = json.loads(line)["span"]
    known = span["attributes"]
    if "url.full" in known:
        print(span["name"], urlsplit(known["url.full"]).path, known["http.response.status_code"],
              *(["upgrade"] if "http.response.header.upgrade" in known else []), *(["error"] if "error.type" in known else []))
END
}

"$ROOT/tests/fakes/websocket" "$DIR/websocket.port" &
started+=($!)
wait_for 5 test -s "$DIR/websocket.port"
WEBSOCKET_URL=ws://127.0.0.1:$(cat "$DIR/websocket.port")
export WEBSOCKET_URL
start_receiver
export OTEL_METRICS_EXPORTER=none OTEL_EXPORTER_OTLP_ENDPOINT=$RECEIVER OTEL_BSP_SCHEDULE_DELAY=50 OTELSHIM_TRACE_GAP=10000
export OTELSHIM_RESPONSE_HEADERS=upgrade

build websocket
compare websocket
counts=$(python3 "$here/counts.py" "$BOX"/*-*-*)
is "connections: two opened, two closed" "1 -1 1 -1" "$(sed -n 's/^open_connections //p' <<<"$counts" | xargs)"
is "messages sent: hello, one in pieces, one in fragments, two that say close" 5 "$(grep -c '^messages_sent 1' <<<"$counts")"
is "messages received: three; those of a write callback are not seen" 3 "$(grep -c '^messages_received 1' <<<"$counts")"
"$otelshim" export &
started+=($!)
wait_for 10 has_spans 5
is "websocket: spans" "GET /callback 101 upgrade
GET /easy 101 upgrade
GET /multi 101 upgrade
GET /refused 403 error" "$(seen)"

if command -v nghttpd >/dev/null; then
    mkdir "$DIR/pushed" && for file in small pushing; do echo "$file" >"$DIR/pushed/$file"; done
    listens() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || ended $!; }
    for _ in 1 2 3 4 5; do # somebody else may have the port
        port=$((20000 + RANDOM % 10000))
        nghttpd --no-tls -p/pushing=/small -d "$DIR/pushed" "$port" >/dev/null 2>&1 &
        started+=($!)
        wait_for 5 listens
        ended $! || break
    done
    export PUSH_URL=http://127.0.0.1:$port
    build push
    compare push
    wait_for 10 has_spans 11
    is "push: asked for three times, pushed once, by itself" "GET /pushing 200
GET /pushing 200
GET /small 200
GET /small 200
GET /small 200" "$(seen 5)"
else
    echo "ok push # skipped: no nghttpd"
fi
finish
