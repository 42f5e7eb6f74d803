/* causes: a real cause for each signal; and children to die of them. */
#include "disposition.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void cause_sys(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sched_getscheduler, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
    for (;;)
        syscall(SYS_sched_getscheduler, 0);
}

static void cause_file_size(void)
{
    struct rlimit limit = {1, 1};
    FILE *file = tmpfile();
    setrlimit(RLIMIT_FSIZE, &limit);
    for (int i = 0; i < 4; i++)
        if (pwrite(fileno(file), "abc", 3, 8) < 0)
            say("  pwrite: errno %d\n", errno);
}

void cause(int number)
{
    volatile int zero = 0, *volatile nothing = NULL;
    (void)zero;
    switch (number) {
    case SIGSEGV:
        *nothing = 1;
        break;
    case SIGBUS: {
        FILE *file = tmpfile();
        char *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fileno(file), 0);
        zero = *(volatile char *)map;
        break;
    }
    case SIGFPE:
#ifdef __x86_64__
        zero = 1 / zero;
        break;
#else
        raise(SIGFPE);
        break;
#endif
    case SIGILL:
#ifdef __x86_64__
        __asm__ volatile("ud2");
#else
        __asm__ volatile("udf #0");
#endif
        break;
    case SIGTRAP:
#ifdef __x86_64__
        __asm__ volatile("int3");
#else
        __asm__ volatile("brk #0");
#endif
        break;
    case SIGABRT:
        abort();
    case SIGSYS:
        cause_sys();
        break;
    case SIGXFSZ:
        cause_file_size();
        break;
    default:
        raise(number);
    }
}

/* ---- children ---- */
void say_end(const char *what, int status)
{
    if (WIFSIGNALED(status))
        say("%s: signal %d%s\n", what, WTERMSIG(status), WCOREDUMP(status) ? ", core" : "");
    else
        say("%s: exit %d\n", what, WEXITSTATUS(status));
}

/* `run` in a child. What it does with its own stack is compared with `interrupted`. */
void in_child(const char *what, void (*run)(int, int), int number, int how)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        char here[64];
        interrupted = here;
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        alarm(20);
        run(number, how);
        _exit(0);
    }
    waitpid(child, &status, 0);
    say_end(what, status);
}

void install(int number, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
    sigaddset(&action.sa_mask, SIGUSR2);
    sigaction(number, &action, &previous);
}
