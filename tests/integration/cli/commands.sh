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

for command in run export status alerts telegram send-test config version help; do
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
