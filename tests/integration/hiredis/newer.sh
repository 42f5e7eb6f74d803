#!/usr/bin/env bash
# newer.sh PREFIX [--update]: the cases of this folder, and those of newer/, with a hiredis that Debian 12 does not have.
#
#   tests/integration/hiredis/newer.sh /opt/hiredis-1.2      expects PREFIX/include/hiredis and PREFIX/lib/libhiredis.so
#
# Against the expectations that `make test` compares 0.14 with. TLS only where PREFIX/lib has libhiredis_ssl.so, against a
# redis-server with a tls-port. Needs BUILD (default build) with the library, the exporter and venv.
# Exit status 0: all as expected. 1: not. 2: wrong usage.
set -eu
HERE=$(cd "$(dirname "$0")" && pwd)
ROOT=$(cd "$HERE/../../.." && pwd)
BUILD=$(cd "$ROOT" && realpath -m "${BUILD:-build}")
if [ $# -lt 1 ] || [ ! -e "$1/include/hiredis/async.h" ] || [ ! -e "$1/lib/libhiredis.so" ]; then
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
PREFIX=$(realpath "$1")
shift

work=$(mktemp -d /tmp/otelshim-newer-XXXXXX)
server=
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

# A build directory whose programs are those of another hiredis.
mkdir -p "$work/tests/integration/hiredis/newer"
ln -s "$BUILD/libotelshim.so" "$BUILD/otelshim" "$work/"
compile() { # NAME LIBRARY…
    local name=$1
    shift
    ${CC:-gcc} -std=gnu17 -D_GNU_SOURCE -O2 -g -I"$PREFIX/include" -o "$work/tests/integration/$name" \
        "$HERE/../$name.c" -L"$PREFIX/lib" -Wl,-rpath,"$PREFIX/lib" "$@" -lhiredis -levent -lpthread
}
names=()
for case in "$HERE"/*.c "$HERE"/newer/options.c "$HERE"/newer/push.c; do
    name=${case#"$HERE"/}
    names+=("hiredis/${name%.c}")
done
for name in "${names[@]}"; do
    compile "$name"
    echo "$name redis" >>"$work/list"
done

start_tls() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 \
        -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
    TLS_PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    env -u LD_PRELOAD redis-server --port 0 --bind 127.0.0.1 --tls-port "$TLS_PORT" --tls-cert-file "$work/cert.pem" \
        --tls-key-file "$work/key.pem" --tls-ca-cert-file "$work/cert.pem" --tls-auth-clients no --save '' \
        --dir "$work" >"$work/redis.log" &
    server=$!
    for _ in $(seq 100); do
        redis-cli --tls --cacert "$work/cert.pem" -p "$TLS_PORT" ping >/dev/null 2>&1 && return
        sleep 0.05
    done
    cat "$work/redis.log" >&2
    return 1
}
if [ -e "$PREFIX/lib/libhiredis_ssl.so" ]; then
    start_tls
    compile hiredis/newer/tls -lhiredis_ssl -lssl -lcrypto
    echo "hiredis/newer/tls none TLS_PORT=$TLS_PORT TLS_CA=$work/cert.pem" >>"$work/list"
fi

python=$(cd "$ROOT" && VENV=$BUILD/venv tests/venv)
cd "$ROOT" && BUILD=$work LIST=$work/list "$python" tests/integration/run.py "$@"
