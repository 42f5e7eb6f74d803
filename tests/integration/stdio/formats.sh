#!/usr/bin/env bash
# Lines of standard output and error as log records and alerts, with exporters that are killed; see formats.py.
# formats.sh [--full] [--list] [-j N] [CASE…]
# As root with a /dev/shm of its own, as robust.sh.
set -eu
here=$(dirname "$(readlink -f "$0")")
cd "$here/../../.."
python=$(tests/venv)
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
    # shellcheck disable=SC2016
    exec unshare -m sh -c 'mount -t tmpfs -o mode=1777 tmpfs /dev/shm && exec "$@"' sh "$python" "$here/formats.py" "$@"
fi
exec "$python" "$here/formats.py" "$@"
