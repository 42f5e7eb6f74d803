/*
 * disposition: see crash.h. What the program believes of each UNIX signal that is taken, and what the kernel is told.
 *
 *   program's view      kernel's action
 *   SIG_DFL             crash_entry, on the alternate stack
 *   SIG_IGN             SIG_IGN: it survives exec, as without us
 *   a handler           crash_entry with the program's own mask and flags, less SA_RESETHAND (done by hand), plus SA_SIGINFO
 *
 * Two copies of each view, and a number whose lowest bit says which one holds: a reader never waits, a writer that is torn
 * out of the middle (fork by another thread) leaves a whole one behind.
 *
 * Context: signal. Freestanding: own loops, no struct copies.
 */
#include "crash/crash.h"

#include "crash/disposition_priv.h"
#include "crash/onstack.h"
#include "crash/sharing.h"
#include "hot.h"
#include "sys.h"

#define MAX_TRIES 8u
#define WORDS (sizeof(struct disposition_view) / sizeof(uint64_t))

/* Which of the views is the signal's; 0: it is never taken. */
static const uint8_t place_of[CRASH_SIGNALS] = {
    [SIGSEGV] = 1, [SIGBUS] = 2, [SIGILL] = 3,  [SIGFPE] = 4,  [SIGABRT] = 5,
    [SIGTRAP] = 6, [SIGSYS] = 7, [SIGXCPU] = 8, [SIGXFSZ] = 9, [SIGQUIT] = 10,
};
#define N_PLACES 11u

struct place {
    uint32_t sequence; /* lowest bit: which copy holds */
    struct disposition_view copies[2];
};

static struct {
    struct place places[N_PLACES];
    uint64_t taken; /* bit per signal; set in the constructor */
} state HOT_DATA;

struct disposition_words disposition_words HOT_WORD;

static uint64_t bit_of(int signal)
{
    return 1ull << (unsigned)(signal - 1);
}

bool disposition_is_taken(int signal)
{
    return signal >= 1 && signal < CRASH_SIGNALS &&
           __atomic_load_n(&state.taken, __ATOMIC_ACQUIRE) & bit_of(signal);
}

void disposition_take(int signal)
{
    (void)__atomic_fetch_or(&disposition_words.special, bit_of(signal), __ATOMIC_RELAXED);
    (void)__atomic_fetch_or(&state.taken, bit_of(signal), __ATOMIC_RELEASE);
}

static void copy_words(uint64_t *to, const uint64_t *from)
{
    for (unsigned i = 0; i < WORDS; i++)
        __atomic_store_n(to + i, __atomic_load_n(from + i, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
}

void disposition_load(int signal, struct disposition_view *ret_view)
{
    const struct place *place = &state.places[place_of[signal]];
    for (unsigned i = 0; i < MAX_TRIES; i++) {
        uint32_t sequence = __atomic_load_n(&place->sequence, __ATOMIC_ACQUIRE);
        copy_words((uint64_t *)ret_view, (const uint64_t *)&place->copies[sequence & 1]);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (__atomic_load_n(&place->sequence, __ATOMIC_RELAXED) == sequence)
            return;
    }
}

void disposition_publish(int signal, const struct disposition_view *view)
{
    struct place *place = &state.places[place_of[signal]];
    uint32_t next = __atomic_load_n(&place->sequence, __ATOMIC_RELAXED) + 1;
    __atomic_thread_fence(__ATOMIC_RELEASE);
    copy_words((uint64_t *)&place->copies[next & 1], (const uint64_t *)view);
    __atomic_store_n(&place->sequence, next, __ATOMIC_RELEASE);
}

void disposition_for_kernel(int signal, const struct disposition_view *view,
                            struct disposition_kernel *ret_kernel)
{
    bool is_default = view->program.handler == (uint64_t)(uintptr_t)SIG_DFL;
    uint64_t flags = (view->program.flags & ~(uint64_t)(uint32_t)SA_RESETHAND) | SA_SIGINFO;
    if (is_default)
        flags |= SA_ONSTACK | SA_RESTART;
    else if (onstack_is_hidden(signal))
        flags &= ~(uint64_t)SA_ONSTACK;
    ret_kernel->handler = (uint64_t)(uintptr_t)crash_entry;
    ret_kernel->flags = disposition_words.restorer ? flags | SA_RESTORER : flags;
    ret_kernel->restorer = disposition_words.restorer;
    ret_kernel->mask = is_default ? 0 : view->program.mask;
}

void disposition_get(int signal, struct disposition *ret_disposition)
{
    struct disposition_view view;
    disposition_load(signal, &view);
    ret_disposition->handler = view.program.handler;
    ret_disposition->flags = view.program.flags & ~(uint64_t)SA_RESTORER;
    ret_disposition->mask = view.program.mask;
}

static void set_kernel(int signal, const struct disposition_kernel *action)
{
    (void)sys_call6(__NR_rt_sigaction, signal, (long)action, 0, sizeof(uint64_t), 0, 0);
}

bool disposition_note_call(int signal, const struct disposition *disposition)
{
    if (!(disposition->flags & (uint32_t)SA_RESETHAND) || !sharing_is_own())
        return true;
    struct disposition_view view;
    struct disposition_kernel action;
    uint64_t signals;
    sharing_lock(&signals);
    disposition_load(signal, &view);
    bool is_first = view.program.handler == disposition->handler;
    if (is_first) {
        view.program.handler = (uint64_t)(uintptr_t)SIG_DFL;
        disposition_publish(signal, &view);
        disposition_for_kernel(signal, &view, &action);
        set_kernel(signal, &action);
    }
    sharing_unlock(&signals);
    return is_first;
}

void disposition_let_die(int signal)
{
    struct disposition_kernel action;
    action.handler = (uint64_t)(uintptr_t)SIG_DFL;
    action.flags = action.restorer = action.mask = 0;
    set_kernel(signal, &action);
}
