#!/usr/bin/env bash
# From a death to its report: what the exporter makes of crashes, kills and hangs; see deaths.py. deaths.sh [CASE…]
# As root with a /dev/shm of its own: every exporter serves the standard drop boxes, too, and other tests use those.
set -eu
here=$(dirname "$(readlink -f "$0")")
cd "$here/../../.."
python=$(tests/venv)
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
    # shellcheck disable=SC2016
    exec unshare -m sh -c 'mount -t tmpfs -o mode=1777 tmpfs /dev/shm && exec "$@"' sh "$python" "$here/deaths.py" "$@"
fi
exec "$python" "$here/deaths.py" "$@"
