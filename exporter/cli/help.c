/* help: the list of commands, or what one of them does. */
#include "base/terminal.h"
#include "cli/command.h"

#include <stdio.h>
#include <unistd.h>

const char command_help_help[] =
    "usage: otelshim help [COMMAND]\n"
    "\n"
    "Lists the commands, or says what one of them does and which options it takes.\n";

static void print_list(void)
{
    bool has_colour = terminal_has_colour(STDOUT_FILENO);
    const char *bold = has_colour ? "\033[1m" : "", *plain = has_colour ? "\033[0m" : "";
    printf("otelshim: OpenTelemetry traces of programs that know nothing of it\n"
           "\n"
           "usage: otelshim COMMAND [OPTION...]\n"
           "\n");
    for (size_t i = 0; i < n_commands; i++)
        printf("  %s%-10s%s  %s\n", bold, commands[i].name, plain, commands[i].summary);
    printf("\n"
           "see the traces here       otelshim run --console -- PROGRAM ARGUMENT...\n"
           "send them to a collector  LD_PRELOAD=libotelshim.so PROGRAM ARGUMENT...\n"
           "\n"
           "`otelshim help COMMAND` says more.\n");
}

int command_help(int argc, char **argv)
{
    int first = 1;
    int status = command_parse_options(argc, argv, NULL, 0, STATUS_USAGE, &first);
    if (status != OPTIONS_FINE)
        return status;
    if (first >= argc) {
        print_list();
        return 0;
    }
    const struct command *command = command_find(argv[first]);
    if (!command) {
        char hint[100];
        command_suggest(argv[first], hint, sizeof(hint));
        fprintf(stderr, "otelshim help: unknown command '%s': %s\n", argv[first], hint);
        return STATUS_USAGE;
    }
    fputs(command->help, stdout);
    return 0;
}
