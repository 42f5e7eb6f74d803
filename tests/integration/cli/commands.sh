#!/usr/bin/env bash
# commands: what every command has in common: help, versions, mistakes in one line, exit statuses.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

# mistake NAME STATUS LINE COMMAND...: nothing on stdout, that line on stderr
mistake() {
    local name=$1 status=$2 line=$3 out
    shift 3
    out=$("$@" 2>"$DIR/err")
    is "$name: status" "$status" $?
    is "$name: stdout" "" "$out"
    is "$name: stderr" "$line" "$(cat "$DIR/err")"
}

mistake no_command 2 'otelshim: no command given: `otelshim help` lists them' "$otelshim"
mistake unknown_command 2 "otelshim: unknown command 'stauts': did you mean 'status'?" "$otelshim" stauts
mistake far_command 2 "otelshim: unknown command 'xyzzyx': \`otelshim help\` lists them" "$otelshim" xyzzyx
mistake unknown_option 2 "otelshim export: unknown option '--consol': did you mean '--console'?" "$otelshim" export --consol
mistake option_without_value 2 "otelshim export: option '--dir' needs a value" "$otelshim" export --dir
mistake flag_with_value 2 "otelshim export: option '--console' takes no value" "$otelshim" export --console=1
mistake operand 2 "otelshim status: unexpected 'now': see \`otelshim help status\`" "$otelshim" status now
mistake format 2 "otelshim status: -o xml: allowed are text and json" "$otelshim" status -o xml
mistake seconds 2 "otelshim export: --leave-after soon: allowed are seconds" "$otelshim" export --leave-after soon
mistake relative_dir 2 "otelshim export: --dir x: allowed is an absolute path" "$otelshim" export --dir x
mistake help_of_unknown 2 "otelshim help: unknown command 'rum': did you mean 'run'?" "$otelshim" help rum
mistake run_without_program 125 "otelshim run: no program given: otelshim run [--console] [--] PROGRAM [ARGUMENT...]" "$otelshim" run
mistake run_unknown_option 125 "otelshim run: unknown option '--consle': did you mean '--console'?" "$otelshim" run --consle true
mistake run_endpoint 125 "otelshim run: --endpoint 'foo': allowed is an http:// or https:// URL" "$otelshim" run --endpoint foo true
mistake run_not_found 127 "otelshim run: no-such-program: No such file or directory" "$otelshim" run no-such-program
mistake run_not_executable 126 "otelshim run: /etc/passwd: Permission denied" "$otelshim" run /etc/passwd
mistake run_console_not_found 127 "otelshim run: no-such-program: No such file or directory" "$otelshim" run --console no-such-program

mistake crashes_word 2 "otelshim crashes: unknown operand 'info': list, show, export or prune" "$otelshim" crashes info 1
mistake crashes_operands 2 "otelshim crashes: unexpected '3': see \`otelshim help crashes\`" "$otelshim" crashes show 1 3
mistake crashes_number 2 "otelshim crashes: -n x: a number from 1 on" "$otelshim" crashes list -n x
mistake crashes_since 2 "otelshim crashes: --since 'gestern' is no time: \"2026-01-31 09:00\", \"09:00\", \"-2h\", yesterday, @SECONDS" "$otelshim" crashes -S gestern
mistake crashes_prune 2 "otelshim crashes: prune what? a match, --until TIME, -n N (keep so many) or --all" "$otelshim" crashes prune
mistake test_crash_signal 2 "otelshim test-crash: --signal TERM: allowed are SEGV, BUS, FPE, ILL, TRAP, ABRT, SYS, XCPU, XFSZ, KILL" "$otelshim" test-crash --signal TERM
mistake test_crash_two 2 "otelshim test-crash: only one of --signal, --abort, --overflow, --throw" "$otelshim" test-crash --abort --throw
mistake stacks_nobody 1 "otelshim stacks: 4194305: No such process" "$otelshim" stacks 4194305
mistake stacks_no_pid 2 "otelshim stacks: one process id is wanted: otelshim stacks [-o json] PID" "$otelshim" stacks self
mistake symbolize_nothing 2 "otelshim symbolize: a report, or MODULE+0xOFFSET: see \`otelshim help symbolize\`" "$otelshim" symbolize
mistake symbolize_no_report 1 "otelshim symbolize: no report 'trader+10'; an address is MODULE+0xOFFSET" "$otelshim" symbolize trader+10
mistake config_word 2 "otelshim config: unknown operand 'chek': show, check or paths" "$otelshim" config --origin chek
mistake alerts_mute 2 "otelshim alerts mute: allowed is a duration like 90s, 30m, 2h, 1d, of a year at most" "$otelshim" alerts mute
mistake alerts_mute_long 2 "otelshim alerts mute: 400d: allowed is a duration like 90s, 30m, 2h, 1d, of a year at most" "$otelshim" alerts mute 400d
mistake alerts_mute_json 2 "otelshim alerts mute: -o: only of list and dedup" "$otelshim" alerts mute 2h -o json
mistake alerts_operand 2 "otelshim alerts list: 2h: unexpected: see \`otelshim help alerts\`" "$otelshim" alerts list 2h
mistake telegram_word 2 "otelshim telegram: nothing given: setup or chats" "$otelshim" telegram
mistake send_test_chat 2 "otelshim send-test: --chat 'foo': allowed is a chat's id or @name, ID/TOPIC for a topic" "$otelshim" send-test --chat foo
mistake send_test_two 2 "otelshim send-test: one of --error, --trade, --crash" "$otelshim" send-test --error --trade

is "symbolize -o json" "main" "$("$otelshim" symbolize -o json "$otelshim+0x$(nm "$otelshim" | sed -n 's/^0*\([0-9a-f]*\) T main$/\1/p')" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["addresses"][0]["frames"][0]["function"])')"
is "symbolize: no such file" "otelshim symbolize: /no-such-file: No such file or directory" "$("$otelshim" symbolize /no-such-file+0x10 2>&1 >/dev/null)"

for command in run export status crashes stacks symbolize test-crash doctor alerts telegram send-test config version help; do
    has "help $command" "$("$otelshim" help $command)" "usage: otelshim $command"
    is "$command --help" "$("$otelshim" help $command)" "$("$otelshim" $command --help)"
    has "help lists $command" "$("$otelshim" help)" "  $command "
done
is "--help" "$("$otelshim" help)" "$("$otelshim" --help)"
has_not "no colour in a pipe" "$("$otelshim" help)" $'\e['
has "colour when forced" "$(CLICOLOR_FORCE=1 "$otelshim" help)" $'\e['
has_not "NO_COLOR wins" "$(NO_COLOR=1 CLICOLOR_FORCE=1 "$otelshim" help)" $'\e['
is "version -o json is JSON" 1 "$("$otelshim" version -o json | python3 -c 'import json, sys; print(json.load(sys.stdin)["schema"])')"
is "--version" "$("$otelshim" version)" "$("$otelshim" --version)"
finish
