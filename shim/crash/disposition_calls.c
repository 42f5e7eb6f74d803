/*
 * disposition_calls: sigaction() and its relatives, interposed.
 *
 *   taken     SEGV BUS ILL FPE ABRT TRAP SYS XCPU XFSZ, and QUIT where OTELSHIM_CRASH_QUIT=1. All other signals pass, but for
 *             SA_ONSTACK (onstack.h)
 *   passes    everything, where crash capture is off and where somebody else manages these signals (crash_has_manager())
 *   traps     the names other than sigaction() reach libc's own inside libc, past us: they are done here again, with glibc's
 *             semantics. A vfork child's own action goes to the kernel as it is. A raw system call may have replaced our
 *             action: what the kernel says then is the truth, so it is asked every time. A program that read our entry
 *             by a raw system call may give it back: that means what the program believed
 *   stays     async-signal-safe: everything on the stack, UNIX signals blocked while the lock is held. Before the constructor
 *             and after the destructor too
 */
#include "crash/crash.h"

#include "crash/disposition_priv.h"
#include "crash/onstack.h"
#include "crash/sharing.h"
#include "real_libc.h"
#include "settings.h"
#include "sys.h"
#include <errno.h>
#include <string.h>

/* sigset() and its like are what this file is about. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define EXPORTED __attribute__((visibility("default")))
#define REAL_NAMES(X) X(sigaction) X(signal) X(sysv_signal) X(sigset) X(sigignore) X(siginterrupt)
#define SA_INTERRUPT 0x20000000
#define SIG_HELD ((signal_handler *)2) /* SIG_HOLD */

typedef void signal_handler(int);

/* <signal.h> declares the rest; what it hides, or marks as deprecated, is declared here. */
struct sigvec {
    signal_handler *sv_handler;
    int sv_mask, sv_flags;
};
enum { SV_ONSTACK = 1, SV_INTERRUPT = 2, SV_RESETHAND = 4 };
EXPORTED int __sigaction(int number, const struct sigaction *action, struct sigaction *old);
EXPORTED signal_handler *__sysv_signal(int number, signal_handler *handler);
EXPORTED signal_handler *bsd_signal(int number, signal_handler *handler);
EXPORTED int sigvec(int number, const struct sigvec *vector, struct sigvec *old);

#define REAL_NUMBER(name) REAL_##name,
enum { REAL_NAMES(REAL_NUMBER) N_REALS };
static void *reals[N_REALS] __attribute__((section(".data"))); /* as in disposition.c */

/* Libc's, or of another interposer behind us. No lock, no allocation: these are called in UNIX-signal handlers. */
static void *find_real(unsigned real, const char *name)
{
    void *found = __atomic_load_n(&reals[real], __ATOMIC_RELAXED);
    if (!found) {
        found = libc_find_behind_us(name);
        __atomic_store_n(&reals[real], found, __ATOMIC_RELAXED);
    }
    return found;
}
#define REAL(name) ((__typeof__(&name))find_real(REAL_##name, #name))

/* ---- struct sigaction and views ---- */
static bool is_entry(const struct sigaction *action)
{
    return (uintptr_t)action->sa_handler == (uintptr_t)crash_entry;
}

static void view_of(const struct sigaction *action, struct disposition_view *ret_view)
{
    ret_view->program.handler = (uint64_t)(uintptr_t)action->sa_handler;
    ret_view->program.flags = (uint32_t)action->sa_flags;
    memcpy(&ret_view->program.mask, &action->sa_mask, sizeof(ret_view->program.mask));
    ret_view->restorer = (uint64_t)(uintptr_t)action->sa_restorer;
}

static void action_of(const struct disposition_view *view, struct sigaction *ret_action)
{
    memset(ret_action, 0, sizeof(*ret_action));
    ret_action->sa_handler =
        (signal_handler *)(uintptr_t)view->program.handler; /* NOLINT(performance-no-int-to-ptr) */
    ret_action->sa_flags = (int)(uint32_t)view->program.flags;
    memcpy(&ret_action->sa_mask, &view->program.mask, sizeof(view->program.mask));
    ret_action->sa_restorer =
        (void (*)(void))(uintptr_t)view->restorer; /* NOLINT(performance-no-int-to-ptr) */
}

