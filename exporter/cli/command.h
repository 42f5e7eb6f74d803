/*
 * command: the commands of `otelshim`, what is common to them, and how their options are read.
 *
 * Data goes to stdout, notes to stderr. Exit statuses: 0; 1 a negative answer; 2 wrong usage; `run` has its own
 * (125-127 and the program's). Context: start of the process, one thread.
 */
#ifndef OTELSHIM_COMMAND_H
#define OTELSHIM_COMMAND_H

#include "settings/settings.h"
#include <stdbool.h>
#include <stddef.h>

#define STATUS_FAILED 1
#define STATUS_USAGE 2
#define STATUS_UNREACHABLE 4 /* there is no exporter to ask */

struct command {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] is the command's name; returns the exit status */
    const char *summary;
    const char *help; /* of `otelshim help NAME` */
};

#define COMMAND(name, typed, summary)          \
    int command_##name(int argc, char **argv); \
    extern const char command_##name##_help[];
#include "cli/commands.h"
#undef COMMAND

extern const struct command commands[];
extern const size_t n_commands;

/* All of `otelshim`: finds the command and runs it. */
int command_main(int argc, char **argv);
/* NULL when there is none. */
const struct command *command_find(const char *name);
/* "did you mean 'status'?", or where the list is. */
void command_suggest(const char *name, char *ret_text, size_t max_bytes);

/* One option: a flag, or one that takes a text ("--dir DIR", "--dir=DIR", "-o json"). */
struct option_row {
    const char *name, *letter; /* "--dir", "-d"; letter NULL: none */
    bool *flag;
    const char **text;
};

#define OPTIONS_FINE (-1)
/*
 * Reads options up to the first operand or "--"; *ret_first is the index of what follows. OPTIONS_FINE, or the exit status to
 * leave with: 0 after --help was answered, `usage_status` after one line said what is wrong.
 */
int command_parse_options(int argc, char **argv, const struct option_row *rows, size_t n_rows,
                          int usage_status, int *ret_first);
/* The same with options before, between and behind at most `max_words` operands; of ret_words the others are NULL. */
int command_parse_words(int argc, char **argv, const struct option_row *rows, size_t n_rows,
                        const char **ret_words, size_t max_words);
/* Says that there should be no operand; the same return values. */
int command_refuse_operands(int argc, char **argv, int first, int usage_status);
/* Is "-o" given as json? OPTIONS_FINE, or the exit status after one line. */
int command_parse_format(const char *command, const char *format, bool *ret_is_json);
/* All three for a command that takes -o and nothing else. */
int command_parse_only_format(int argc, char **argv, int usage_status, bool *ret_is_json);

#endif
