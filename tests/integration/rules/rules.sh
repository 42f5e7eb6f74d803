#!/usr/bin/env bash
# Messages and measurements that rules make of an unchanged program's calls, at a Bot API server and a receiver; see rules.py.
# rules.sh [CASE…]. As root with a /dev/shm of its own, as robust.sh.
set -eu
here=$(dirname "$(readlink -f "$0")")
cd "$here/../../.."
python=$(tests/venv)
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
    # shellcheck disable=SC2016
    exec unshare -m sh -c 'mount -t tmpfs -o mode=1777 tmpfs /dev/shm && exec "$@"' sh "$python" "$here/rules.py" "$@"
fi
exec "$python" "$here/rules.py" "$@"
