#!/usr/bin/env bash
# OTLP over TLS: refused without the CA's certificate (and kept), delivered with it; a client certificate when asked for.
set -u
here=$(dirname "$(readlink -f "$0")")
cd "$here/../../.." || exit 1
python=$(tests/venv) || exit 1
exec "$python" "$here/tls.py"