static int set_kernel(int number, const struct disposition_view *view, struct sigaction *ret_old)
{
    struct disposition_kernel kernel;
    struct disposition_view ours = *view;
    struct sigaction action;
    disposition_for_kernel(number, view, &kernel);
    ours.program = (struct disposition){kernel.handler, kernel.flags & ~(uint64_t)SA_RESTORER, kernel.mask};
    action_of(&ours, &action);
    return REAL(sigaction)(number, &action, ret_old);
}

/* What the kernel made of it (it drops flags it does not know), and libc's restorer, belong to what the program reads back. */
static void read_back(int number, struct disposition_view *view)
{
    struct sigaction kernel = {.sa_restorer = NULL}; /* aarch64's libc does not write it */
    if (REAL(sigaction)(number, NULL, &kernel) != 0 || !is_entry(&kernel))
        return;
    uint64_t changed = (uint32_t)DISPOSITION_OUR_FLAGS;
    view->program.flags = ((uint32_t)kernel.sa_flags & ~changed) | (view->program.flags & changed);
    view->program.mask &= ~(1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1));
    view->restorer = (uint64_t)(uintptr_t)kernel.sa_restorer;
}

/* ---- sigaction for a taken signal ---- */
/* Under the lock. `wanted` becomes what the program will read back; *ret_old what the kernel had. */
static int replace(int number, struct disposition_view *wanted, const struct disposition_view *before,
                   struct sigaction *ret_old)
{
    int result;
    if (wanted->program.handler == (uint64_t)(uintptr_t)SIG_IGN) {
        struct sigaction ignored;
        action_of(wanted, &ignored);
        result = REAL(sigaction)(number, &ignored, ret_old);
    } else {
        /* From a handler to SIG_DFL the view goes first: the handler must not run with flags that are ours. */
        if (wanted->program.handler == (uint64_t)(uintptr_t)SIG_DFL)
            disposition_publish(number, wanted);
        result = set_kernel(number, wanted, ret_old);
        read_back(number, wanted);
    }
    disposition_publish(number, result == 0 ? wanted : before);
    return result;
}

/* What the program believed: `kernel` is what the kernel had, `before` the view of then. */
static void show_old(const struct sigaction *kernel, const struct disposition_view *before,
                     struct sigaction *ret_old)
{
    if (is_entry(kernel))
        action_of(before, ret_old);
    else
        *ret_old = *kernel;
}

static int query_taken(int number, struct sigaction *old)
{
    struct disposition_view view;
    struct sigaction kernel = {.sa_restorer = NULL};
    disposition_load(number, &view);
    int result = REAL(sigaction)(number, NULL, &kernel);
    if (result == 0)
        show_old(&kernel, &view, old);
    return result;
}

static int change_taken(int number, const struct sigaction *action, struct sigaction *old)
{
    struct sigaction kernel = {.sa_restorer = NULL}, given = *action;
    struct disposition_view before, wanted;
    uint64_t signals;
    int result;
    view_of(&given, &wanted);
    if (sharing_is_own()) {
        onstack_ask(number, (given.sa_flags & SA_ONSTACK) != 0);
        sharing_lock(&signals);
        disposition_load(number, &before);
        if (is_entry(&given))
            wanted = before;
        result = replace(number, &wanted, &before, &kernel);
        sharing_unlock(&signals);
    } else {
        disposition_load(number, &before);
        if (is_entry(&given))
            action_of(&before, &given);
        result = REAL(sigaction)(number, &given, &kernel);
    }
    if (result == 0 && old)
        show_old(&kernel, &before, old);
    return result;
}

/* ---- and for the others ---- */
static int change_other(int number, const struct sigaction *action, struct sigaction *old)
{
    bool was_hidden = onstack_is_hidden(number);
    if (!action || (!(action->sa_flags & SA_ONSTACK) && !was_hidden)) {
        int result = REAL(sigaction)(number, action, old);
        if (result == 0 && old && was_hidden)
            old->sa_flags |= SA_ONSTACK;
        return result;
    }
    struct sigaction given = *action, kernel;
    onstack_ask(number, (given.sa_flags & SA_ONSTACK) != 0);
    if (onstack_is_hidden(number))
        given.sa_flags &= ~SA_ONSTACK;
    int result = REAL(sigaction)(number, &given, &kernel);
    if (result == 0 && old) {
        *old = kernel;
        if (was_hidden)
            old->sa_flags |= SA_ONSTACK;
    }
    return result;
}

