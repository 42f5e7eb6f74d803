#!/usr/bin/env bash
# alerts: the bot from nothing to its first message, against a server of the Bot API; what was told; silence for a while.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

"$ROOT/tests/servers/start" "$DIR/servers" telegram redis >"$DIR/servers.out" 2>&1 || { not_ok "servers" "$(cat "$DIR/servers.out")"; finish; }
trap '"$ROOT/tests/servers/stop" "$DIR/servers" >/dev/null 2>&1; clean_up' EXIT
set -a
# shellcheck disable=SC1091
. "$DIR/servers/env"
set +a
export OTELSHIM_TELEGRAM_API_URL=$BOT_API_URL OTELSHIM_TELEGRAM_CERTIFICATE=$BOT_API_CA
control() { curl -s -X POST "$BOT_API_CONTROL/$1" -d "$2" >/dev/null; }
chat() { curl -s "$BOT_API_CONTROL/messages?chat=$1"; }
# exits NAME STATUS COMMAND...: its output in $out, stdout and stderr
exits() {
    local name=$1 status=$2
    shift 2
    out=$("$@" 2>&1)
    is "$name: status" "$status" $?
}

# ---- nothing is set up ----
exits "setup: no token" 3 "$otelshim" telegram setup
has "setup: what to do first" "$out" "@BotFather: /newbot"
has "setup: where the token goes" "$out" "install -D -m 600 /dev/stdin $DIR/config/otelshim/telegram-token "
has "setup: where its name goes" "$out" "echo OTELSHIM_TELEGRAM_TOKEN_FILE=$DIR/config/otelshim/telegram-token >>$DIR/config/otelshim/otelshim.conf"
exits "chats: no token" 3 "$otelshim" telegram chats
has "chats: no token" "$out" "otelshim telegram: no token is set: otelshim telegram setup"
exits "send-test: nothing" 3 "$otelshim" send-test --offline
has "send-test: nothing" "$out" "FAIL  alerts       nothing is set up"
OTELSHIM_TELEGRAM_CHATS=4711 exits "doctor: chats without a bot" 1 "$otelshim" doctor
has "doctor: chats without a bot" "$out" "FAIL  telegram     chats are named, but there is no bot's token"

# ---- a token, from a file ----
(umask 077 && printf '%s\n' "$BOT_API_TOKEN" >"$DIR/token")
export OTELSHIM_TELEGRAM_TOKEN_FILE=$DIR/token
control updates '[{"update_id":1,"message":{"message_id":1,"date":1,"chat":{"id":4711,"type":"private","first_name":"Kim","username":"kim"},"text":"hi"}},
  {"update_id":2,"message":{"message_id":2,"date":1,"is_topic_message":true,"message_thread_id":7,"chat":{"id":-1004714,"type":"supergroup","title":"Alerts"},"text":"/x"}}]'
exits "chats" 0 "$otelshim" telegram chats
has "chats: a person" "$out" "4711                 private     Kim @kim"
has "chats: a topic" "$out" "-1004714/7           supergroup  Alerts"
is "chats: asking takes nothing away" "$out" "$("$otelshim" telegram chats)"
is "chats: JSON" "4711 -1004714 7" "$("$otelshim" telegram chats -o json | python3 -c '
import json, sys
chats = json.load(sys.stdin)["chats"]
print(chats[0]["id"], chats[1]["id"], chats[1]["topic"])')"
exits "setup: no chat" 1 "$otelshim" telegram setup
has "setup: no chat" "$out" "there is a bot's token, but no chat to write to"
has "setup: the chats to choose from" "$out" "-1004714/7"

exits "send-test: a chat that is not set up" 0 "$otelshim" send-test --chat 4711 --offline
has "send-test: a chat that is not set up" "$out" "ok    telegram     4711: arrived, message 1 in "
exits "dry run: no chat" 0 "$otelshim" send-test --dry-run
has "dry run: no chat" "$out" "to nobody: nothing is set up: otelshim telegram setup"

# ---- chats ----
export OTELSHIM_TELEGRAM_CHATS=4711,-4713 TELEGRAM_CHAT_ID=ignored
exits "setup: all there" 0 "$otelshim" telegram setup
has "setup: all there" "$out" "All is set up: otelshim send-test"
exits "send-test" 0 "$otelshim" send-test --offline
has "send-test: one chat" "$out" "ok    telegram     4711: arrived, message 2 in "
has "send-test: the other" "$out" "ok    telegram     -4713: arrived, message 3 in "
has "what arrived" "$(chat 4711)" "TestError"
exits "send-test: one chat only" 0 "$otelshim" send-test --crash --chat 4712 --offline
has "a crash arrived" "$(chat 4712)" "SIGSEGV"
OTELSHIM_LANG=ko OTELSHIM_TELEGRAM_TRADE_CHATS=4712 exits "send-test: trade" 0 "$otelshim" send-test --trade --offline
has "a trade, in its chat" "$(chat 4712 | python3 -c 'import json, sys; print(json.load(sys.stdin)[-1]["text"])')" "💰 매수 주문"
exits "dry run" 0 "$otelshim" send-test --dry-run
has "dry run: to whom" "$out" "to telegram -4713"
is "dry run: JSON" "4711 -4713 ⚠️" "$("$otelshim" send-test --dry-run -o json | python3 -c '
import json, sys
test = json.load(sys.stdin)
print(*(target["address"] for target in test["targets"]), test["text"].split()[0])')"
has_not "dry run: nothing is sent" "$(chat -4713)" '"message_id": 6'

