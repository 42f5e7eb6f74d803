/*
 * dropbox_bell: waking the exporter, and seeing whether one lives (shim/wire/README.md, "Bells").
 */
#include "clock.h"
#include "dropbox_priv.h"
#include "start.h"
#include "sys.h"
#include "text.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define MEMBARRIER_REGISTER_GLOBAL_EXPEDITED 4

/* While the exporter wakes up, every commit still sees it asleep: one ring is enough. It stays awake for longer
 * than this before it can fall asleep again. */
#define RING_GAP_NS 1000000u
#define URGENT_GAP_NS 10000000u
#define INTRODUCTION_NS 2000000u /* 0.2 ms where nothing else goes on */
#define PROBE_GAP_NS 1000000000u
#define MAX_PROBE_GAP_NS (64ull * PROBE_GAP_NS)

/* Relaxed atomics, any thread. A fork child begins with its parent's: the gaps are only limits. */
static struct {
    uint64_t rung_ns;
    uint32_t rung_asleep; /* value of the asleep word that was last answered */
    uint64_t probe_ns;    /* not before this */
    uint64_t probe_gap_ns;
    uint64_t acknowledged_sum; /* of the E words at the last probe */
} bell;

static bool join(char *to, const struct dropbox_image *image, const char *name)
{
    size_t at = text_append(to, 0, DROPBOX_PATH_BYTES, image->directory);
    at = text_append(to, at, DROPBOX_PATH_BYTES, name);
    return at + 1 < DROPBOX_PATH_BYTES;
}

/* pwrite() past RLIMIT_FSIZE would kill the host with SIGXFSZ, and the host may lower it at any time. */
static bool may_write_word(void)
{
    uint64_t limit[2] = {0};
    return sys_is_error(sys_prlimit(RLIMIT_FSIZE, NULL, limit)) || limit[0] >= sizeof(uint32_t);
}

/* A value the exporter is unlikely to be waiting on: another host may ring at the same time. */
static uint32_t changing_value(uint64_t now_ns, uint32_t pid)
{
    return ((uint32_t)(now_ns >> 32) ^ (uint32_t)now_ns) * 2654435761u + pid;
}

/* Maps the doorbell behind `fd` unless it is the one we have: an exporter whose box vanished makes another. */
static void follow_doorbell(struct dropbox_image *image, int fd)
{
    struct stat stat = {0};
    if (sys_is_error(sys_fstat(fd, &stat)) || !S_ISREG(stat.st_mode) ||
        stat.st_ino == __atomic_load_n(&image->doorbell_inode, __ATOMIC_RELAXED))
        return;
    const volatile void *old = __atomic_load_n(&image->doorbell, __ATOMIC_ACQUIRE);
    /* In its place: another thread may be ringing at this address. */
    int flags = MAP_SHARED | (old ? MAP_FIXED : 0);
    void *mapped = sys_mmap((void *)(uintptr_t)old, image->page_bytes, PROT_READ, flags, fd);
    if (!mapped)
        return;
    __atomic_store_n(&image->doorbell_inode, stat.st_ino, __ATOMIC_RELAXED);
    if (!old && !__atomic_compare_exchange_n(&image->doorbell, &old, mapped, false, __ATOMIC_RELEASE,
                                             __ATOMIC_RELAXED))
        sys_munmap(mapped, image->page_bytes);
}

/* Refused: a missed ring costs a second at most. */
void dropbox_bell_register(void)
{
    (void)sys_membarrier(MEMBARRIER_REGISTER_GLOBAL_EXPEDITED);
}

void dropbox_bell_prepare(struct dropbox_image *image, int directory)
{
    dropbox_bell_register(); /* 0.6 us where it was done already */
    int fd = sys_openat(directory, "doorbell", O_RDWR | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd < 0) {
        fd = sys_openat(directory, "doorbell", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
        uint32_t word = 1;
        if (fd >= 0)
            (void)sys_pwrite(fd, &word, sizeof word, 0);
    }
    if (fd < 0)
        return;
    follow_doorbell(image, fd);
    sys_close(fd);
}

static void __attribute__((noinline)) ring(const struct dropbox *box, uint64_t now_ns)
{
    struct dropbox_image *image = dropbox_image(box);
    char path[DROPBOX_PATH_BYTES];
    /* For reading too: it is mapped when it is a new one. */
    int fd = join(path, image, "/doorbell") ? sys_open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK) : -1;
    if (fd >= 0) {
        uint32_t word = changing_value(now_ns, image->pid);
        follow_doorbell(image, fd);
        if (may_write_word())
            (void)sys_pwrite(fd, &word, sizeof word, 0);
        sys_close(fd);
    }
    const volatile void *doorbell = __atomic_load_n(&image->doorbell, __ATOMIC_ACQUIRE);
    if (doorbell)
        sys_futex_wake(doorbell);
    (void)__atomic_fetch_add(&box->header->rung, 1, __ATOMIC_RELAXED);
}

