/* The file of a process: what is in it, whose it is, when it is made, marked, moved and removed; bells. */
#include "mapped_file.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <time.h>

#include "buffer.h"
#include "clock.h"
#include "dropbox_priv.h"
#include "sys.h"

static struct mapped_file begin(void)
{
    struct mapped_file file;
    CHECK(dropbox_open() && dropbox_open() == dropbox_file());
    CHECK(find_file(&file, getpid()));
    return file;
}

static uint32_t read_state(const struct mapped_file *file)
{
    struct wire_header header;
    CHECK(pread(file->fd, &header, sizeof header, 0) == (ssize_t)sizeof header);
    return header.state;
}

static uint32_t count_descriptors(void)
{
    uint32_t n = 0;
    DIR *directory = opendir("/proc/self/fd");
    CHECK(directory);
    while (readdir(directory))
        n++;
    closedir(directory);
    return n;
}

static void commit_one(void)
{
    struct buffer_reservation reservation;
    struct thread *thread = thread_get();
    CHECK(thread && buffer_reserve(thread, 64, &reservation));
    memset(reservation.at, 0, 64);
    buffer_commit(thread, &reservation, 64);
}

static void check_part(const struct wire_part *part, uint64_t *end)
{
    CHECK(part->offset % WIRE_ALIGN == 0 && part->offset >= *end && part->count);
    *end = part->offset + (uint64_t)part->count * part->entry_bytes;
}

static void the_file_describes_itself(void)
{
    uint32_t n_before = count_descriptors();
    CHECK(dropbox_open());
    CHECK(count_descriptors() == n_before);
    struct mapped_file file = begin();
    const struct wire_header *header = &file.header;
    struct stat status;
    uint64_t end = WIRE_HEADER_BYTES;
    CHECK(header->magic == WIRE_MAGIC && header->version == WIRE_VERSION);
    check_part(&header->chunk_lines, &end);
    check_part(&header->acknowledged, &end);
    check_part(&header->closed_roots, &end);
    check_part(&header->thread_slots, &end);
    check_part(&header->operation_slots, &end);
    check_part(&header->crash_slot, &end);
    check_part(&header->chunks, &end);
    CHECK(fstat(file.fd, &status) == 0 && (uint64_t)status.st_size >= end);
    CHECK((status.st_mode & 0777) == 0600 && status.st_nlink == 1);
    for (uint32_t i = 0; i < header->chunks.count; i++)
        CHECK(read_host_word(&file, i) == WIRE_CLOSED && read_acknowledged(&file, i) == WIRE_CLOSED);
}

static void the_header_says_who_we_are(void)
{
    setenv("OTEL_SERVICE_NAME", "the-test", 1);
    setenv("OTELSHIM_MAIN", "1", 1);
    struct mapped_file file = begin();
    const struct wire_header *header = &file.header;
    struct stat ns;
    char text[WIRE_HEADER_BYTES - WIRE_TEXT_OFFSET], exe[PATH_MAX], name[128];
    CHECK(pread(file.fd, text, sizeof text, WIRE_TEXT_OFFSET) == (ssize_t)sizeof text);
    CHECK(header->pid == (uint32_t)getpid() && header->uid == geteuid() && header->flags == 0);
    CHECK(stat("/proc/self/ns/pid", &ns) == 0 && header->pid_namespace == ns.st_ino);
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe);
    CHECK(n > 0 && header->exe_bytes == (uint32_t)n);
    CHECK(!memcmp(text + header->exe_offset - WIRE_TEXT_OFFSET, exe, (size_t)n));
    CHECK(header->arguments_bytes > 0);
    CHECK(memmem(text + header->settings_offset - WIRE_TEXT_OFFSET, header->settings_bytes,
                 "OTEL_SERVICE_NAME=the-test", 27));
    CHECK(header->entry_points_offset >= header->settings_offset + header->settings_bytes);
    snprintf(name, sizeof name, "%s/%u-%lu-0", test_box, header->pid, header->start_ticks);
    CHECK(header->start_ticks && !strcmp(name, file.name));
    uint64_t age_ns = clock_mono_ns() - header->created_mono_ns;
    CHECK(age_ns < 60000000000u);
}

