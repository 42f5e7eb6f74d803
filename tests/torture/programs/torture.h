/*
 * torture: what the programs of tests/torture have in common. A program says what it can observe of its process, so that the runs
 * without and with the library can be compared, then does the deed that its first argument names.
 */
#ifndef TORTURE_H
#define TORTURE_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))

struct deed {
    const char *name;
    void (*run)(void);
};
extern const struct deed deeds[];

extern char **arguments;
char **arguments;
static volatile int always = 1; /* for what must not be found to never return */

/* Without stdio: programs of this suite crash while its locks are held. */
static inline void say(const char *format, ...)
{
    char text[1024];
    va_list list;
    va_start(list, format);
    int n = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (write(1, text, (size_t)n) != n)
        _exit(99);
}

static inline const char *handler_name(const struct sigaction *action)
{
    return action->sa_handler == SIG_DFL ? "default" : action->sa_handler == SIG_IGN ? "ignore" : "own";
}

/* Mask and alternate stack of this thread. */
static inline void observe_thread(const char *who)
{
    sigset_t mask;
    stack_t stack;
    uint64_t bits = 0;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    for (int i = 1; i <= 64; i++)
        bits |= (uint64_t)(sigismember(&mask, i) == 1) << (i - 1);
    sigaltstack(NULL, &stack);
    say("%s: mask %llx, alternate stack %s %zu\n", who, (unsigned long long)bits,
        stack.ss_flags & SS_DISABLE ? "none" : "own", stack.ss_flags & SS_DISABLE ? 0 : stack.ss_size);
}

static inline void observe(void)
{
    say("descriptors:");
    for (int fd = 0; fd < 64; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            say(" %d", fd);
    say("\n");
    observe_thread("main");
    for (int i = 1; i < 32; i++) {
        struct sigaction action;
        if (sigaction(i, NULL, &action) == 0 && action.sa_handler != SIG_DFL)
            say("signal %d: %s flags %x\n", i, handler_name(&action), (unsigned)action.sa_flags);
    }
    int got = waitpid(-1, NULL, WNOHANG);
    say("children: %d %s, dumpable %d\n", got, got < 0 ? strerrorname_np(errno) : "", prctl(PR_GET_DUMPABLE));
}

/* From here on an allocation of this thread is a defect (tests/torture/programs/detector.c, where it is preloaded). */
void torture_forbid_allocations(void) __attribute__((weak));

static inline void forbid_allocations(void)
{
    if (torture_forbid_allocations)
        torture_forbid_allocations();
}

static inline void sleep_ms(int ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&t, NULL);
}

#ifndef NO_MAIN
int main(int argc, char **argv)
{
    volatile char secret[32]; /* must not be in any report */
    strcpy((char *)secret, "on-the-stack-s3cr3t-marker");
    arguments = argv + 2;
    if (!getenv("TORTURE_QUIET"))
        observe();
    if (getenv("TORTURE_SLEEP_MS")) /* so that an exporter knows it before it dies */
        sleep_ms(atoi(getenv("TORTURE_SLEEP_MS")));
    for (const struct deed *deed = deeds; deed->name; deed++)
        if (argc > 1 && !strcmp(argv[1], deed->name)) {
            deed->run();
            say("survived\n");
            return secret[0] == 0;
        }
    say("no such deed\n");
    return 98;
}
#endif

#endif
