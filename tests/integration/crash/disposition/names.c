/* names: what each old name for sigaction() installs, returns and reads back. */
#include "disposition.h"

#include <sys/syscall.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

extern int __sigaction(int number, const struct sigaction *action, struct sigaction *old);
extern handler_fn *__sysv_signal(int number, handler_fn *handler);
extern handler_fn *bsd_signal(int number, handler_fn *handler);

/* What programs of 1998 call: still in libc, for them. */
struct old_vector {
    handler_fn *handler;
    int mask, flags;
};
extern int sigvec(int number, const struct old_vector *vector, struct old_vector *old);
#ifdef __x86_64__
__asm__(".symver sigvec, sigvec@GLIBC_2.2.5");
#else
__asm__(".symver sigvec, sigvec@GLIBC_2.17");
#endif

static void say_old(const char *what, handler_fn *old)
{
    struct sigaction action = {.sa_handler = old};
    say("%s returned %s\n", what,
        old == SIG_ERR    ? "SIG_ERR"
        : old == SIG_HOLD ? "SIG_HOLD"
                          : name_of(&action));
}

void run_names(int number, int how)
{
    (void)how;
    say_old("  signal", signal(number, handler_plain));
    say_action("  signal", number);
    raise(number);
    say_old("  bsd_signal", bsd_signal(number, SIG_DFL));
    say_action("  bsd_signal", number);
    say_old("  ssignal", ssignal(number, handler_plain));
    say_action("  ssignal", number);
    say_old("  sysv_signal", sysv_signal(number, handler_plain));
    say_action("  sysv_signal", number);
    raise(number);
    say_action("  sysv_signal, after one", number);
    say_old("  __sysv_signal", __sysv_signal(number, handler_plain));
    say_action("  __sysv_signal", number);
    say("  siginterrupt: %d\n", siginterrupt(number, 1));
    say_action("  siginterrupt", number);
    say_old("  signal", signal(number, handler_plain));
    say_action("  signal, interrupting", number);
    say("  siginterrupt: %d\n", siginterrupt(number, 0));
    say_old("  signal", signal(number, handler_plain));
    say_action("  signal, restarting", number);
    say_old("  sigset", sigset(number, SIG_HOLD));
    say("  mask %llx\n", (unsigned long long)mask_now());
    say_action("  sigset, held", number);
    say_old("  sigset", sigset(number, SIG_HOLD));
    say_old("  sigset", sigset(number, handler_plain));
    say("  mask %llx\n", (unsigned long long)mask_now());
    say_action("  sigset", number);
    say_old("  sigset", sigset(number, SIG_DFL));
    say("  sigignore: %d\n", sigignore(number));
    say_action("  sigignore", number);
    raise(number);
    struct sigaction action = {.sa_handler = handler_plain, .sa_flags = SA_NODEFER}, old;
    say("  __sigaction: %d\n", __sigaction(number, &action, &old));
    say("  __sigaction was %s\n", name_of(&old));
    say_action("  __sigaction", number);
    struct old_vector vector = {handler_plain, 1 << 4, 3}, was;
    say("  sigvec: %d\n", sigvec(number, &vector, &was));
    say("  sigvec was %d mask %x flags %x\n", was.handler == handler_plain, (unsigned)was.mask,
        (unsigned)was.flags);
    say_action("  sigvec", number);
    say("  sigvec: %d\n", sigvec(number, NULL, &was));
    say("  sigvec is %d mask %x flags %x\n", was.handler == handler_plain, (unsigned)was.mask,
        (unsigned)was.flags);
    /* saved and restored with what cannot carry SA_SIGINFO (breakpad's RedeliveryOnBadSignalHandlerFlag) */
    install(number, handler_returns, 0);
    handler_fn *saved = signal(number, SIG_DFL);
    signal(number, saved);
    say_action("  saved by signal()", number);
    /* what a raw system call says is true */
    struct {
        uint64_t handler, flags, restorer, mask;
    } raw = {.handler = (uint64_t)(uintptr_t)SIG_IGN};
    say("  raw: %ld\n", syscall(SYS_rt_sigaction, number, &raw, NULL, sizeof(raw.mask)));
    say_action("  raw", number);
    say_old("  signal", signal(number, SIG_DFL));
    say_action("  the end", number);
    raise(number);
}
