#!/usr/bin/env bash
# Hosts, exporters and collectors that die, refuse, run out, or were built otherwise; see robust.py.
# robust.sh [--full] [--list] [-j N] [CASE…]
# As root with a /dev/shm of its own: every exporter serves the standard drop boxes, too, and other tests use those.
set -eu
here=$(dirname "$(readlink -f "$0")")
cd "$here/../../.."
python=$(tests/venv)
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
    # shellcheck disable=SC2016
    exec unshare -m sh -c 'mount -t tmpfs -o mode=1777 tmpfs /dev/shm && exec "$@"' sh "$python" "$here/robust.py" "$@"
fi
exec "$python" "$here/robust.py" "$@"
