#!/usr/bin/env bash
# OTELSHIM_STDIO in the program: the same bytes on both streams, and all of them as pieces; see stdio.py. stdio.sh [CASE…]
set -eu
here=$(dirname "$(readlink -f "$0")")
exec python3 "$here/stdio.py" "$@"