static int change(int number, const struct sigaction *action, struct sigaction *old)
{
    if (!disposition_is_taken(number))
        return change_other(number, action, old);
    if (!action)
        return old ? query_taken(number, old) : 0;
    return change_taken(number, action, old);
}

/* Libcurl sets SIGPIPE twelve times a request: what is nothing to us goes on at once. */
EXPORTED int sigaction(int number, const struct sigaction *action, struct sigaction *old)
{
    __typeof__(&sigaction) real =
        (__typeof__(&sigaction))__atomic_load_n(&reals[REAL_sigaction], __ATOMIC_RELAXED);
    uint64_t special = __atomic_load_n(&disposition_special, __ATOMIC_RELAXED);
    bool is_ours = (unsigned)number - 1 >= 64 || special >> ((unsigned)number - 1) & 1;
    if (real && !is_ours && !(action && action->sa_flags & SA_ONSTACK))
        return real(number, action, old);
    return change(number, action, old);
}

EXPORTED int __sigaction(int number, const struct sigaction *action, struct sigaction *old)
{
    return change(number, action, old);
}

/* ---- signal() and its relatives: glibc's semantics for what is taken, libc itself for the rest ---- */
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
    return change(number, &action, &old) == 0 ? old.sa_handler : SIG_ERR;
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
    if (change(number, NULL, &action) != 0)
        return -1;
    if (interrupt) {
        (void)__atomic_fetch_or(&interrupting, bit_of(number), __ATOMIC_RELAXED);
        action.sa_flags &= ~SA_RESTART;
    } else {
        (void)__atomic_fetch_and(&interrupting, ~bit_of(number), __ATOMIC_RELAXED);
        action.sa_flags |= SA_RESTART;
    }
    return change(number, &action, NULL);
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
        return change(number, NULL, &action) == 0 ? action.sa_handler : SIG_ERR;
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
    if (change(number, vector ? &action : NULL, &before) != 0)
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

/* ---- the constructor's part ---- */
static bool ask_kernel(int number, const struct disposition_kernel *set, struct disposition_kernel *ret_now)
{
    return sys_call6(__NR_rt_sigaction, number, (long)set, (long)ret_now, sizeof(set->mask), 0, 0) == 0;
}

/* Libc's own way back from a handler, which unwinders know, is read from what it tells the kernel for the first signal. */
static bool set_first(int number, const struct disposition_view *view)
{
    static bool is_known __attribute__((section(".data")));
    struct disposition_kernel kernel = {0};
    if (!is_known && set_kernel(number, view, NULL) == 0 && ask_kernel(number, NULL, &kernel)) {
        is_known = true;
        disposition_note_restorer(kernel.flags & SA_RESTORER ? kernel.restorer
                                                             : 0); /* else the word is garbage */
        return true;
    }
    disposition_for_kernel(number, view, &kernel);
    return ask_kernel(number, &kernel, NULL);
}

/* SIG_IGN stays untouched: it would be ignored all through exec. A handler is one of a constructor before ours. */
static void take(int number)
{
    struct disposition_kernel now = {0};
    if (!ask_kernel(number, NULL, &now))
        return;
    const struct disposition_view view = {{now.handler, now.flags, now.mask}, now.restorer};
    disposition_publish(number, &view);
    if (now.handler == (uint64_t)(uintptr_t)SIG_IGN || set_first(number, &view))
        disposition_take(number);
}

/* The last one is glibc's: a libc whose signal() we do not know is left alone, too. */
bool crash_has_manager(void)
{
    static const char *const names[] = {"__asan_init",
                                        "__tsan_init",
                                        "__msan_init",
                                        "__hwasan_init",
                                        "_vgnU_freeres",
                                        "JVM_begin_signal_setting",
                                        "AddSpecialSignalHandlerFn",
                                        "gnu_get_libc_version"};
    const unsigned n = sizeof(names) / sizeof(names[0]);
    return libc_find_names(names, n) != 1u << (n - 1);
}

void disposition_start(void)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGILL,  SIGFPE, SIGABRT,
                                  SIGTRAP, SIGSYS, SIGXCPU, SIGXFSZ};
    if (!crash_is_on() || crash_has_manager() || !REAL(sigaction))
        return;
    sharing_start();
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        take(numbers[i]);
    if (settings_get()->crash_quit)
        take(SIGQUIT);
}
