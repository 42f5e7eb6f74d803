#!/usr/bin/env bash
# The crash slot, read by the official structs; and every death as without the library. See crash.py.
set -eu
here=$(dirname "$(readlink -f "$0")")
exec python3 "$here"/crash.py "$@"