static void exec_takes_the_next_number(void)
{
    struct dropbox_identity identity;
    char name[128];
    dropbox_identify(&identity);
    snprintf(name, sizeof name, "%s/%u-%lu-0", test_box, identity.pid, identity.start_ticks);
    CHECK(close(open(name, O_CREAT | O_WRONLY, 0600)) == 0);
    CHECK(dropbox_open());
    name[strlen(name) - 1] = '1';
    CHECK(access(name, F_OK) == 0);
}

static void a_fork_child_has_a_file_of_its_own(void)
{
    struct mapped_file file = begin(), own;
    uint32_t generation = dropbox_file()->generation;
    commit_one();
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(!dropbox_file() && !thread_get());
        dropbox_before_exec();
        dropbox_close(0);
        CHECK(read_state(&file) == 0 && !find_file(&own, getpid()));
        dropbox_count(DROP_NESTED);
        CHECK(read_dropped(&file, DROP_NESTED) == 0);
        own = begin();
        CHECK(dropbox_file()->generation != generation && own.header.pid == (uint32_t)getpid());
        commit_one();
        CHECK(committed_bytes(read_host_word(&own, 0)) == 64);
        CHECK(committed_bytes(read_host_word(&file, 0)) == 64);
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(dropbox_file() && dropbox_file()->generation == generation);
    pid = vfork();
    if (pid == 0) {
        dropbox_before_exec();
        dropbox_close(0);
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && dropbox_file() && read_state(&file) == 0);
}

static void ends_are_marked(void)
{
    struct mapped_file file = begin();
    dropbox_before_exec();
    CHECK(read_state(&file) == WIRE_STATE_EXECED);
    dropbox_exec_failed();
    CHECK(read_state(&file) == 0);
    commit_one();
    dropbox_close(0);
    CHECK(read_state(&file) == WIRE_STATE_EXITED);
    CHECK(access(file.name, F_OK) == 0);
    CHECK(!dropbox_file() && !dropbox_open());
}

static void an_empty_file_is_removed(void)
{
    struct mapped_file file = begin();
    CHECK(thread_get());
    dropbox_close(0);
    CHECK(access(file.name, F_OK) < 0 && errno == ENOENT);
}

static void an_open_span_is_not_nothing(void)
{
    struct mapped_file file = begin();
    CHECK(thread_get());
    thread_get()->slots[0]->depth = 1;
    dropbox_close(0);
    CHECK(access(file.name, F_OK) == 0);
}

/* ---- which directory ---- */
static void a_place_others_can_write_to_is_passed_over(void)
{
    char runtime[80], open_box[96];
    snprintf(runtime, sizeof runtime, "%s/runtime", test_box);
    snprintf(open_box, sizeof open_box, "%s/open", test_box);
    CHECK(mkdir(runtime, 0700) == 0 && mkdir(open_box, 0700) == 0 && chmod(open_box, 0777) == 0);
    setenv("OTELSHIM_DIR", open_box, 1);
    setenv("XDG_RUNTIME_DIR", runtime, 1);
    CHECK(dropbox_open());
    snprintf(open_box, sizeof open_box, "%s/otelshim", runtime);
    CHECK(!strcmp(dropbox_image(dropbox_file())->directory, open_box));
    struct stat status;
    CHECK(stat(open_box, &status) == 0 && (status.st_mode & 07777) == 0700);
}

static void a_symlink_is_not_followed(void)
{
    char link[96], target[96];
    snprintf(link, sizeof link, "%s/link", test_box);
    snprintf(target, sizeof target, "%s/target", test_box);
    CHECK(mkdir(target, 0700) == 0 && symlink(target, link) == 0);
    setenv("OTELSHIM_DIR", link, 1);
    setenv("XDG_RUNTIME_DIR", target, 1);
    CHECK(dropbox_open());
    CHECK(strcmp(dropbox_image(dropbox_file())->directory, link) != 0);
}

