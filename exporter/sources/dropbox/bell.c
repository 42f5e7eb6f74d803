/*
 * bell: sleeping until a host rings, and waking a host that waits.
 *
 * Going to sleep: the doorbells are read; `asleep` is set in every client's header; membarrier orders that store
 * before every host's next load after a commit, without a fence on their side; then everything is looked at once
 * more. A commit that this look missed comes after the barrier, so its host sees `asleep` and rings.
 */
#include "sources/dropbox/dropbox_priv.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Without futex_waitv(2) (before 5.16) only the first doorbell is waited on, and for no longer than this. */
#define SLICE_MS 100u

int bell_init(struct bell *bell)
{
    return -pthread_mutex_init(&bell->lock, NULL);
}

void bell_fini(struct bell *bell)
{
    pthread_mutex_destroy(&bell->lock);
}

void bell_barrier(void)
{
    syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0);
}

void bell_collect(struct dropbox *dropbox)
{
    struct bell *bell = &dropbox->bell;
    pthread_mutex_lock(&bell->lock);
    bell->n = 0;
    for (const struct box *box = dropbox->boxes; box && bell->n < MAX_DOORBELLS; box = box->next) {
        uint32_t value;
        if (!box->doorbell || pread(box->doorbell_fd, &value, sizeof(value), 0) != sizeof(value))
            continue;
        bell->futexes[bell->n] = box->doorbell;
        bell->values[bell->n++] = value;
    }
    pthread_mutex_unlock(&bell->lock);
}

void bell_set_asleep(struct dropbox *dropbox, bool is_asleep)
{
    /* Another number each time: a host rings an unchanged one at most once a millisecond. */
    static uint32_t naps;
    dropbox->bell.is_asleep = is_asleep;
    uint32_t word = is_asleep ? (naps += 2) | 1u : 0;
    for (uint32_t i = 0; i < dropbox->n_clients; i++) {
        struct client *client = dropbox->clients[i];
        if (!client || client->is_dead || client->is_broken || (!client->words.asleep && !is_asleep))
            continue;
        client->words.asleep = word;
        client_write_words(client);
    }
}

static void wake(void *futex)
{
    syscall(SYS_futex, futex, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void bell_ring_own(struct dropbox *dropbox)
{
    for (const struct box *box = dropbox->boxes; box; box = box->next) {
        uint32_t
            value; /* changed even if nobody waits yet: a thread on its way to the futex then does not sleep */
        if (!box->doorbell || pread(box->doorbell_fd, &value, sizeof(value), 0) != sizeof(value))
            continue;
        value++;
        if (pwrite(box->doorbell_fd, &value, sizeof(value), 0) == sizeof(value))
            wake(box->doorbell);
    }
}

#ifdef SYS_futex_waitv
static int wait_any(void *const futexes[], const uint32_t values[], uint32_t n, uint32_t timeout_ms)
{
    struct futex_waitv waiters[MAX_DOORBELLS];
    memset(waiters, 0, n * sizeof(waiters[0]));
    for (uint32_t i = 0; i < n; i++) {
        waiters[i].uaddr = (uint64_t)(uintptr_t)futexes[i];
        waiters[i].val = values[i];
        waiters[i].flags = FUTEX_32;
    }
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t nsec = (uint64_t)until.tv_nsec + (timeout_ms % 1000) * MS_NS;
    until.tv_sec += timeout_ms / 1000 + (time_t)(nsec / 1000000000u);
    until.tv_nsec = (long)(nsec % 1000000000u);
    return syscall(SYS_futex_waitv, waiters, n, 0, &until, CLOCK_MONOTONIC) < 0 ? -errno : 0;
}
#else
static int wait_any(void *const futexes[], const uint32_t values[], uint32_t n, uint32_t timeout_ms)
{
    (void)futexes, (void)values, (void)n, (void)timeout_ms;
    return -ENOSYS;
}
#endif

static void wait_first(void *futex, uint32_t value, bool is_only_one, uint32_t timeout_ms)
{
    if (!is_only_one && timeout_ms > SLICE_MS)
        timeout_ms = SLICE_MS;
    struct timespec timeout = {.tv_sec = timeout_ms / 1000, .tv_nsec = (long)((timeout_ms % 1000) * MS_NS)};
    syscall(SYS_futex, futex, FUTEX_WAIT, value, &timeout, NULL, 0);
}

void bell_wait(struct bell *bell, uint32_t timeout_ms)
{
    void *futexes[MAX_DOORBELLS];
    uint32_t values[MAX_DOORBELLS];
    pthread_mutex_lock(&bell->lock);
    uint32_t n = bell->n;
    memcpy(futexes, bell->futexes, n * sizeof(futexes[0]));
    memcpy(values, bell->values, n * sizeof(values[0]));
    pthread_mutex_unlock(&bell->lock);

    if (!n)
        usleep(timeout_ms < SLICE_MS ? timeout_ms * 1000 : SLICE_MS * 1000);
    else if (n == 1)
        wait_first(futexes[0], values[0], true, timeout_ms);
    else if (wait_any(futexes, values, n, timeout_ms) == -ENOSYS)
        wait_first(futexes[0], values[0], false, timeout_ms);
}

void bell_wake_file(int fd, uint64_t offset)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint64_t from = offset / page * page;
    uint8_t *mapping = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, (off_t)from);
    if (mapping == MAP_FAILED)
        return;
    wake(mapping + (offset - from)); /* the kernel looks the page up; it is never read here */
    munmap(mapping, page);
}
