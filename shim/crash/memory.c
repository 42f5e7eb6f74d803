/*
 * memory: copies out of memory that may not be there (crash.h).
 *
 *   process_vm_readv(self)   one call, and nothing another thread unmaps meanwhile can hurt. Not where a seccomp filter is: some
 *                            kill for it (facts "crash" 19: containers that refuse it are only the friendly ones)
 *   a question per page      rt_sigprocmask() with a nonsensical `how` reads the set first: EFAULT, or EINVAL and nothing changed. An
 *                            emulator that looks at `how` first is asked by futex(): EFAULT, or a wait of no time. Then a plain copy
 */
#include "entry_priv.h"

#include <errno.h>
#include <sys/uio.h>

#define STEP 4096u /* no page is smaller; on a larger one there are more questions than needed */
#define NOWHERE 0xffff800000000000ull /* the kernel's half: never readable */
#define NO_HOW (~0l)

typedef bool probe_fn(uint64_t address);

static bool probe_by_mask(uint64_t address)
{
    uint64_t set = address < 8 ? 8 : address & ~7ull; /* no set at all is not an error */
    return sys_call6(__NR_rt_sigprocmask, NO_HOW, (long)set, 0, 8, 0, 0) != -EFAULT;
}

static bool probe_by_futex(uint64_t address)
{
    static const struct sys_timespec no_time;
    long result =
        sys_call6(__NR_futex, (long)(address & ~3ull), 128 /* FUTEX_WAIT_PRIVATE */, 0, (long)&no_time, 0, 0);
    return result != -EFAULT;
}

static bool probe_nothing(uint64_t address)
{
    (void)address;
    return false;
}

/* A probe that says no where nothing is, and yes where something is. */
static probe_fn *find_probe(void)
{
    uint64_t here = (uint64_t)(uintptr_t)&crash_setup;
    if (!probe_by_mask(NOWHERE) && probe_by_mask(here))
        return probe_by_mask;
    return !probe_by_futex(NOWHERE) && probe_by_futex(here) ? probe_by_futex : probe_nothing;
}

size_t memory_copy_by_pages(void *to, uint64_t from, size_t bytes)
{
    probe_fn *is_there = find_probe();
    size_t at = 0;
    while (at < bytes && is_there(from + at)) {
        size_t n = STEP - ((from + at) & (STEP - 1));
        n = n < bytes - at ? n : bytes - at;
        /* where the program's stack is: NOLINTNEXTLINE(performance-no-int-to-ptr) */
        crash_copy((uint8_t *)to + at, (const void *)(uintptr_t)(from + at), n);
        at += n;
    }
    return at;
}

size_t memory_copy(void *to, uint64_t from, size_t bytes)
{
    if (from + bytes < from)
        return 0;
    if (!crash_setup.is_filtered) {
        struct iovec here = {to, bytes}, there = {(void *)(uintptr_t)from, bytes}; /* NOLINT: as above */
        long n = sys_call6(__NR_process_vm_readv, (long)sys_getpid(), (long)&here, 1, (long)&there, 1, 0);
        if (n >= 0 || n == -EFAULT)
            return n > 0 ? (size_t)n : 0;
        crash_setup.is_emulated = n == -ENOSYS;
    }
    return memory_copy_by_pages(to, from, bytes);
}

bool memory_is_readable(uint64_t address)
{
    uint8_t byte;
    return memory_copy(&byte, address, 1) == 1;
}