static bool may_ring(uint32_t asleep, uint64_t now_ns)
{
    uint64_t last_ns = __atomic_load_n(&bell.rung_ns, __ATOMIC_RELAXED);
    bool is_new = asleep && asleep != __atomic_load_n(&bell.rung_asleep, __ATOMIC_RELAXED);
    int64_t since_ns = (int64_t)(now_ns - last_ns);
    if (!is_new && since_ns < (asleep ? (int64_t)RING_GAP_NS : (int64_t)URGENT_GAP_NS) && last_ns)
        return false;
    if (!__atomic_compare_exchange_n(&bell.rung_ns, &last_ns, now_ns, false, __ATOMIC_RELAXED,
                                     __ATOMIC_RELAXED))
        return false; /* another thread is ringing */
    __atomic_store_n(&bell.rung_asleep, asleep, __ATOMIC_RELAXED);
    return true;
}

void dropbox_ring_now(const struct dropbox *box, uint32_t asleep, uint64_t now_mono_ns)
{
    if (may_ring(asleep, now_mono_ns))
        ring(box, now_mono_ns);
}

bool dropbox_exporter_lives(const struct dropbox_image *image)
{
    char path[DROPBOX_PATH_BYTES];
    if (!join(path, image, "/lock"))
        return false;
    int fd = sys_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return false;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    long result = sys_fcntl(fd, F_OFD_GETLK, &lock);
    sys_close(fd);
    return result == 0 && lock.l_type != F_UNLCK;
}

void dropbox_introduce(void)
{
    const struct dropbox *box = dropbox_file();
    if (!box || box->exporter->pid || !dropbox_exporter_lives(dropbox_image(box)))
        return;
    ring(box, clock_mono_ns());
    (void)sys_futex_wait(&box->exporter->pid, 0, INTRODUCTION_NS);
}

void dropbox_ring_for_crash(const struct dropbox *box, uint64_t now_mono_ns, bool is_quiet)
{
    const volatile void *doorbell = __atomic_load_n(&dropbox_image(box)->doorbell, __ATOMIC_ACQUIRE);
    if (!is_quiet)
        ring(box, now_mono_ns);
    else if (doorbell)
        sys_futex_wake(doorbell);
}

bool dropbox_has_exporter(const struct dropbox *box)
{
    uint32_t pid = box->exporter->pid;
    return dropbox_exporter_lives(dropbox_image(box)) ||
           (pid && sys_call3(__NR_kill, (long)pid, 0, 0) != -ESRCH);
}

void dropbox_probe_exporter(uint64_t now_mono_ns)
{
    const struct dropbox *box = dropbox_file();
    uint64_t due_ns = __atomic_load_n(&bell.probe_ns, __ATOMIC_RELAXED);
    if (!box || (int64_t)(now_mono_ns - due_ns) < 0)
        return;
    if (!__atomic_compare_exchange_n(&bell.probe_ns, &due_ns, now_mono_ns + PROBE_GAP_NS, false,
                                     __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        return;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < box->n_chunks; i++)
        sum += __atomic_load_n(&box->acknowledged[i], __ATOMIC_RELAXED);
    bool has_moved = sum != bell.acknowledged_sum;
    bell.acknowledged_sum = sum;
    if (has_moved || !due_ns || dropbox_exporter_lives(dropbox_image(box))) {
        bell.probe_gap_ns = PROBE_GAP_NS;
        return;
    }
    start_exporter(box->header->start_ticks);
    /* One that cannot live (a full disk, a broken installation) is not started every second for ever. */
    bell.probe_gap_ns = bell.probe_gap_ns * 2 < MAX_PROBE_GAP_NS ? bell.probe_gap_ns * 2 : MAX_PROBE_GAP_NS;
    __atomic_store_n(&bell.probe_ns, now_mono_ns + bell.probe_gap_ns, __ATOMIC_RELAXED);
}
