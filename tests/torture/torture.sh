#!/usr/bin/env bash
# Programs that die in every way, without and with the library; see torture.py.
# torture.sh [--full] [--rounds N] [--within SECONDS] [--list] [--native] [-j N] [CASE…]
# As root with a /dev/shm of its own, as robust.sh.
set -eu
here=$(dirname "$(readlink -f "$0")")
cd "$here/../.."
python=$(tests/venv)
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
    # shellcheck disable=SC2016
    exec unshare -m sh -c 'mount -t tmpfs -o mode=1777 tmpfs /dev/shm && exec "$@"' sh "$python" "$here/torture.py" "$@"
fi
exec "$python" "$here/torture.py" "$@"
