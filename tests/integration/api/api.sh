#!/usr/bin/env bash
# otelshim.h and syslog(3), with and without the library; see api.py. api.sh [CASE…]
# With a /dev of its own, where a socket can stand in for the system's log.
set -eu
here=$(dirname "$(readlink -f "$0")")
cd "$here/../../.."
python=$(tests/venv)
user=-r
[ "$(id -u)" != 0 ] || user=
if unshare $user -m true 2>/dev/null; then
    # shellcheck disable=SC2016
    exec unshare $user -m sh -c '
        new=$(mktemp -d) && mount -t tmpfs -o mode=755 tmpfs "$new" && mkdir -m 1777 "$new/shm" &&
        for each in null zero full random urandom tty; do touch "$new/$each" && mount --bind "/dev/$each" "$new/$each"; done &&
        ln -s /proc/self/fd "$new/fd" && ln -s fd/0 "$new/stdin" && ln -s fd/1 "$new/stdout" && ln -s fd/2 "$new/stderr" &&
        mount --rbind "$new" /dev && exec "$@"' sh env OWN_DEV=1 "$python" "$here/api.py" "$@"
fi
exec "$python" "$here/api.py" "$@"
