#!/usr/bin/env bash
# config: what each setting is and where it came from; secrets are never shown; mistakes are told.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

token=987654:SECRETSECRET
line() { grep -E "^(# )?$1=" <<<"$shown"; }

shown=$("$otelshim" config)
is "a default stands behind a #" "# OTELSHIM_TRACE_GAP=100" "$(line OTELSHIM_TRACE_GAP)"
is "every setting is there" "$(grep -c '^SETTING(' "$ROOT/shim/wire/settings.h")" "$(wc -l <<<"$shown")"
is "--set: nothing is set but the test's own" "OTELSHIM_DIR=$BOX" "$("$otelshim" config --set)"

mkdir -p "$DIR/config/otelshim"
printf 'OTEL_SERVICE_NAME = from-file\nOTELSHIM_TRACE_GAP = 7\nTELEGRAM_TOKEN = %s\n' $token >"$DIR/config/otelshim/otelshim.conf"
printf 'OTEL_BSP_MAX_QUEUE_SIZE=99\n' >"$DIR/.env"
shown=$(OTELSHIM_ENV_FILE=$DIR/.env OTEL_SERVICE_NAME=from-environment ERROR_DUPLICATE_WINDOW=60 \
    OTEL_EXPORTER_OTLP_ENDPOINT=http://me:$token@host:4318 "$otelshim" config --origin)
has "the environment wins over a file" "$(line OTEL_SERVICE_NAME)" "OTEL_SERVICE_NAME=from-environment "
has "the environment is named" "$(line OTEL_SERVICE_NAME)" "# the environment"
has "the .env file is named" "$(line OTEL_BSP_MAX_QUEUE_SIZE)" "# $DIR/.env"
has "a configuration file is named" "$(line OTELSHIM_TELEGRAM_TOKEN)" "# $DIR/config/otelshim/otelshim.conf, as TELEGRAM_TOKEN"
has "seconds of an older name are milliseconds" "$(line OTELSHIM_ALERT_WINDOW)" "OTELSHIM_ALERT_WINDOW=60000 "
has "a row that acts in the program only" "$(line OTELSHIM_TRACE_GAP)" "acts only in a program started by"
has "userinfo of a URL is masked" "$(line OTEL_EXPORTER_OTLP_ENDPOINT)" "http://********@host:4318"
has_not "no secret in the text" "$shown" SECRETSECRET
json=$(OTEL_EXPORTER_OTLP_HEADERS="authorization=$token" "$otelshim" config show -o json)
has_not "no secret in the JSON" "$json" SECRETSECRET
is "the JSON can be read" "True ******** from-file" "$(python3 -c '
import json, sys
by_name = {each["name"]: each for each in json.load(sys.stdin)["settings"]}
print(by_name["OTEL_EXPORTER_OTLP_HEADERS"]["secret"], by_name["OTEL_EXPORTER_OTLP_HEADERS"]["value"], by_name["OTEL_SERVICE_NAME"]["value"])' <<<"$json")"

rm "$DIR/config/otelshim/otelshim.conf"
is "check: fine" "ok: every setting was understood" "$("$otelshim" config check)"
out=$(TELEGRAM_ERROR_DEDUP_MINUTES=soon "$otelshim" config check)
is "check: status" 1 $?
has "check: the name that was given, the value, what is allowed" "$out" 'TELEGRAM_ERROR_DEDUP_MINUTES="soon": milliseconds'
is "paths" "$DIR/config/otelshim/otelshim.conf (not there)" "$("$otelshim" config paths | head -1)"
out=$("$otelshim" config sow 2>&1)
is "an unknown word: status" 2 $?
is "an unknown word" "otelshim config: unknown operand 'sow': show, check or paths" "$out"
finish
