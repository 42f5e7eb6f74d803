#!/usr/bin/env bash
# What arrives of a program's own words, against what it said; see said.py. said.sh [CASE…]
# As root with a /dev/shm of its own, as robust.sh.
set -eu
here=$(dirname "$(readlink -f "$0")")
cd "$here/../../.."
python=$(tests/venv)
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
    # shellcheck disable=SC2016
    exec unshare -m sh -c 'mount -t tmpfs -o mode=1777 tmpfs /dev/shm && exec "$@"' sh "$python" "$here/said.py" "$@"
fi
exec "$python" "$here/said.py" "$@"
