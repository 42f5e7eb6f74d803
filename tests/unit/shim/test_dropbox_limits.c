/* Where the host is short of something: file sizes, memory, pages, newer system calls. Inert or small, never a UNIX signal. */
#include "mapped_file.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "buffer.h"
#include "dropbox_priv.h"

/* Records of 1 KiB; returns how many were taken of n. */
static uint32_t write_records(uint32_t n)
{
    uint32_t taken = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct buffer_reservation reservation;
        struct thread *thread = thread_get();
        CHECK(thread);
        if (!buffer_reserve(thread, 1024, &reservation))
            continue;
        memset(reservation.at, 1, 1024);
        buffer_commit(thread, &reservation, 1024);
        taken++;
    }
    return taken;
}

static bool box_is_empty(void)
{
    struct mapped_file file;
    return !find_file(&file, getpid());
}

static void set_file_limit(rlim_t bytes)
{
    struct rlimit limit = {bytes, bytes};
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static void a_low_file_limit_gives_a_small_pool(void)
{
    set_file_limit(2u << 20);
    CHECK(dropbox_open() && dropbox_file()->n_chunks == DROPBOX_SMALL_CHUNKS);
    CHECK(write_records(100) == 100);
    CHECK(write_records(1000) == DROPBOX_SMALL_CHUNKS * 16 - 100);
}

static void ulimit_f_1_is_inert(void)
{
    set_file_limit(1024);
    CHECK(!dropbox_open() && !dropbox_open());
    CHECK(box_is_empty());
    dropbox_count(DROP_NO_CHUNK);
    dropbox_close(0);
}

static void a_limit_lowered_later_does_not_kill_the_ringer(void)
{
    struct mapped_file file;
    CHECK(dropbox_open() && find_file(&file, getpid()));
    uint32_t asleep = 1;
    CHECK(pwrite(file.fd, &asleep, sizeof asleep, WIRE_EXPORTER_OFFSET) == (ssize_t)sizeof asleep);
    set_file_limit(0);
    dropbox_ring(dropbox_file(), true, 1000000000);
    CHECK(dropbox_file()->header->rung == 1);
}

static void locked_memory_gives_a_small_pool(void)
{
    if (syscall(SYS_mlockall, MCL_FUTURE)) /* the sanitizers make the function do nothing */
        SKIP("mlockall is not allowed here");
    CHECK(dropbox_open() && dropbox_file()->n_chunks == DROPBOX_SMALL_CHUNKS);
    CHECK(write_records(10) == 10);
}

static void no_descriptor_is_inert(void)
{
    struct rlimit limit = {0, 0};
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK(!dropbox_open());
}

/* ---- older kernels ---- */
#define ARGUMENT(n) ((uint32_t)offsetof(struct seccomp_data, args[n]))
static void refuse_madvise(uint32_t advice)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARGUMENT(2)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, advice, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void before_linux_5_14_everything_is_reserved(void)
{
    refuse_madvise(23 /* MADV_POPULATE_WRITE */);
    CHECK(dropbox_open() && dropbox_file()->n_chunks == DROPBOX_SMALL_CHUNKS);
    struct mapped_file file;
    struct stat status;
    CHECK(find_file(&file, getpid()) && fstat(file.fd, &status) == 0);
    CHECK(status.st_blocks * 512 >= status.st_size);
    CHECK(write_records(50) == 50);
}

static void before_linux_4_14_a_fork_child_is_told_by_its_pid(void)
{
    refuse_madvise(18 /* MADV_WIPEONFORK */);
    CHECK(dropbox_open() && dropbox_process.must_compare_pid && write_records(1) == 1);
    uint32_t generation = dropbox_file()->generation;
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(!dropbox_file());
        CHECK(dropbox_open() && dropbox_file()->generation != generation);
        CHECK(write_records(1) == 1);
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(dropbox_file()->generation == generation && write_records(1) == 1);
}

/* ---- a full file system ---- */
static void write_map(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    if (fd < 0)
        return;
    (void)!write(fd, text, strlen(text)); /* root already has one */
    close(fd);
}

static bool mount_small_box(const char *size)
{
    char uids[32], gids[32], options[32];
    snprintf(uids, sizeof uids, "0 %u 1", geteuid());
    snprintf(gids, sizeof gids, "0 %u 1", getegid());
    snprintf(options, sizeof options, "size=%s,mode=0700", size);
    if (geteuid() ? unshare(CLONE_NEWUSER | CLONE_NEWNS) : unshare(CLONE_NEWNS))
        return false;
    write_map("/proc/self/uid_map", uids);
    write_map("/proc/self/setgroups", "deny");
    write_map("/proc/self/gid_map", gids);
    (void)mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
    return mount("none", test_box, "tmpfs", 0, options) == 0;
}

static void fill_box(void)
{
    char path[96];
    static char zeros[4096];
    snprintf(path, sizeof path, "%s/filler", test_box);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    CHECK(fd >= 0);
    while (write(fd, zeros, sizeof zeros) == (ssize_t)sizeof zeros)
        ;
    close(fd);
}

static void a_full_file_system_is_no_sigbus(void)
{
    struct mapped_file file;
    if (!mount_small_box("40M"))
        SKIP("mounting is not allowed here");
    CHECK(dropbox_open() && dropbox_file()->n_chunks == 64 && find_file(&file, getpid()));
    CHECK(write_records(20) == 20); /* two chunks have their pages */
    fill_box();
    uint32_t taken = write_records(200);
    CHECK(taken < 200 && taken >= 12);
    CHECK(read_dropped(&file, DROP_NO_MEMORY) == 200 - taken);
    acknowledge_all(&file);
    CHECK(write_records(1) == 1); /* what has pages is used again */
}

static void a_small_file_system_gives_a_small_pool(void)
{
    if (!mount_small_box("2M"))
        SKIP("mounting is not allowed here");
    CHECK(dropbox_open() && dropbox_file()->n_chunks == DROPBOX_SMALL_CHUNKS);
    fill_box();
    CHECK(write_records(1000) == DROPBOX_SMALL_CHUNKS * 16);
}

static void a_tiny_file_system_is_inert(void)
{
    if (!mount_small_box("64K"))
        SKIP("mounting is not allowed here");
    CHECK(!dropbox_open());
    CHECK(box_is_empty());
}

static void a_read_only_file_system_is_inert(void)
{
    if (!mount_small_box("2M") || mount("none", test_box, NULL, MS_REMOUNT | MS_RDONLY, NULL))
        SKIP("mounting is not allowed here");
    /* Nowhere else to go: /dev/shm is hidden too. */
    CHECK(mount("none", "/dev/shm", "tmpfs", MS_RDONLY, NULL) == 0);
    CHECK(!dropbox_open());
}

/* ---- page sizes ---- */
static void write_with_pages_of(uint32_t bytes)
{
    struct mapped_file file;
    dropbox_use_page_bytes(bytes);
    CHECK(dropbox_open() && find_file(&file, getpid()));
    CHECK(file.header.page_bytes == bytes && dropbox_file()->n_chunks == 64);
    CHECK(write_records(64 * 16) == 64 * 16);
    for (uint32_t i = 0; i < 64; i++)
        CHECK(committed_bytes(read_host_word(&file, i)) == WIRE_CHUNK_BYTES);
    CHECK(dropbox_populate(&dropbox_file()->operation_slots[3], WIRE_OPERATION_SLOT_BYTES));
}
static void pages_of_4_kib(void)
{
    write_with_pages_of(4u << 10);
}
static void pages_of_16_kib(void)
{
    write_with_pages_of(16u << 10);
}
static void pages_of_64_kib(void)
{
    write_with_pages_of(64u << 10);
}

static _Atomic bool is_filling, may_end;

static void fill_slowly(uint8_t *area)
{
    (void)area;
    is_filling = true;
    while (!may_end)
        usleep(1000);
}

static void *open_first(void *box)
{
    *(const struct dropbox **)box = dropbox_open_for_span();
    return NULL;
}

static void who_does_not_wait_for_a_slow_maker_is_counted(void)
{
    struct mapped_file file;
    pthread_t maker;
    const struct dropbox *box = NULL;
    dropbox_on_make(fill_slowly);
    CHECK(pthread_create(&maker, NULL, open_first, &box) == 0);
    while (!is_filling)
        usleep(1000);
    CHECK(!dropbox_open());          /* waits in vain; no span is lost */
    CHECK(!dropbox_open_for_span()); /* one is */
    CHECK(!dropbox_open_for_span());
    may_end = true;
    CHECK(pthread_join(maker, NULL) == 0);
    CHECK(box && dropbox_open_for_span() == box && find_file(&file, getpid()));
    CHECK(read_dropped(&file, DROP_FILE_LATE) == 2);
}

#define TESTS(X)                                         \
    X(who_does_not_wait_for_a_slow_maker_is_counted)     \
    X(a_low_file_limit_gives_a_small_pool)               \
    X(ulimit_f_1_is_inert)                               \
    X(a_limit_lowered_later_does_not_kill_the_ringer)    \
    X(locked_memory_gives_a_small_pool)                  \
    X(no_descriptor_is_inert)                            \
    X(before_linux_5_14_everything_is_reserved)          \
    X(before_linux_4_14_a_fork_child_is_told_by_its_pid) \
    X(a_full_file_system_is_no_sigbus)                   \
    X(a_small_file_system_gives_a_small_pool)            \
    X(a_tiny_file_system_is_inert)                       \
    X(a_read_only_file_system_is_inert)                  \
    X(pages_of_4_kib)                                    \
    X(pages_of_16_kib)                                   \
    X(pages_of_64_kib)

#define TEST(name)                        \
    static void test_##name(void **state) \
    {                                     \
        (void)state;                      \
        run_alone(name);                  \
    }
TESTS(TEST)

int main(void)
{
#define ROW(name) cmocka_unit_test(test_##name),
    const struct CMUnitTest tests[] = {TESTS(ROW)};
    make_box("1M");
    unsetenv("XDG_RUNTIME_DIR");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove_box();
    return failed;
}