static void another_uid_has_another_file(void)
{
    if (geteuid())
        return;
    struct mapped_file file = begin();
    commit_one();
    struct thread *thread = thread_get();
    CHECK(seteuid(65534) == 0);
    usleep(1100000);
    struct buffer_reservation reservation;
    for (uint32_t i = 0; i < 4;
         i++) { /* a lease a second later notices; its record still goes into the old file */
        CHECK(buffer_reserve(thread, WIRE_RECORD_MAX, &reservation));
        buffer_commit(thread, &reservation, WIRE_RECORD_MAX);
    }
    CHECK(read_state(&file) == WIRE_STATE_MOVED);
    const struct dropbox_image *image = dropbox_image(dropbox_file());
    CHECK(image->uid == 65534 && !strncmp(image->directory, "/dev/shm/otelshim-65534", 23));
    CHECK(thread_get()->generation == dropbox_file()->generation);
    commit_one();
    CHECK(committed_bytes(dropbox_file()->chunk_lines[0].word) == 64);
    char path[DROPBOX_PATH_BYTES + DROPBOX_NAME_BYTES];
    snprintf(path, sizeof path, "%s/%s", image->directory, image->name);
    CHECK(unlink(path) == 0);
    snprintf(path, sizeof path, "%s/doorbell", image->directory);
    (void)unlink(path);
    (void)rmdir(image->directory);
}

/* ---- bells ---- */
static uint32_t read_doorbell(void)
{
    char path[96];
    uint32_t word = 0;
    snprintf(path, sizeof path, "%s/doorbell", test_box);
    int fd = open(path, O_RDONLY);
    CHECK(fd >= 0 && pread(fd, &word, sizeof word, 0) == (ssize_t)sizeof word);
    close(fd);
    return word;
}

static void set_asleep(const struct mapped_file *file, uint32_t asleep)
{
    CHECK(pwrite(file->fd, &asleep, sizeof asleep, WIRE_EXPORTER_OFFSET) == (ssize_t)sizeof asleep);
}

static void the_bell_rings_when_somebody_sleeps(void)
{
    struct mapped_file file = begin();
    uint64_t now_ns = clock_mono_ns();
    uint32_t before = read_doorbell();
    dropbox_ring(dropbox_file(), false, now_ns);
    CHECK(read_doorbell() == before); /* it is awake */
    set_asleep(&file, 1);
    errno = 77;
    dropbox_ring(dropbox_file(), false, now_ns);
    CHECK(errno == 77 && read_doorbell() != before);
    before = read_doorbell();
    dropbox_ring(dropbox_file(), false, now_ns + 1000); /* it is waking up */
    CHECK(read_doorbell() == before);
    set_asleep(&file, 2);
    dropbox_ring(dropbox_file(), false, now_ns + 2000); /* it fell asleep again */
    CHECK(read_doorbell() != before);
    before = read_doorbell();
    dropbox_ring(dropbox_file(), false, now_ns + 2000000);
    CHECK(read_doorbell() != before);
    CHECK(dropbox_file()->header->rung == 3);
}

static void errors_ring_at_most_every_10_ms(void)
{
    (void)begin();
    uint64_t now_ns = clock_mono_ns();
    for (uint64_t ms = 0; ms < 100; ms++)
        dropbox_ring(dropbox_file(), true, now_ns + ms * 1000000);
    CHECK(dropbox_file()->header->rung == 10);
}

static void a_new_doorbell_is_followed(void)
{
    struct mapped_file file = begin();
    const struct dropbox_image *image = dropbox_image(dropbox_file());
    char path[96];
    struct stat status;
    snprintf(path, sizeof path, "%s/doorbell", test_box);
    uint64_t inode = image->doorbell_inode;
    const volatile void *address = image->doorbell;
    CHECK(unlink(path) == 0 && close(open(path, O_CREAT | O_RDWR, 0600)) == 0 && truncate(path, 4096) == 0);
    set_asleep(&file, 1);
    dropbox_ring(dropbox_file(), false, clock_mono_ns());
    CHECK(stat(path, &status) == 0 && image->doorbell_inode == status.st_ino &&
          image->doorbell_inode != inode);
    CHECK(image->doorbell == address && read_doorbell());
    CHECK(unlink(path) == 0);
    dropbox_ring(dropbox_file(), false, clock_mono_ns() + 5000000); /* none at all: the wake alone */
}

