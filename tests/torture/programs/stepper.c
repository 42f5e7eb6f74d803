/*
 * stepper N COMMAND…: runs the command under ptrace. At its first SIGSEGV it lets the handler begin, goes N instructions into it, then
 * makes it jump to address 0: a fault in the handler itself (case 78). Ends as the command ended: 128 + signal. Without a handler, or
 * where the handler is shorter: exit 0 when N was too large.
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t child;

static int next(int request, int signal)
{
    int status;
    if (ptrace(request, child, NULL, (long)signal) != 0 || waitpid(child, &status, 0) != child)
        exit(97);
    return status;
}

static int ended(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
    long n = argc > 2 ? atol(argv[1]) : 0;
    child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        execv(argv[2], argv + 2);
        _exit(127);
    }
    int status;
    waitpid(child, &status, 0);
    status = next(PTRACE_CONT, 0);
    while (WIFSTOPPED(status) && WSTOPSIG(status) != SIGSEGV)
        status = next(PTRACE_CONT, WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status)); /* SIGTRAP: an exec */
    if (!WIFSTOPPED(status))
        return ended(status);
    status = next(PTRACE_SINGLESTEP, SIGSEGV); /* the handler's first instruction, or the end */
    long i = 0;
    for (; i < n && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP; i++)
        status = next(PTRACE_SINGLESTEP, 0);
    if (!WIFSTOPPED(status)) {
        printf("%ld steps\n", i);
        return ended(status);
    }
    if (WSTOPSIG(status) == SIGTRAP) {
#ifdef __x86_64__
        ptrace(PTRACE_POKEUSER, child, (void *)offsetof(struct user_regs_struct, rip), NULL);
#endif
        status = next(PTRACE_CONT, 0);
    }
    while (WIFSTOPPED(status))
        status = next(PTRACE_CONT, WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status));
    return ended(status);
}
