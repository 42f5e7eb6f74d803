/* sharing: see sharing.h. */
#include "crash/sharing.h"

#include "hot.h"
#include "sys.h"
#include <sys/mman.h>

#define NO_ADVICE 9999    /* that there is not: qemu-user says yes to any, and does nothing */
#define MAX_TRIES 100000u /* a yield each; the holder makes two or three system calls */

/* Empty in a fork child (MADV_WIPEONFORK), who then writes his own. */
struct words {
    uint32_t pid;
    uint32_t is_asked;
    uint32_t is_locked;
};

#ifdef __x86_64__
#define PAGE_BYTES 4096u
#else
#define PAGE_BYTES 65536u /* at most */
#endif
/* A page of .bss of its own: a mapping would cost every process 4 microseconds more at its start. */
static union {
    struct words words;
    uint8_t page[PAGE_BYTES];
} own __attribute__((aligned(PAGE_BYTES)));

static bool is_wiped HOT_DATA; /* set once in the constructor */

void sharing_start(void)
{
    is_wiped = !sys_is_error(sys_madvise(&own, sizeof(own), MADV_WIPEONFORK));
    if (is_wiped)
        own.words.pid = sys_getpid();
}

/* Asked by who finds another's pid, not at each start. */
static bool is_wiping_believed(void)
{
    return sys_is_error(sys_madvise(&own, sizeof(own), NO_ADVICE));
}

bool sharing_is_own(void)
{
    if (!is_wiped) /* a fork child would find its parent's pid here */
        return true;
    uint32_t pid = sys_getpid(), nobody = 0;
    return __atomic_compare_exchange_n(&own.words.pid, &nobody, pid, false, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED) ||
           nobody == pid || !is_wiping_believed();
}

bool sharing_is_first(void)
{
    return !__atomic_exchange_n(&own.words.is_asked, 1, __ATOMIC_RELAXED);
}

void sharing_lock(uint64_t *ret_signals)
{
    sys_block_signals(ret_signals);
    for (uint32_t i = 0; i < MAX_TRIES; i++) {
        uint32_t open = 0;
        if (__atomic_compare_exchange_n(&own.words.is_locked, &open, 1, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
            return;
        sys_sched_yield();
    }
}

void sharing_unlock(const uint64_t *signals)
{
    __atomic_store_n(&own.words.is_locked, 0, __ATOMIC_RELEASE);
    sys_restore_signals(signals);
}
