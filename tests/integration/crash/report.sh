#!/usr/bin/env bash
# Crash reports from the fault to the receiver, and the commands on them. See report.py.
set -eu
here=$(dirname "$(readlink -f "$0")")
exec "$("$here"/../../venv)" "$here"/report.py "$@"
