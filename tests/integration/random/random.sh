#!/usr/bin/env bash
# Random programs, without and with the shim; see calls.py.  random.sh [--full] [--under valgrind] [LIBRARY] [SEED…]
# As root with a /dev/shm of its own: every exporter serves the standard drop boxes, too, and other tests use those.
set -eu
here=$(dirname "$(readlink -f "$0")")
cd "$here/../../.."
python=$(tests/venv)
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
    # shellcheck disable=SC2016
    exec unshare -m sh -c 'mount -t tmpfs -o mode=1777 tmpfs /dev/shm && exec "$@"' sh "$python" "$here/calls.py" "$@"
fi
exec "$python" "$here/calls.py" "$@"
