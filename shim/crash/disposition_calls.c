/*
 * disposition_calls: sigaction(), interposed, and what the constructor takes.
 *
 *   taken     SEGV BUS ILL FPE ABRT TRAP SYS XCPU XFSZ, and QUIT where OTELSHIM_CRASH_QUIT=1. All other signals pass, but for
 *             SA_ONSTACK (onstack.h)
 *   passes    everything, where crash capture is off and where somebody else manages these signals (crash_has_manager())
 *   traps     a vfork child's own action goes to the kernel as it is. A raw system call may have replaced our action: what the
 *             kernel says then is the truth, so it is asked every time. A program that read our entry by a raw system call may give
 *             it back: that means what the program believed
 *   stays     async-signal-safe: everything on the stack, UNIX signals blocked while the lock is held. Before the constructor
 *             and after the destructor too
 */
#include "crash/crash.h"

#include "crash/disposition_priv.h"
#include "crash/onstack.h"
#include "crash/sharing.h"
#include "hot.h"
#include "real_libc.h"
#include "settings.h"
#include "sys.h"
#include <errno.h>
#include <string.h>

EXPORTED int __sigaction(int number, const struct sigaction *action, struct sigaction *old);

/* Libc's, or of another interposer behind us. */
#define REAL(name) ((__typeof__(&name))libc_find_once(&disposition_words.real_##name, #name))

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
        (void (*)(int))(uintptr_t)view->program.handler; /* NOLINT(performance-no-int-to-ptr) */
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

int disposition_change(int number, const struct sigaction *action, struct sigaction *old)
{
    if (!disposition_is_taken(number))
        return change_other(number, action, old);
    if (!action)
        return old ? query_taken(number, old) : 0;
    return change_taken(number, action, old);
}

/* ---- signals that are nothing to us ---- */

/* What libc does itself but for these: it refuses its own two signals, and locks abort() out of a change (glibc 2.41). */
#define SIGNALS_OF_LIBC (1ull << (SIGABRT - 1) | 1ull << (32 - 1) | 1ull << (33 - 1))

/* Where libc's own would be called, its system call is made at once. */
static __attribute__((noinline, cold)) int decide_way(int number, const struct sigaction *action,
                                                      struct sigaction *old)
{
    bool is_libcs = REAL(sigaction) && REAL(sigaction) == libc_find_own("sigaction");
    (void)__atomic_fetch_or(&disposition_words.special, SIGNALS_OF_LIBC, __ATOMIC_RELAXED);
    __atomic_store_n(&disposition_words.way, is_libcs ? DISPOSITION_BY_KERNEL : DISPOSITION_BY_LIBC,
                     __ATOMIC_RELEASE);
    return disposition_change(number, action, old);
}

static __attribute__((noinline, cold)) int refuse(long error)
{
    errno = (int)-error;
    return -1;
}

/* As libc's sigaction() does it. */
static inline int tell_kernel(int number, const struct sigaction *action, struct sigaction *old)
{
    uint64_t restorer = disposition_words.restorer;
    struct disposition_kernel given, kernel = {0};
    if (action) {
        uint64_t flags = (uint32_t)action->sa_flags;
        given.handler = (uint64_t)(uintptr_t)action->sa_handler;
        given.flags = restorer ? flags | SA_RESTORER : flags;
        given.restorer = restorer;
        memcpy(&given.mask, &action->sa_mask, sizeof(given.mask));
    }
    long result = sys_call6(__NR_rt_sigaction, number, action ? (long)&given : 0, old ? (long)&kernel : 0,
                            sizeof(given.mask), 0, 0);
    if (__builtin_expect(result != 0, 0))
        return refuse(result);
    if (!old)
        return 0;
    old->sa_handler = (void (*)(int))(uintptr_t)kernel.handler; /* NOLINT(performance-no-int-to-ptr) */
    old->sa_flags = (int)(uint32_t)kernel.flags;
    memset(&old->sa_mask, 0, sizeof(old->sa_mask) / 2); /* in halves it is a few stores */
    memset((uint8_t *)&old->sa_mask + sizeof(old->sa_mask) / 2, 0, sizeof(old->sa_mask) / 2);
    memcpy(&old->sa_mask, &kernel.mask, sizeof(kernel.mask));
    if (restorer)                                                      /* aarch64's libc does not write it */
        old->sa_restorer = (void (*)(void))(uintptr_t)kernel.restorer; /* NOLINT(performance-no-int-to-ptr) */
    return 0;
}

/*
 * Libcurl sets SIGPIPE eight to twelve times a request. One indirect jump more at each cost 30 ns, cold as it is behind a system
 * call: so what is nothing to us is the kernel's at once. (What is no signal is that of its lowest bits here, and refused by whoever
 * it goes to.)
 */
