/* command: see command.h. */
#include "cli/command.h"
#include "cli/self.h"
#include "cli/test_crash.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

const struct command commands[] = {
#define COMMAND(name, typed, summary) {typed, command_##name, summary, command_##name##_help},
#include "cli/commands.h"
#undef COMMAND
};
const size_t n_commands = sizeof(commands) / sizeof(commands[0]);

#define MAX_WORDS 64u

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < n_commands; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

void command_suggest(const char *name, char *ret_text, size_t max_bytes)
{
    const char *names[sizeof(commands) / sizeof(commands[0]) + 1] = {NULL};
    for (size_t i = 0; i < n_commands; i++)
        names[i] = commands[i].name;
    const char *near = settings_nearest(name, names);
    if (near)
        snprintf(ret_text, max_bytes, "did you mean '%s'?", near);
    else
        snprintf(ret_text, max_bytes, "`otelshim help` lists them");
}

int command_main(int argc, char **argv)
{
    if (!test_crash_is_child(argc, argv))
        self_leave_preload(argv);
    if (argc < 2) {
        fputs("otelshim: no command given: `otelshim help` lists them\n", stderr);
        return STATUS_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        name = "version";
    const struct command *command = command_find(name);
    if (command)
        return command->run(argc - 1, argv + 1);

    char hint[100];
    bool is_option = name[0] == '-';
    command_suggest(is_option ? name + strspn(name, "-") : name, hint, sizeof(hint));
    fprintf(stderr, "otelshim: unknown %s '%s': %s\n", is_option ? "option" : "command", name, hint);
    return STATUS_USAGE;
}

static const struct option_row *find_option(const struct option_row *rows, size_t n_rows,
                                            const char *argument, const char **ret_value)
{
    for (size_t i = 0; i < n_rows; i++) {
        size_t bytes = strlen(rows[i].name);
        *ret_value = NULL;
        if (strcmp(argument, rows[i].name) == 0 || (rows[i].letter && strcmp(argument, rows[i].letter) == 0))
            return &rows[i];
        if (strncmp(argument, rows[i].name, bytes) == 0 && argument[bytes] == '=') {
            *ret_value = argument + bytes + 1;
            return &rows[i];
        }
        if (rows[i].letter && rows[i].text && strncmp(argument, rows[i].letter, 2) == 0) {
            *ret_value = argument + 2;
            return &rows[i];
        }
    }
    return NULL;
}

static void say_unknown(const char *command, const struct option_row *rows, size_t n_rows,
                        const char *argument)
{
    const char *names[MAX_WORDS] = {"--help"};
    for (size_t i = 0; i < n_rows && i + 2 < MAX_WORDS; i++)
        names[i + 1] = rows[i].name;
    const char *near = settings_nearest(argument, names);
    if (near)
        fprintf(stderr, "otelshim %s: unknown option '%s': did you mean '%s'?\n", command, argument, near);
    else
        fprintf(stderr, "otelshim %s: unknown option '%s': see `otelshim help %s`\n", command, argument,
                command);
}

int command_parse_options(int argc, char **argv, const struct option_row *rows, size_t n_rows,
                          int usage_status, int *ret_first)
{
    int i = 1;
    for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        }
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            const struct command *command = command_find(argv[0]);
            assert(command); /* it is the one that runs */
            fputs(command->help, stdout);
            return 0;
        }
        const char *value;
        const struct option_row *row = find_option(rows, n_rows, argv[i], &value);
        if (!row) {
            say_unknown(argv[0], rows, n_rows, argv[i]);
            return usage_status;
        }
        if (row->flag && value) {
            fprintf(stderr, "otelshim %s: option '%s' takes no value\n", argv[0], row->name);
            return usage_status;
        }
        if (row->flag) {
            *row->flag = true;
            continue;
        }
        if (!value && i + 1 >= argc) {
            fprintf(stderr, "otelshim %s: option '%s' needs a value\n", argv[0], argv[i]);
            return usage_status;
        }
        *row->text = value ? value : argv[++i];
    }
    *ret_first = i;
    return OPTIONS_FINE;
}

int command_parse_words(int argc, char **argv, const struct option_row *rows, size_t n_rows,
                        const char **ret_words, size_t max_words)
{
    for (size_t i = 0; i < max_words; i++)
        ret_words[i] = NULL;
    for (size_t n = 0;; n++) {
        int first = 1;
        int status = command_parse_options(argc, argv, rows, n_rows, STATUS_USAGE, &first);
        if (status != OPTIONS_FINE || first >= argc)
            return status;
        if (n == max_words)
            return command_refuse_operands(argc, argv, first, STATUS_USAGE);
        ret_words[n] = argv[first];
        argv[first] = argv[0]; /* the name stands in front of what is left */
        argv += first;
        argc -= first;
    }
}

int command_refuse_operands(int argc, char **argv, int first, int usage_status)
{
    if (first >= argc)
        return OPTIONS_FINE;
    fprintf(stderr, "otelshim %s: unexpected '%s': see `otelshim help %s`\n", argv[0], argv[first], argv[0]);
    return usage_status;
}

int command_parse_format(const char *command, const char *format, bool *ret_is_json)
{
    *ret_is_json = format && strcmp(format, "json") == 0;
    if (!format || *ret_is_json || strcmp(format, "text") == 0)
        return OPTIONS_FINE;
    fprintf(stderr, "otelshim %s: -o %s: allowed are text and json\n", command, format);
    return STATUS_USAGE;
}

int command_parse_only_format(int argc, char **argv, int usage_status, bool *ret_is_json)
{
    const char *format = NULL;
    int first = 1;
    const struct option_row rows[] = {{"--output", "-o", NULL, &format}};
    int status = command_parse_options(argc, argv, rows, 1, usage_status, &first);
    if (status == OPTIONS_FINE)
        status = command_refuse_operands(argc, argv, first, usage_status);
    return status == OPTIONS_FINE ? command_parse_format(argv[0], format, ret_is_json) : status;
}
