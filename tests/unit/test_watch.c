/* watch: which directories are served, what is ignored in them, who may hold the lock, bells. */
#include "fake_client.h"
#include "reader.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static void write_file(const char *directory, const char *name, mode_t mode, const void *bytes, size_t n)
{
    char path[300];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), (ssize_t)n);
    close(fd);
}

static void test_box_is_made_locked_and_has_a_doorbell(void **state)
{
    struct reader *reader = *state;
    struct stat status;
    char path[300];
    reader_start(reader);
    assert_string_equal(dropbox_directory(reader->dropbox), reader->directory);
    assert_int_equal(stat(reader->directory, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
    snprintf(path, sizeof(path), "%s/doorbell", reader->directory);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, 4096);
    assert_int_equal(status.st_mode & 07777, 0600);
    snprintf(path, sizeof(path), "%s/lock", reader->directory);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    assert_int_equal(fcntl(fd, F_OFD_GETLK, &lock), 0);
    assert_int_equal(lock.l_type, F_WRLCK); /* somebody has it */
    close(fd);
}

static void test_second_exporter_is_told_busy(void **state)
{
    struct reader *reader = *state;
    struct dropbox *second;
    char problem[200];
    struct dropbox_events events = {.on_note = reader_on_note, .context = reader};
    reader_start(reader);
    assert_int_equal(dropbox_create(&second, reader->directory, false, true, &events, problem), -EBUSY);
    reader_stop(reader);
    assert_int_equal(dropbox_create(&second, reader->directory, false, true, &events, problem), 0);
    dropbox_destroy(second);
}

static void test_directory_of_somebody_else_is_refused(void **state)
{
    struct reader *reader = *state;
    struct dropbox *dropbox;
    char problem[200];
    if (geteuid() != 0) {
        print_message("skipped: %s: not root\n", __func__);
        skip();
    }
    struct dropbox_events events = {.context = reader};
    assert_int_equal(mkdir(reader->directory, 0700), 0);
    assert_int_equal(chown(reader->directory, 12345, 12345), 0);
    assert_int_equal(dropbox_create(&dropbox, reader->directory, false, true, &events, problem), -ENOENT);
    assert_non_null(strstr(problem, reader->directory));
    /* one that others may write to is as bad */
    assert_int_equal(chown(reader->directory, 0, 0), 0);
    assert_int_equal(chmod(reader->directory, 0777), 0);
    assert_int_equal(dropbox_create(&dropbox, reader->directory, false, true, &events, problem), -ENOENT);
    chmod(reader->directory, 0700);
}

static void test_names_that_are_no_client_are_ignored(void **state)
{
    struct reader *reader = *state;
    static const char *const names[] = {
        "control", "1-2",    "1-2-3-4", "a-2-3",           "01-2-3",
        "1-2-",    "-1-2-3", "1-2-3x",  "99999999999-1-0", "1-99999999999999999999999-0",
        "0-1-0",   ".1-2-3"};
    reader_start(reader);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        write_file(reader->directory, names[i], 0600, "x", 1);
    reader_poll_for(reader, 60);
    assert_int_equal(dropbox_n_clients(reader->dropbox), 0);
    assert_int_equal(reader->n_notes, 0);
    assert_true(dropbox_leave(reader->dropbox));
}

/* Everything a hostile owner of the box could leave under a client's name. */
static void test_hostile_files_are_refused_once(void **state)
{
    struct reader *reader = *state;
    char path[300], other[300];
    struct fake_client fake;
    reader_start(reader);
    snprintf(path, sizeof(path), "%s/1-2-0", reader->directory);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    snprintf(path, sizeof(path), "%s/1-2-1", reader->directory);
    assert_int_equal(mkfifo(path, 0600), 0);
    snprintf(path, sizeof(path), "%s/1-2-2", reader->directory);
    assert_int_equal(mkdir(path, 0700), 0);
    fake_make(&fake, reader->directory, getpid(), 3, 8);
    snprintf(other, sizeof(other), "%s/second-name", reader->directory);
    assert_int_equal(link(fake.path, other), 0);
    fake_publish(&fake);
    static uint8_t garbage[WIRE_HEADER_BYTES];
    memset(garbage, 0x5a, sizeof(garbage));
    write_file(reader->directory, "1-2-4", 0600, garbage, sizeof(garbage));
    write_file(reader->directory, "1-2-5", 0600, garbage, 100);
    uint32_t n = 6;
    struct fake_client foreign = {0};
    if (geteuid() == 0) { /* right in everything but its owner */
        fake_make(&foreign, reader->directory, getpid(), 6, 8);
        assert_int_equal(chown(foreign.path, 12345, 12345), 0);
        fake_publish(&foreign);
        n++;
    }
    reader_poll_for(reader, 100);
    assert_int_equal(dropbox_n_clients(reader->dropbox), 0);
    assert_int_equal(reader->n_notes, n);
    assert_true(dropbox_leave(reader->dropbox)); /* they do not keep the exporter */
    fake_unmap(&fake);
    fake_unmap(&foreign);
}

static void test_more_files_than_the_quota_wait(void **state)
{
    struct reader *reader = *state;
    char name[32], path[300];
    static const uint8_t garbage[100];
    struct fake_client fake;
    reader_start(reader);
    for (unsigned i = 0; i < 2060; i++) {
        uint8_t bytes[100];
        memcpy(bytes, garbage, sizeof(bytes));
        bytes[0] = 1;
        snprintf(name, sizeof(name), "1-2-%u", i);
        write_file(reader->directory, name, 0600, bytes, sizeof(bytes));
    }
    reader_poll(reader);
    assert_int_equal(reader->n_notes, 2049);
    reader_poll_for(reader, 30);
    assert_int_equal(reader->n_notes, 2049);
    snprintf(path, sizeof(path), "rm %s/1-2-*", reader->directory);
    assert_int_equal(system(path), 0);
    fake_make(&fake, reader->directory, getpid(), 0, 8);
    fake_publish(&fake);
    reader_poll_for(reader, 1100);
    assert_int_equal(reader->n_processes, 1);
    fake_unmap(&fake);
}

static void test_file_without_magic_waits_and_is_removed_once_abandoned(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    reader_start(reader);
    fake_make(&fake, reader->directory, getpid(), 0, 8);
    reader_poll_for(reader, 50);
    assert_int_equal(reader->n_processes, 0);
    reader_poll_for(reader, 3200); /* mapped: not abandoned, however old */
    assert_int_equal(access(fake.path, F_OK), 0);
    fake_unmap(&fake);
    reader_poll_for(reader, 1200);
    assert_int_equal(access(fake.path, F_OK), -1);
    assert_int_equal(reader->n_notes, 0);
}

static void test_removed_directory_is_made_anew_and_its_clients_go_on(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake, second;
    char path[300];
    reader_start(reader);
    fake_make(&fake, reader->directory, getpid(), 0, 8);
    fake_publish(&fake);
    fake_lease(&fake, 0);
    fake_span(&fake, 0, 1);
    assert_int_equal(reader_poll(reader), 1);
    snprintf(path, sizeof(path), "rm -r %s", reader->directory);
    assert_int_equal(system(path), 0);
    fake_span(&fake, 0, 2);
    reader_poll_for(reader, 1200);
    assert_int_equal(reader->n_spans, 2);
    assert_int_equal(access(reader->directory, F_OK), 0);
    fake_make(&second, reader->directory, getpid(), 1, 8);
    second.header->pid_namespace = 1; /* not an exec of the same process */
    fake_publish(&second);
    fake_lease(&second, 0);
    fake_span(&second, 0, 3);
    fake_span(&fake, 0, 4);
    reader_poll_for(reader, 50);
    assert_int_equal(reader->n_spans, 4);
    fake_unmap(&fake);
    fake_unmap(&second);
}

/* `otelshim run --console` leaves its private box behind: the next exporter takes it over and tidies up. */
static void test_left_private_box_is_adopted(void **state)
{
    struct reader *reader = *state;
    char path[300];
    struct fake_client fake;
    reader_start(reader);
    snprintf(path, sizeof(path), "%s/run-1", reader->directory);
    assert_int_equal(mkdir(path, 0700), 0);
    write_file(path, "lock", 0600, "", 0);
    fake_make(&fake, path, getpid(), 0, 8);
    fake_publish(&fake);
    fake_lease(&fake, 0);
    fake_span(&fake, 0, 77);
    fake.header->pid_namespace = 1;
    fake_unmap(&fake); /* foreign and unmapped: dead */
    reader_poll_for(reader, 5000);
    assert_int_equal(reader->n_spans, 1);
    assert_int_equal(access(path, F_OK), -1);
}

static void *wait_for_bell(void *context)
{
    struct reader *reader = context;
    dropbox_wait(reader->dropbox, 60000);
    return NULL;
}

static void ring(const struct reader *reader)
{
    char path[300];
    uint32_t value = 99;
    snprintf(path, sizeof(path), "%s/doorbell", reader->directory);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    void *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    assert_int_equal(pwrite(fd, &value, sizeof(value), 0), sizeof(value));
    syscall(SYS_futex, page, FUTEX_WAKE, 1, NULL, NULL, 0);
    munmap(page, 4096);
    close(fd);
}

static void test_bell_wakes_and_asleep_is_told(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    pthread_t thread;
    reader_start(reader);
    fake_make(&fake, reader->directory, getpid(), 0, 8);
    fake_publish(&fake);
    reader_poll(reader);
    assert_int_equal(fake.exporter->asleep, 0);
    assert_true(dropbox_fall_asleep(reader->dropbox));
    uint32_t asleep = fake.exporter->asleep;
    assert_int_not_equal(asleep, 0);
    uint64_t before = fake_now_ns();
    assert_int_equal(pthread_create(&thread, NULL, wait_for_bell, reader), 0);
    fake_sleep_ms(50);
    ring(reader);
    pthread_join(thread, NULL);
    assert_true(fake_now_ns() - before < 50000000000ull);
    dropbox_wake(reader->dropbox);
    assert_int_equal(fake.exporter->asleep, 0);
    /* news between the last poll and the asleep word */
    fake_lease(&fake, 0);
    fake_span(&fake, 0, 5);
    assert_false(dropbox_fall_asleep(reader->dropbox));
    assert_int_equal(fake.exporter->asleep, 0);
    assert_int_equal(reader_poll(reader), 1);
    /* a ring before the wait is not missed */
    fake_sleep_ms(1);
    reader_poll_for(reader, 300);
    assert_true(dropbox_fall_asleep(reader->dropbox));
    assert_int_not_equal(fake.exporter->asleep, asleep); /* or the host would take it for the one it rang */
    ring(reader);
    before = fake_now_ns();
    dropbox_wait(reader->dropbox, 60000);
    assert_true(fake_now_ns() - before < 50000000000ull);
    dropbox_wake(reader->dropbox);
    fake_unmap(&fake);
}

static void test_leave_stays_when_a_file_appeared(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    reader_start(reader);
    assert_int_equal(dropbox_n_clients(reader->dropbox), 0);
    fake_make(&fake, reader->directory, getpid(), 0, 8);
    fake_publish(&fake);
    assert_false(dropbox_leave(reader->dropbox));
    reader_poll(reader);
    assert_int_equal(dropbox_n_clients(reader->dropbox), 1);
    fake_unmap(&fake);
}

static void test_descriptor_tells_of_a_new_file(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    reader_start(reader);
    reader_poll(reader);
    assert_false(reader_is_readable(reader));
    fake_make(&fake, reader->directory, getpid(), 0, 8);
    fake_publish(&fake);
    assert_true(reader_is_readable(reader));
    reader_poll(reader);
    assert_false(reader_is_readable(reader));
    fake_unmap(&fake);
}

/* ---- the standard places: only below private mounts ---- */

static bool has_private_mounts;

static int mount_private(void)
{
    return unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
           mount("none", "/dev/shm", "tmpfs", 0, NULL) || mount("none", "/run", "tmpfs", 0, NULL) ||
           mkdir("/run/user", 0755);
}

static void need_private_mounts(const char *test)
{
    if (has_private_mounts)
        return;
    print_message("skipped: %s: needs root and a mount namespace\n", test);
    skip();
}

static void start_standard(struct reader *reader, bool all_uids)
{
    char problem[200];
    struct dropbox_events events = {.on_process = reader_on_process,
                                    .on_process_gone = reader_on_gone,
                                    .on_span = reader_on_span,
                                    .on_note = reader_on_note,
                                    .context = reader};
    if (dropbox_create(&reader->dropbox, NULL, all_uids, false, &events, problem))
        fail_msg("%s", problem);
}

static void give(const char *path, uid_t uid)
{
    assert_int_equal(chown(path, uid, (gid_t)-1), 0);
}

static void test_standard_boxes_are_made(void **state)
{
    struct reader *reader = *state;
    need_private_mounts(__func__);
    assert_int_equal(mkdir("/run/user/0", 0700), 0);
    start_standard(reader, false);
    assert_string_equal(dropbox_directory(reader->dropbox), "/run/user/0/otelshim");
    assert_int_equal(access("/run/user/0/otelshim/doorbell", F_OK), 0);
    assert_int_equal(access("/dev/shm/otelshim-0/doorbell", F_OK), 0);
    assert_int_equal(access("/dev/shm/otelshim-0-1", F_OK), -1);
    reader_stop(reader);
    assert_int_equal(system("rm -r /run/user/0 /dev/shm/otelshim-0"), 0);
}

static void test_squatted_box_has_a_fallback(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    need_private_mounts(__func__);
    assert_int_equal(mkdir("/dev/shm/otelshim-0", 0777), 0);
    give("/dev/shm/otelshim-0", 12345);
    assert_int_equal(symlink("/tmp", "/dev/shm/otelshim-0-1"), 0);
    assert_int_equal(mkdir("/dev/shm/otelshim-0-5", 0700), 0); /* a host came to a fallback of its own */
    start_standard(reader, false);
    assert_string_equal(dropbox_directory(reader->dropbox), "/dev/shm/otelshim-0-2");
    fake_make(&fake, "/dev/shm/otelshim-0-5", getpid(), 0, 8);
    fake_publish(&fake);
    reader_poll(reader);
    assert_int_equal(reader->n_processes, 1);
    fake_unmap(&fake);
    reader_stop(reader);
    assert_int_equal(system("rm -r /dev/shm/otelshim-0*"), 0);
}

static void test_service_serves_every_uid_and_trusts_none(void **state)
{
    struct reader *reader = *state;
    struct fake_client theirs, ours, late;
    struct stat status;
    need_private_mounts(__func__);
    assert_int_equal(mkdir("/dev/shm/otelshim-12345", 0700), 0);
    give("/dev/shm/otelshim-12345", 12345);
    start_standard(reader, true);
    pid_t victim = fake_start_with_secret(); /* root's: a header may name any process */
    fake_make(&theirs, "/dev/shm/otelshim-12345", victim, 0, 8);
    give(theirs.path, 12345);
    fake_publish(&theirs);
    fake_lease(&theirs, 0);
    fake_span(&theirs, 0, 1);
    fake_make(&ours, "/dev/shm/otelshim-12345", getpid(), 1, 8); /* root's file in somebody's box */
    fake_publish(&ours);
    reader_poll_for(reader, 50);
    assert_int_equal(reader->n_spans, 1);
    assert_int_equal(reader->first.uid, 12345);
    assert_int_equal(reader->first.secrets_bytes, 0); /* the process it names is not of that uid */
    assert_int_equal(reader->n_notes, 1);
    assert_int_equal(theirs.acknowledged[0], theirs.lines[0].word & WIRE_STATE_MASK);
    assert_int_equal(stat("/dev/shm/otelshim-12345/doorbell", &status), 0);
    assert_int_equal(status.st_uid, 12345);
    assert_int_equal(stat("/dev/shm/otelshim-12345/lock", &status), 0);
    assert_int_equal(status.st_uid, 12345);
    kill(victim, SIGKILL);
    waitpid(victim, NULL, 0);
    /* a user who comes later */
    assert_int_equal(mkdir("/run/user/54321", 0700) | mkdir("/run/user/54321/otelshim", 0700), 0);
    give("/run/user/54321", 54321);
    give("/run/user/54321/otelshim", 54321);
    fake_make(&late, "/run/user/54321/otelshim", getpid(), 0, 8);
    give(late.path, 54321);
    fake_publish(&late);
    reader_poll_for(reader, 1200);
    assert_int_equal(reader->n_processes, 2);
    fake_unmap(&theirs);
    fake_unmap(&ours);
    fake_unmap(&late);
    reader_stop(reader);
    assert_int_equal(system("rm -r /dev/shm/otelshim-* /run/user/*"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, reader_setup, reader_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_box_is_made_locked_and_has_a_doorbell),
        TEST(test_second_exporter_is_told_busy),
        TEST(test_directory_of_somebody_else_is_refused),
        TEST(test_names_that_are_no_client_are_ignored),
        TEST(test_hostile_files_are_refused_once),
        TEST(test_more_files_than_the_quota_wait),
        TEST(test_file_without_magic_waits_and_is_removed_once_abandoned),
        TEST(test_removed_directory_is_made_anew_and_its_clients_go_on),
        TEST(test_left_private_box_is_adopted),
        TEST(test_bell_wakes_and_asleep_is_told),
        TEST(test_leave_stays_when_a_file_appeared),
        TEST(test_descriptor_tells_of_a_new_file),
        TEST(test_standard_boxes_are_made),
        TEST(test_squatted_box_has_a_fallback),
        TEST(test_service_serves_every_uid_and_trusts_none),
    };
    unsetenv("XDG_RUNTIME_DIR");
    has_private_mounts = mount_private() == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