EXPORTED HOT int sigaction(int number, const struct sigaction *action, struct sigaction *old)
{
    uint64_t special = __atomic_load_n(&disposition_words.special, __ATOMIC_RELAXED);
    bool is_ours = special >> (((unsigned)number - 1) & 63) & 1;
    if (__builtin_expect(is_ours || (action && action->sa_flags & SA_ONSTACK), 0))
        return disposition_change(number, action, old);
    uint32_t way = __atomic_load_n(&disposition_words.way, __ATOMIC_ACQUIRE);
    if (__builtin_expect(way == DISPOSITION_BY_KERNEL, 1))
        return tell_kernel(number, action, old);
    __typeof__(&sigaction) real =
        (__typeof__(&sigaction))__atomic_load_n(&disposition_words.real_sigaction, __ATOMIC_RELAXED);
    if (way == DISPOSITION_BY_LIBC && real)
        return real(number, action, old);
    return way == DISPOSITION_BY_LIBC ? disposition_change(number, action, old)
                                      : decide_way(number, action, old);
}

EXPORTED int __sigaction(int number, const struct sigaction *action, struct sigaction *old)
{
    return disposition_change(number, action, old);
}

/* ---- the constructor's part ---- */
static bool ask_kernel(int number, const struct disposition_kernel *set, struct disposition_kernel *ret_now)
{
    return sys_call6(__NR_rt_sigaction, number, (long)set, (long)ret_now, sizeof(set->mask), 0, 0) == 0;
}

/* Libc's own way back from a handler, which unwinders know, is read from what it tells the kernel for the first signal. */
static bool set_first(int number, const struct disposition_view *view)
{
    static bool is_known HOT_DATA;
    struct disposition_kernel kernel = {0};
    if (!is_known && set_kernel(number, view, NULL) == 0 && ask_kernel(number, NULL, &kernel)) {
        is_known = true;
        disposition_words.restorer =
            kernel.flags & SA_RESTORER ? kernel.restorer : 0; /* else the word is garbage */
        disposition_words.way = DISPOSITION_UNDECIDED;
        return true;
    }
    disposition_for_kernel(number, view, &kernel);
    return ask_kernel(number, &kernel, NULL);
}

static struct disposition_view view_of_kernel(const struct disposition_kernel *kernel)
{
    return (struct disposition_view){{kernel->handler, kernel->flags, kernel->mask}, kernel->restorer};
}

/* SIG_IGN stays untouched: it would be ignored all through exec. A handler is one of a constructor before ours. True: nobody's. */
static bool take(int number)
{
    struct disposition_kernel now = {0};
    if (!ask_kernel(number, NULL, &now))
        return false;
    const struct disposition_view view = view_of_kernel(&now);
    disposition_publish(number, &view);
    if (now.handler == (uint64_t)(uintptr_t)SIG_IGN || set_first(number, &view))
        disposition_take(number);
    return now.handler == (uint64_t)(uintptr_t)SIG_DFL;
}

/* The same in one call, where nothing is expected to be there. What is there all the same goes back. UNIX signals are blocked. */
static void take_quickly(int number)
{
    static const struct disposition_view standard;
    struct disposition_kernel ours, now = {0};
    disposition_for_kernel(number, &standard, &ours);
    if (!ask_kernel(number, &ours, &now))
        return;
    const struct disposition_view view = view_of_kernel(&now);
    if (memcmp(&view, &standard, sizeof(view)) != 0) {
        disposition_publish(number, &view);
        if (now.handler != (uint64_t)(uintptr_t)SIG_IGN)
            disposition_for_kernel(number, &view, &now);
        (void)ask_kernel(number, &now, NULL);
    }
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
    static const int numbers[] = {SIGBUS, SIGILL,  SIGFPE,  SIGABRT, SIGTRAP,
                                  SIGSYS, SIGXCPU, SIGXFSZ, SIGQUIT};
    unsigned n = sizeof(numbers) / sizeof(numbers[0]) - !settings_get()->crash_quit;
    uint64_t signals;
    if (!crash_is_on() || crash_has_manager() || !REAL(sigaction))
        return;
    sharing_start();
    sys_block_signals(&signals);
    /* Whoever has a handler already may have threads, too, whose faults it must not miss for a moment. */
    bool is_nobodys = take(SIGSEGV);
    for (unsigned i = 0; i < n; i++)
        if (is_nobodys)
            take_quickly(numbers[i]);
        else
            (void)take(numbers[i]);
    sys_restore_signals(&signals);
}