# ---- what is wrong, and what mends it ----
control chat '{"id":-4713,"state":"kicked"}'
exits "kicked" 1 "$otelshim" send-test --offline
has "kicked" "$out" "FAIL  telegram     chat -4713: Forbidden: bot was kicked from the group chat (add the bot to the group again)"
exits "a wrong chat" 1 "$otelshim" send-test --offline --chat 99
has "a wrong chat" "$out" "chat not found"
control token '{"state":"revoked"}'
exits "revoked" 1 "$otelshim" telegram chats
has "revoked" "$out" "Unauthorized"
has_not "the token is never shown" "$out" "${BOT_API_TOKEN#*:}"
control token '{"state":"ok"}'
control chat '{"id":-4713,"state":"ok"}'
OTELSHIM_TELEGRAM_CERTIFICATE=$DIR/token exits "TLS is verified" 1 "$otelshim" send-test --offline
has_not "TLS is verified: the token is never shown" "$out" "${BOT_API_TOKEN#*:}"
OTELSHIM_ALERT_DEDUP=redis OTELSHIM_REDIS_URL=redis://:secret@127.0.0.1:1 exits "doctor: Redis is down" 1 "$otelshim" doctor
has "doctor: Redis is down" "$out" "warn  redis "
has_not "doctor: no password" "$out" secret
OTELSHIM_ALERT_DEDUP=redis OTELSHIM_REDIS_URL=redis://127.0.0.1:$REDIS_PORT exits "doctor: Redis answers" 1 "$otelshim" doctor
has "doctor: Redis answers" "$out" "ok    redis        Redis "

# ---- what was told ----
is "alerts: none yet" "none yet" "$("$otelshim" alerts)"
is "dedup: nothing" "nothing is held back" "$("$otelshim" alerts dedup)"
is "options before the word" "$("$otelshim" alerts dedup -o json)" "$("$otelshim" alerts -o json dedup)"
exits "mute without an exporter" 4 "$otelshim" alerts mute 2h
exits "mute: no duration" 2 "$otelshim" alerts mute soon
is "mute: no duration" "otelshim alerts mute: soon: allowed is a duration like 90s, 30m, 2h, 1d, of a year at most" "$out"
exits "alerts: an unknown word" 2 "$otelshim" alerts lits
"$otelshim" export --leave-after 60 2>"$DIR/export.err" &
started+=($!)
wait_for 5 test -S "$BOX/control"
is "alerts: none yet, with an exporter" "none yet" "$("$otelshim" alerts)"
is "dedup: nothing, with an exporter" "nothing is held back" "$("$otelshim" alerts dedup)"
is "mute" "muted for 7200 s: alerts are listed, not sent; crashes and orders in doubt are sent, without a sound" "$("$otelshim" alerts mute 2h)"
is "unmute" "alerts are sent again" "$("$otelshim" alerts unmute)"
# A request to a port where nobody listens is told, to both chats.
export OTEL_TRACES_EXPORTER=none OTEL_METRICS_EXPORTER=none OTEL_LOGS_EXPORTER=none
LD_PRELOAD=$LIBRARY curl -sS http://127.0.0.1:9/order >/dev/null 2>&1
told() { chat 4711 | grep -q "127.0.0.1:9"; }
wait_for 5 told
has "an alert arrived" "$(chat 4711)" "ConnectionRefusedError"
listed() { "$otelshim" alerts | grep -q ConnectionRefusedError; }
wait_for 5 listed
has "alerts lists it" "$("$otelshim" alerts)" "ConnectionRefusedError"
is "alerts: JSON" 1 "$("$otelshim" alerts -o json | python3 -c 'import json, sys; print(json.load(sys.stdin)["schema"])')"
has "dedup holds it" "$("$otelshim" alerts dedup)" "GET http://127.0.0.1:9/order"
is "dedup: JSON" 1 "$("$otelshim" alerts dedup -o json | python3 -c 'import json, sys; print(json.load(sys.stdin)["schema"])')"
finish
