/* sharing: see sharing.h. */
#include "crash/sharing.h"

#include "sys.h"
#include <sys/mman.h>

#define MAX_TRIES 100000u /* a yield each; the holder makes two or three system calls */

/* Empty in a fork child (MADV_WIPEONFORK), who then writes his own. */
struct words {
    uint32_t pid;
    uint32_t is_asked;
    uint32_t is_locked;
};

static struct {
    struct words *words; /* set once in the constructor */
    struct words spare;  /* where there is no page */
} state;

static struct words *get_words(void)
{
    return state.words ? state.words : &state.spare;
}

void sharing_start(void)
{
    struct words *page =
        sys_mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    if (!page)
        return;
    if (sys_is_error(sys_madvise(page, sizeof(*page), MADV_WIPEONFORK))) {
        sys_munmap(page, sizeof(*page));
        return;
    }
    page->pid = sys_getpid();
    state.words = page;
}

bool sharing_is_own(void)
{
    struct words *words = state.words;
    if (!words)
        return true;
    uint32_t pid = sys_getpid(), nobody = 0;
    return __atomic_compare_exchange_n(&words->pid, &nobody, pid, false, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED) ||
           nobody == pid;
}

bool sharing_is_first(void)
{
    return !__atomic_exchange_n(&get_words()->is_asked, 1, __ATOMIC_RELAXED);
}

void sharing_lock(uint64_t *ret_signals)
{
    sys_block_signals(ret_signals);
    for (uint32_t i = 0; i < MAX_TRIES; i++) {
        uint32_t open = 0;
        if (__atomic_compare_exchange_n(&get_words()->is_locked, &open, 1, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
            return;
        sys_sched_yield();
    }
}

void sharing_unlock(const uint64_t *signals)
{
    __atomic_store_n(&get_words()->is_locked, 0, __ATOMIC_RELEASE);
    sys_restore_signals(signals);
}
