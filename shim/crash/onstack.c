/*
 * onstack: see onstack.h.
 *
 * Go is why it is not enough to watch sigaltstack(): it goes to the kernel by itself, finds an alternate stack of ours, takes it for the
 * C program's and relies on it. So where Go is, nothing is hidden, and no thread gets a stack of ours.
 */
#include "crash/onstack.h"

#include "crash/altstack_priv.h"
#include "crash/disposition_priv.h"
#include "crash/sharing.h"
#include "hot.h"
#include "sys.h"

static struct {
    uint64_t asked; /* bit per signal */
    uint32_t is_hiding;
} state HOT_DATA;

static uint64_t bit_of(int signal)
{
    return signal >= 1 && signal < CRASH_SIGNALS ? 1ull << (unsigned)(signal - 1) : 0;
}

void onstack_start_hiding(void)
{
    __atomic_store_n(&state.is_hiding, 1, __ATOMIC_RELEASE);
}

bool onstack_is_hidden(int signal)
{
    return __atomic_load_n(&state.is_hiding, __ATOMIC_ACQUIRE) &&
           __atomic_load_n(&state.asked, __ATOMIC_RELAXED) & bit_of(signal);
}

bool onstack_is_in_use(void)
{
    return __atomic_load_n(&state.asked, __ATOMIC_RELAXED) &&
           !__atomic_load_n(&state.is_hiding, __ATOMIC_ACQUIRE);
}

void onstack_ask(int signal, bool has_flag)
{
    uint64_t bit = bit_of(signal);
    if (!sharing_is_own())
        return;
    if (has_flag) {
        (void)__atomic_fetch_or(&disposition_words.special, bit, __ATOMIC_RELAXED);
        (void)__atomic_fetch_or(&state.asked, bit, __ATOMIC_RELAXED);
    } else if (__atomic_load_n(&state.asked, __ATOMIC_RELAXED) & bit)
        (void)__atomic_fetch_and(&state.asked, ~bit, __ATOMIC_RELAXED);
    if (has_flag && __atomic_load_n(&state.is_hiding, __ATOMIC_ACQUIRE) && altstack_is_programs())
        onstack_reveal();
}

static void add_flag(int signal)
{
    struct disposition_kernel action = {0};
    if (sys_call6(__NR_rt_sigaction, signal, 0, (long)&action, sizeof(action.mask), 0, 0) == 0) {
        action.flags |= SA_ONSTACK;
        (void)sys_call6(__NR_rt_sigaction, signal, (long)&action, 0, sizeof(action.mask), 0, 0);
    }
}

void onstack_reveal(void)
{
    uint64_t signals;
    if (!__atomic_load_n(&state.is_hiding, __ATOMIC_RELAXED))
        return;
    sharing_lock(&signals);
    if (__atomic_exchange_n(&state.is_hiding, 0, __ATOMIC_ACQ_REL))
        for (int signal = 1; signal < CRASH_SIGNALS; signal++)
            if (__atomic_load_n(&state.asked, __ATOMIC_RELAXED) & bit_of(signal))
                add_flag(signal);
    sharing_unlock(&signals);
}
