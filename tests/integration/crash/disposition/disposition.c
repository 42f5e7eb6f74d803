/*
 * Every crash signal, however it comes, whatever the program does about it: run without and with the library, the output must
 * be the same to the letter (disposition.sh). One program, a file by noun.
 *
 *   disposition matrix    {signal} x {default, handler exits, returns, re-raises to default, re-raises to the previous}
 *                         x {cause, raise}: how the child ended, what its handler saw
 *   disposition flags     SA_RESETHAND, SA_NODEFER, SA_ONSTACK with and without an alternate stack, no SA_SIGINFO, masks
 *   disposition names     what each old name for sigaction() installs, returns and reads back
 *   disposition lives     fork, vfork, exec, posix_spawn, threads: who has which action
 */
#include "disposition.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WITH_CAUSE = 1 };
static void (*const behaviours[])(int, siginfo_t *, void *) = {NULL, handler_exits, handler_returns,
                                                               handler_to_default, handler_to_previous};
static const char *const behaviour_names[] = {"default", "exits", "returns", "to default", "to previous"};

static void run_cell(int number, int how)
{
    int behaviour = how >> 1;
    if (behaviours[behaviour])
        install(number, behaviours[behaviour], 0);
    errno = 4711;
    if (how & WITH_CAUSE)
        cause(number);
    else
        raise(number);
    say_action("  afterwards", number);
    say("  mask %llx\n", (unsigned long long)mask_now());
    say_stack("  afterwards");
}

static void matrix(void)
{
    static const int numbers[] = {SIGSEGV, SIGBUS,  SIGILL,  SIGFPE,  SIGABRT, SIGTRAP,
                                  SIGSYS,  SIGXCPU, SIGXFSZ, SIGQUIT, SIGUSR1};
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        for (int behaviour = 0; behaviour < 5; behaviour++)
            for (int with_cause = 0; with_cause < 2; with_cause++) {
                char what[80];
                snprintf(what, sizeof(what), "%d %s, %s", numbers[i], behaviour_names[behaviour],
                         with_cause ? "caused" : "raised");
                in_child(what, run_cell, numbers[i], behaviour << 1 | with_cause);
            }
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    char here[64];
    interrupted = here;
    say("errno %d\n", errno);
    say_stack("at first");
    if (!strcmp(what, "matrix"))
        matrix();
    if (!strcmp(what, "flags"))
        flags();
    if (!strcmp(what, "lives"))
        lives();
    if (!strcmp(what, "read"))
        say_action(argv[3], atoi(argv[2]));
    if (!strcmp(what, "names")) {
        in_child("names", run_names, SIGSEGV, 0);
        in_child("names", run_names, SIGXCPU, 0);
        in_child("names", run_names, SIGUSR1, 0);
    }
    return 0;
}
