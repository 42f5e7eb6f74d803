/*
 * signal_calls: signal() and its relatives, interposed: glibc's semantics for signals that are taken (disposition_calls.c), libc itself for
 * the rest.
 *
 *   traps     inside libc they reach libc's own sigaction(), past us: so they are done here again
 *   stays     async-signal-safe, as sigaction() is
 */
#include "crash/crash.h"

#include "crash/disposition_priv.h"
#include "crash/onstack.h"
#include "real_libc.h"
#include "sys.h"
#include <errno.h>
#include <string.h>

/* sigset() and its like are what this file is about. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define SA_INTERRUPT 0x20000000
#define SIG_HELD ((signal_handler *)2) /* SIG_HOLD */

typedef void signal_handler(int);

/* <signal.h> declares the rest; what it hides, or marks as deprecated, is declared here. */
struct sigvec {
    signal_handler *sv_handler;
    int sv_mask, sv_flags;
};
enum { SV_ONSTACK = 1, SV_INTERRUPT = 2, SV_RESETHAND = 4 };
EXPORTED signal_handler *__sysv_signal(int number, signal_handler *handler);
EXPORTED signal_handler *bsd_signal(int number, signal_handler *handler);
EXPORTED int sigvec(int number, const struct sigvec *vector, struct sigvec *old);

#define REAL_NAMES(X) X(signal) X(sysv_signal) X(sigset) X(sigignore) X(siginterrupt)
#define REAL_NUMBER(name) REAL_##name,
enum { REAL_NAMES(REAL_NUMBER) N_REALS };
static void *reals[N_REALS];
/* Libc's, or of another interposer behind us. */
#define REAL(name) ((__typeof__(&name))libc_find_once(&reals[REAL_##name], #name))

static uint64_t interrupting; /* siginterrupt(): bit per signal; glibc's own is out of reach */

static uint64_t bit_of(int number)
{
    return 1ull << (unsigned)(number - 1);
}

/* The signal's action is about to be replaced by libc, inside libc: without SA_ONSTACK. */
static void forget_onstack(int number)
{
    if (onstack_is_hidden(number))
        onstack_ask(number, false);
}

static signal_handler *install(int number, signal_handler *handler, uint64_t mask, int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags}, old;
    if (handler == SIG_ERR) {
        errno = EINVAL;
        return SIG_ERR;
    }
    memcpy(&action.sa_mask, &mask, sizeof(mask));
    return disposition_change(number, &action, &old) == 0 ? old.sa_handler : SIG_ERR;
}

static signal_handler *install_bsd(int number, signal_handler *handler)
{
    if (!disposition_is_taken(number)) {
        forget_onstack(number);
        return REAL(signal)(number, handler);
    }
    uint64_t interrupts = __atomic_load_n(&interrupting, __ATOMIC_RELAXED) & bit_of(number);
    return install(number, handler, bit_of(number), interrupts ? 0 : SA_RESTART);
}

static signal_handler *install_sysv(int number, signal_handler *handler)
{
    if (!disposition_is_taken(number)) {
        forget_onstack(number);
        return (REAL(sysv_signal) ? REAL(sysv_signal) : REAL(signal))(number,
                                                                      handler); /* musl has one for both */
    }
    return install(number, handler, 0, (int)(SA_RESETHAND | SA_NODEFER | SA_INTERRUPT));
}

EXPORTED signal_handler *signal(int number, signal_handler *handler)
{
    return install_bsd(number, handler);
}

EXPORTED signal_handler *bsd_signal(int number, signal_handler *handler)
{
    return install_bsd(number, handler);
}

EXPORTED signal_handler *ssignal(int number, signal_handler *handler)
{
    return install_bsd(number, handler);
}

EXPORTED signal_handler *sysv_signal(int number, signal_handler *handler)
{
    return install_sysv(number, handler);
}

EXPORTED signal_handler *__sysv_signal(int number, signal_handler *handler)
{
    return install_sysv(number, handler);
}

EXPORTED int sigignore(int number)
{
    if (disposition_is_taken(number))
        return install(number, SIG_IGN, 0, 0) == SIG_ERR ? -1 : 0;
    forget_onstack(number);
    return REAL(sigignore)(number);
}

EXPORTED int siginterrupt(int number, int interrupt)
{
    struct sigaction action;
    if (!disposition_is_taken(number))
        return REAL(siginterrupt)(number, interrupt); /* keeps the kernel's flags but SA_RESTART */
    if (disposition_change(number, NULL, &action) != 0)
        return -1;
    if (interrupt) {
        (void)__atomic_fetch_or(&interrupting, bit_of(number), __ATOMIC_RELAXED);
        action.sa_flags &= ~SA_RESTART;
    } else {
        (void)__atomic_fetch_and(&interrupting, ~bit_of(number), __ATOMIC_RELAXED);
        action.sa_flags |= SA_RESTART;
    }
    return disposition_change(number, &action, NULL);
}

/* Blocks (0) or unblocks (1) one signal; was it blocked? */
static bool change_mask(int how, int number)
{
    uint64_t set = bit_of(number), old = 0;
    (void)sys_call6(__NR_rt_sigprocmask, how, (long)&set, (long)&old, sizeof(set), 0, 0);
    return old & set;
}

EXPORTED signal_handler *sigset(int number, signal_handler *handler)
{
    struct sigaction action;
    if (!disposition_is_taken(number)) {
        if (handler != SIG_HELD)
            forget_onstack(number);
        return REAL(sigset)(number, handler);
    }
    if (handler == SIG_HELD) {
        if (change_mask(SIG_BLOCK, number))
            return SIG_HELD;
        return disposition_change(number, NULL, &action) == 0 ? action.sa_handler : SIG_ERR;
    }
    signal_handler *old = install(number, handler, 0, 0);
    if (old == SIG_ERR)
        return old;
    return change_mask(SIG_UNBLOCK, number) ? SIG_HELD : old;
}

/* Of 4.2BSD: glibc keeps it for programs that were linked long ago. */
EXPORTED int sigvec(int number, const struct sigvec *vector, struct sigvec *old)
{
    struct sigaction action, before;
    if (vector) {
        uint64_t mask = (uint32_t)vector->sv_mask;
        unsigned flags = (unsigned)vector->sv_flags;
        memset(&action, 0, sizeof(action));
        action.sa_handler = vector->sv_handler;
        memcpy(&action.sa_mask, &mask, sizeof(mask));
        action.sa_flags = (flags & SV_ONSTACK ? SA_ONSTACK : 0) | (flags & SV_INTERRUPT ? 0 : SA_RESTART) |
                          (int)(flags & SV_RESETHAND ? SA_RESETHAND : 0);
    }
    if (disposition_change(number, vector ? &action : NULL, &before) != 0)
        return -1;
    if (old) {
        uint64_t mask;
        memcpy(&mask, &before.sa_mask, sizeof(mask));
        old->sv_handler = before.sa_handler;
        old->sv_mask = (int)(uint32_t)mask;
        old->sv_flags = (before.sa_flags & SA_ONSTACK ? SV_ONSTACK : 0) |
                        (before.sa_flags & SA_RESTART ? 0 : SV_INTERRUPT) |
                        ((unsigned)before.sa_flags & SA_RESETHAND ? SV_RESETHAND : 0);
    }
    return 0;
}
