#!/usr/bin/env bash
# Programs that nobody here wrote: however they load the libraries, and from wherever they call; see reach.py.
# reach.sh [--full] [--list] [-j N] [CASE…]
# As root with a /dev/shm of its own, as robust.sh.
set -eu
here=$(dirname "$(readlink -f "$0")")
cd "$here/../../.."
python=$(tests/venv)
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
    # shellcheck disable=SC2016
    exec unshare -m sh -c 'mount -t tmpfs -o mode=1777 tmpfs /dev/shm && exec "$@"' sh "$python" "$here/reach.py" "$@"
fi
exec "$python" "$here/reach.py" "$@"
