/*
 * commands: every command of `otelshim`, in the order of the help. One row each; no include guard: included several times.
 *
 * COMMAND(name, "as it is typed", "one line") needs `int command_<name>(int argc, char **argv)` and `const char command_<name>_help[]`
 * in a file of this folder.
 */
COMMAND(run, "run", "start a program and trace it")
COMMAND(export, "export", "serve the traced programs: what the library starts by itself")
COMMAND(status, "status", "what is traced, where it goes, what went wrong")
COMMAND(doctor, "doctor", "whether a program will be traced, and if not, why and what mends it")
COMMAND(crashes, "crashes", "reports of programs that died: list, show, export, prune")
COMMAND(stacks, "stacks", "the stacks of all threads of a running process")
COMMAND(symbolize, "symbolize", "names for addresses and for the frames of a report")
COMMAND(test_crash, "test-crash", "let a program crash, to see whether its report arrives")
COMMAND(alerts, "alerts", "what was told and what waits; mute")
COMMAND(telegram, "telegram", "the bot: setup, chats")
COMMAND(send_test, "send-test", "send a test message to every chat that is set up, and say what is wrong")
COMMAND(config, "config", "every setting, its value and where it came from; check")
COMMAND(version, "version", "which version this is")
COMMAND(help, "help", "this list, or help on a command")
