#!/usr/bin/env bash
# Hosts, exporters and collectors that die, refuse, run out, or were built otherwise; see robust.py.
# robust.sh [--full] [--list] [-j N] [CASE…]
set -eu
here=$(dirname "$(readlink -f "$0")")
cd "$here/../../.."
exec "$(tests/venv)" "$here/robust.py" "$@"
