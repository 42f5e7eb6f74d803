#!/usr/bin/env bash
# What metrics say against the calls that were made; see metrics.py. metrics.sh [CASE…]
# As root with a /dev/shm of its own, as robust.sh.
set -eu
here=$(dirname "$(readlink -f "$0")")
cd "$here/../../.."
python=$(tests/venv)
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
    # shellcheck disable=SC2016
    exec unshare -m sh -c 'mount -t tmpfs -o mode=1777 tmpfs /dev/shm && exec "$@"' sh "$python" "$here/metrics.py" "$@"
fi
exec "$python" "$here/metrics.py" "$@"
