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

# Over an older one: who starts meanwhile has the one or the other, never none and never half of one.
in_one_step() {
    install_into install /usr "$scratch/over" && python3 - "$scratch/over/usr/lib" make -s install "BUILD=$BUILD" PREFIX=/usr "DESTDIR=$scratch/over" <<'END'
import ctypes, os, struct, subprocess, sys
CREATED, REMOVED, RENAMED_TO = 0x100, 0x200, 0x80
libc = ctypes.CDLL(None)
events = libc.inotify_init()
libc.inotify_add_watch(events, sys.argv[1].encode(), CREATED | REMOVED | RENAMED_TO)
subprocess.run(sys.argv[2:], check=True, stdout=subprocess.DEVNULL)
data, seen = os.read(events, 65536), []
while data:
    mask, n = struct.unpack_from("4xI4xI", data)
    if data[16:16 + n].rstrip(b"\0") == b"libotelshim.so":
        seen.append(mask)
    data = data[16 + n:]
print(f"seen of libotelshim.so: {list(map(hex, seen))}" if seen != [RENAMED_TO] else "", end="")
sys.exit(seen != [RENAMED_TO])
END
}
ok in_one_step in_one_step

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