/* ---- an exporter ---- */
static int lock_box(void)
{
    char path[96];
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    snprintf(path, sizeof path, "%s/lock", test_box);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && fcntl(fd, F_OFD_SETLK, &lock) == 0);
    return fd;
}

static void the_lock_tells_whether_an_exporter_lives(void)
{
    (void)begin();
    const struct dropbox_image *image = dropbox_image(dropbox_file());
    CHECK(!dropbox_exporter_lives(image));
    int fd = lock_box();
    CHECK(dropbox_exporter_lives(image));
    close(fd);
    CHECK(!dropbox_exporter_lives(image));
}

static void a_watched_process_waits_to_be_known(void)
{
    struct mapped_file file = begin();
    const struct wire_header *header = dropbox_file()->header;
    uint32_t pid = 4711;
    dropbox_introduce();
    CHECK(header->rung == 0); /* nobody is there */
    int fd = lock_box();
    uint64_t begin_ns = clock_mono_ns();
    dropbox_introduce();
    uint64_t took_ns = clock_mono_ns() - begin_ns;
    CHECK(header->rung == 1 && took_ns >= 1900000 && took_ns < 10000000000u); /* nobody answers */
    CHECK(pwrite(file.fd, &pid, sizeof pid, WIRE_EXPORTER_OFFSET + offsetof(struct wire_exporter, pid)) ==
          (ssize_t)sizeof pid);
    dropbox_introduce();
    CHECK(header->rung == 1); /* it is known already */
    close(fd);
}

static void *acknowledge_later(void *argument)
{
    const struct mapped_file *file = argument;
    uint32_t progress = 1;
    for (int i = 0; i < 9000 && !__atomic_load_n(&dropbox_file()->header->waiting, __ATOMIC_RELAXED); i++)
        usleep(1000);
    usleep(60000);
    CHECK(__atomic_load_n(&dropbox_file()->header->waiting, __ATOMIC_RELAXED));
    acknowledge_all(file);
    CHECK(pwrite(file->fd, &progress, sizeof progress, WIRE_EXPORTER_OFFSET + 4) == (ssize_t)sizeof progress);
    sys_futex_wake(&dropbox_file()->exporter->progress);
    return NULL;
}

static void exit_waits_for_delivery_while_an_exporter_lives(void)
{
    struct mapped_file file = begin();
    pthread_t exporter;
    commit_one();
    uint64_t begin_ns = clock_mono_ns();
    int fd = lock_box();
    CHECK(!pthread_create(&exporter, NULL, acknowledge_later, &file));
    dropbox_close(20000);
    uint64_t took_ns = clock_mono_ns() - begin_ns;
    CHECK(took_ns >= 50000000 && took_ns < 10000000000u);
    CHECK(!pthread_join(exporter, NULL));
    CHECK(read_acknowledged(&file, 0) == (read_host_word(&file, 0) & WIRE_STATE_MASK));
    close(fd);
}

static void exit_does_not_wait_for_nobody(void)
{
    (void)begin();
    commit_one();
    uint64_t begin_ns = clock_mono_ns();
    dropbox_close(20000);
    CHECK(clock_mono_ns() - begin_ns < 10000000000u);
}

#define TESTS(X)                                       \
    X(the_file_describes_itself)                       \
    X(the_header_says_who_we_are)                      \
    X(exec_takes_the_next_number)                      \
    X(a_fork_child_has_a_file_of_its_own)              \
    X(ends_are_marked)                                 \
    X(an_empty_file_is_removed)                        \
    X(an_open_span_is_not_nothing)                     \
    X(a_place_others_can_write_to_is_passed_over)      \
    X(a_symlink_is_not_followed)                       \
    X(another_uid_has_another_file)                    \
    X(the_bell_rings_when_somebody_sleeps)             \
    X(errors_ring_at_most_every_10_ms)                 \
    X(a_new_doorbell_is_followed)                      \
    X(the_lock_tells_whether_an_exporter_lives)        \
    X(a_watched_process_waits_to_be_known)             \
    X(exit_waits_for_delivery_while_an_exporter_lives) \
    X(exit_does_not_wait_for_nobody)

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
    make_box("131072");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove_box();
    return failed;
}
