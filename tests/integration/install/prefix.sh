#!/usr/bin/env bash
# `make install`: into a DESTDIR, and (as root, on private mounts) for real, so that the bare LD_PRELOAD=libotelshim.so works.
set -u
here=$(dirname "$(readlink -f "$0")")
cd "$here/../../.." || exit 1
export BUILD=${BUILD:-build}
passed=0 failed=0
ok() { if "${@:2}"; then echo "ok install/$1"; passed=$((passed + 1)); else echo "not ok install/$1"; failed=$((failed + 1)); fi; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
install_into() { make -s "$1" BUILD="$BUILD" PREFIX="$2" DESTDIR="$3" >"$scratch/log" 2>&1 || { cat "$scratch/log"; return 1; }; }

staged() {
    install_into install /usr "$scratch/stage" && [ -x "$scratch/stage/usr/bin/otelshim" ] &&
        [ -f "$scratch/stage/usr/lib/libotelshim.so" ] && [ -f "$scratch/stage/usr/include/otelshim.h" ] &&
        install_into uninstall /usr "$scratch/stage" &&
        [ ! -e "$scratch/stage/usr/bin/otelshim" ] && [ ! -e "$scratch/stage/usr/lib/libotelshim.so" ] &&
        [ ! -e "$scratch/stage/usr/include/otelshim.h" ]
}
ok destdir staged

# Runs in a mount namespace of its own: /usr/local and /etc (ld.so.cache) are copies.
bare_name() {
    mkdir -m 700 "$scratch/box"
    make -s install BUILD="$BUILD" PREFIX=/usr/local DESTDIR= >/dev/null || return 1
    [ "$(otelshim version | head -c 8)" = otelshim ] || { echo "otelshim is not in PATH"; return 1; }
    OTELSHIM_DIR=$scratch/box OTELSHIM_EXPORTER=none LD_PRELOAD=libotelshim.so \
        curl -s http://127.0.0.1:9/ 2>"$scratch/noise"
    [ -s "$scratch/noise" ] && { cat "$scratch/noise"; return 1; }
    find "$scratch/box" -name '[0-9]*-*' | grep -q . || { echo "the preloaded program made no file"; return 1; }
    make -s uninstall BUILD="$BUILD" PREFIX=/usr/local DESTDIR= >/dev/null && [ ! -e /usr/local/lib/libotelshim.so ]
}
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
    export -f bare_name
    export scratch BUILD
    cp -a /etc "$scratch/etc"
    mkdir "$scratch/local"
    # shellcheck disable=SC2016
    ok bare_name unshare -m bash -c 'mount --bind "$scratch/etc" /etc && mount --bind "$scratch/local" /usr/local &&
        mkdir -p /usr/local/lib && export PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin && bare_name'
else
    echo "ok install/bare_name # skipped: needs root and mount namespaces"
fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
