/* spool: order, bound, restarts, damage, and who may share it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "outputs/otlp/spool.h"
#include "temporary.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

struct fixture {
    char path[100];
    struct settings settings;
    struct spool *spool;
    struct body body;
};

static struct spool *open_spool(struct fixture *fixture)
{
    struct problem problem = {""};
    struct spool *spool =
        spool_open(fixture->path, &fixture->settings.traces, fixture->settings.spool_bytes, &problem);
    if (!spool)
        print_message("%s\n", problem.text);
    return spool;
}

static void start(struct fixture *fixture, uint64_t max_bytes)
{
    *fixture =
        (struct fixture){.settings = {.traces.url = "http://h:4318/v1/traces", .spool_bytes = max_bytes}};
    temporary_make(fixture->path, sizeof(fixture->path));
    fixture->spool = open_spool(fixture);
    assert_non_null(fixture->spool);
}

static void stop(struct fixture *fixture)
{
    spool_close(fixture->spool);
    body_fini(&fixture->body);
    temporary_remove(fixture->path);
}

static void append(struct spool *spool, char fill, size_t bytes, uint32_t n_spans, bool is_gzip)
{
    struct body body = {0};
    body_reserve(&body, bytes);
    body.n_bytes = bytes;
    memset(body.bytes, fill, bytes);
    struct spool_batch batch = {.n_spans = n_spans, .is_gzip = is_gzip};
    assert_int_equal(spool_append(spool, &body, &batch, 0), 0);
    assert_true(batch.sequence > 0);
    body_fini(&body);
}

/* Takes the oldest and says its filling; 0 when there is none. */
static char take(struct fixture *fixture, struct spool_batch *ret_batch)
{
    if (spool_load(fixture->spool, &fixture->body, ret_batch) != 0)
        return 0;
    spool_remove(fixture->spool, ret_batch->sequence);
    return fixture->body.n_bytes ? (char)fixture->body.bytes[0] : '-';
}

/* Path of the only directory and, `nth` from 0, of its batches in the order of names. */
static void find_file(struct fixture *fixture, int nth, char *ret_path, size_t max_bytes)
{
    char directory[400];
    struct dirent **entries;
    int n = scandir(fixture->path, &entries, NULL, alphasort);
    snprintf(directory, sizeof(directory), "%s/%s", fixture->path, entries[2]->d_name);
    while (n-- > 0)
        free(entries[n]);
    free(entries);
    n = scandir(directory, &entries, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        if (strchr(entries[i]->d_name, '.') && entries[i]->d_name[0] != '.' && nth-- == 0)
            snprintf(ret_path, max_bytes, "%s/%s", directory, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

static void test_batches_come_back_in_order(void **state)
{
    (void)state;
    struct fixture fixture;
    struct spool_batch batch;
    start(&fixture, 1 << 20);
    assert_int_equal(take(&fixture, &batch), 0);
    append(fixture.spool, 'a', 10, 1, false);
    append(fixture.spool, 'b', 5000, 2, true);
    append(fixture.spool, 'c', 10, 3, false);
    struct spool_counts counts = spool_get_counts(fixture.spool);
    assert_int_equal(counts.n_batches, 3);
    assert_int_equal(counts.n_bytes, 4 * 4096);
    assert_int_equal(take(&fixture, &batch), 'a');
    assert_int_equal(take(&fixture, &batch), 'b');
    assert_int_equal(fixture.body.n_bytes, 5000);
    assert_int_equal(batch.n_spans, 2);
    assert_true(batch.is_gzip);
    append(fixture.spool, 'd', 10, 4, false);
    assert_int_equal(take(&fixture, &batch), 'c');
    assert_false(batch.is_gzip);
    assert_int_equal(take(&fixture, &batch), 'd');
    assert_int_equal(take(&fixture, &batch), 0);
    assert_int_equal(spool_get_counts(fixture.spool).n_bytes, 0);
    stop(&fixture);
}

static void test_restart_keeps_order_and_sequence(void **state)
{
    (void)state;
    struct fixture fixture;
    struct spool_batch batch, later;
    start(&fixture, 1 << 20);
    for (char c = 'a'; c <= 'p'; c++)
        append(fixture.spool, c, 10, 1, false);
    assert_int_equal(take(&fixture, &batch), 'a');
    spool_close(fixture.spool);
    fixture.spool = open_spool(&fixture);
    assert_int_equal(spool_get_counts(fixture.spool).n_batches, 15);
    append(fixture.spool, 'q', 10, 1, false);
    for (char c = 'b'; c <= 'q'; c++)
        assert_int_equal(take(&fixture, &later), c);
    assert_true(later.sequence > batch.sequence);
    stop(&fixture);
}

static void test_bound_drops_the_oldest_and_counts(void **state)
{
    (void)state;
    struct fixture fixture;
    struct spool_batch batch;
    start(&fixture, 4 * 4096);
    for (char c = 'a'; c <= 'f'; c++)
        append(fixture.spool, c, 100, 10, false);
    assert_int_equal(spool_get_counts(fixture.spool).n_batches, 4);
    assert_int_equal(spool_get_counts(fixture.spool).n_lost_spans, 20);
    assert_int_equal(take(&fixture, &batch), 'c');
    struct body large = {0};
    body_reserve(&large, 5 * 4096);
    large.n_bytes = 5 * 4096;
    batch = (struct spool_batch){.n_spans = 1};
    assert_int_equal(spool_append(fixture.spool, &large, &batch, 0), -EFBIG);
    assert_int_equal(spool_get_counts(fixture.spool).n_batches, 3); /* nothing was sacrificed for it */
    body_fini(&large);
    stop(&fixture);
}

static void test_bound_spares_the_one_being_sent(void **state)
{
    (void)state;
    struct fixture fixture;
    struct spool_batch sending, batch = {.n_spans = 1};
    start(&fixture, 2 * 4096);
    append(fixture.spool, 'a', 100, 10, false);
    append(fixture.spool, 'b', 100, 10, false);
    assert_int_equal(spool_load(fixture.spool, &fixture.body, &sending), 0);
    assert_int_equal(spool_append(fixture.spool, &fixture.body, &batch, sending.sequence), 0);
    spool_remove(fixture.spool, sending.sequence);
    spool_remove(fixture.spool, sending.sequence); /* gone already */
    assert_int_equal(spool_get_counts(fixture.spool).n_batches, 1);
    assert_int_equal(spool_get_counts(fixture.spool).n_lost_spans, 10); /* 'b' */
    stop(&fixture);
}

static void damage(const char *path, off_t at, const char *bytes, size_t n_bytes)
{
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, n_bytes, at), n_bytes);
    close(fd);
}

static void test_damaged_files_are_skipped_and_counted(void **state)
{
    (void)state;
    struct fixture fixture;
    struct spool_batch batch;
    char path[800];
    start(&fixture, 1 << 20);
    for (char c = 'a'; c <= 'e'; c++)
        append(fixture.spool, c, 100, 7, false);
    find_file(&fixture, 0, path, sizeof(path));
    assert_int_equal(truncate(path, 50), 0);
    find_file(&fixture, 1, path, sizeof(path));
    damage(path, 0, "X", 1);
    find_file(&fixture, 2, path, sizeof(path));
    damage(path, 16, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
    find_file(&fixture, 3, path, sizeof(path));
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(take(&fixture, &batch), 'e');
    assert_int_equal(spool_get_counts(fixture.spool).n_corrupt, 4);
    assert_int_equal(spool_get_counts(fixture.spool).n_lost_spans, 28);
    assert_int_equal(spool_get_counts(fixture.spool).n_batches, 0);
    stop(&fixture);
}

static void test_leftovers_and_strangers(void **state)
{
    (void)state;
    struct fixture fixture;
    struct spool_batch batch;
    char path[800], other[900];
    start(&fixture, 1 << 20);
    append(fixture.spool, 'a', 10, 1, false);
    find_file(&fixture, 0, path, sizeof(path));
    spool_close(fixture.spool);
    static const char *const names[] = {".0000000000000009.1.77", "0000000000000009", "0000000000000009.x",
                                        "000000000000000g.1", "0000000000000000.1"};
    for (size_t i = 0; i < 5; i++) {
        snprintf(other, sizeof(other), "%.*s/%s", (int)(strrchr(path, '/') - path), path, names[i]);
        close(open(other, O_WRONLY | O_CREAT, 0600));
    }
    fixture.spool = open_spool(&fixture);
    assert_int_equal(spool_get_counts(fixture.spool).n_batches, 1);
    snprintf(other, sizeof(other), "%.*s/%s", (int)(strrchr(path, '/') - path), path, names[0]);
    assert_int_equal(access(other, F_OK), -1); /* half-written: swept */
    snprintf(other, sizeof(other), "%.*s/%s", (int)(strrchr(path, '/') - path), path, names[1]);
    assert_int_equal(access(other, F_OK), 0); /* not ours */
    assert_int_equal(take(&fixture, &batch), 'a');
    stop(&fixture);
}

static void set_checkpoint(struct fixture *fixture, char fill, size_t bytes)
{
    struct body body = {0};
    body_reserve(&body, bytes);
    body.n_bytes = bytes;
    memset(body.bytes, fill, bytes);
    assert_int_equal(spool_set_checkpoint(fixture->spool, &body, 2), 0);
    body_fini(&body);
}

/* The next one is for what this header says. */
static void open_for(struct fixture *fixture, struct header_line *token)
{
    fixture->settings.traces.headers = token;
    fixture->settings.traces.n_headers = 1;
    fixture->spool = open_spool(fixture);
}

static void start_for(struct fixture *fixture, struct header_line *token)
{
    start(fixture, 1 << 20);
    spool_close(fixture->spool);
    open_for(fixture, token); /* the first one's directory is empty: taken over */
}

static void test_two_of_one_url_never_share(void **state)
{
    (void)state;
    struct fixture fixture;
    struct header_line token_a = {"X-Token", "a"}, token_b = {"X-Token", "b"};
    struct spool_batch batch;
    start_for(&fixture, &token_a);
    struct spool *same = open_spool(&fixture);
    assert_non_null(same);
    append(fixture.spool, 'a', 10, 1, false);
    append(same, 's', 10, 1, false);
    spool_close(same);
    spool_close(fixture.spool);

    open_for(&fixture, &token_b); /* nobody has a's now, but its batches are for a's token */
    assert_int_equal(take(&fixture, &batch), 0);
    append(fixture.spool, 'b', 10, 1, false);
    spool_close(fixture.spool);

    open_for(&fixture, &token_a);
    assert_int_equal(take(&fixture, &batch), 'a');
    stop(&fixture);
}

/* Of an exporter that was killed: what a's programs counted is for a's token, too. */
static void test_checkpoint_of_one_url_is_never_shared(void **state)
{
    (void)state;
    struct fixture fixture;
    struct header_line token_a = {"X-Token", "a"}, token_b = {"X-Token", "b"};
    struct spool_batch batch;
    start_for(&fixture, &token_a);
    assert_false(spool_get_counts(fixture.spool).has_checkpoint);
    set_checkpoint(&fixture, 'a', 10);
    assert_true(spool_get_counts(fixture.spool).has_checkpoint);
    spool_close(fixture.spool);

    open_for(&fixture, &token_b);
    assert_int_equal(take(&fixture, &batch), 0);
    spool_close(fixture.spool);

    open_for(&fixture, &token_a);
    assert_false(spool_get_counts(fixture.spool).has_checkpoint);
    assert_int_equal(take(&fixture, &batch), 'a');
    set_checkpoint(&fixture, 'a', 10);
    assert_int_equal(spool_set_checkpoint(fixture.spool, NULL, 0), 0);
    assert_false(spool_get_counts(fixture.spool).has_checkpoint);
    stop(&fixture);
}

static void test_open_says_why_not(void **state)
{
    (void)state;
    struct fixture fixture;
    struct problem problem = {""};
    start(&fixture, 1 << 20);
    char path[300];
    snprintf(path, sizeof(path), "%s/file", fixture.path);
    close(open(path, O_WRONLY | O_CREAT, 0600));
    strcat(path, "/below");
    assert_null(spool_open(path, &fixture.settings.traces, fixture.settings.spool_bytes, &problem));
    assert_non_null(strstr(problem.text, "Not a directory"));
    stop(&fixture);
}

/* A file size limit stands for the full disk: the write fails half-way. */
static void test_failed_write_leaves_nothing(void **state)
{
    (void)state;
    struct fixture fixture;
    struct rlimit before, small = {.rlim_cur = 1000, .rlim_max = RLIM_INFINITY};
    struct body body = {0};
    struct spool_batch batch = {.n_spans = 3};
    start(&fixture, 1 << 20);
    append(fixture.spool, 'a', 10, 1, false);
    body_reserve(&body, 5000);
    body.n_bytes = 5000;
    memset(body.bytes, 'b', 5000);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int status = spool_append(fixture.spool, &body, &batch, 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, -EFBIG);
    assert_int_equal(batch.sequence, 0);
    assert_int_equal(spool_get_counts(fixture.spool).n_batches, 1);
    assert_int_equal(spool_append(fixture.spool, &body, &batch, 0), 0);
    assert_int_equal(take(&fixture, &batch), 'a');
    assert_int_equal(take(&fixture, &batch), 'b');
    assert_int_equal(spool_get_counts(fixture.spool).n_lost_spans, 0);
    body_fini(&body);
    stop(&fixture);
}

/* The exporter is killed: another one opens the spool. */
static void restart(struct fixture *fixture)
{
    spool_close(fixture->spool);
    fixture->spool = open_spool(fixture);
}

/* Longer and shorter in turn: what the one before left behind does not count. */
static void test_the_last_checkpoint_becomes_a_batch_once(void **state)
{
    (void)state;
    struct fixture fixture;
    struct spool_batch batch;
    start(&fixture, 1 << 20);
    append(fixture.spool, 'a', 10, 1, false);
    set_checkpoint(&fixture, 'p', 5000);
    set_checkpoint(&fixture, 'q', 7000);
    set_checkpoint(&fixture, 'r', 100);
    set_checkpoint(&fixture, 's', 10);
    assert_int_equal(spool_get_counts(fixture.spool).n_batches, 1);
    restart(&fixture);
    set_checkpoint(&fixture, 't', 3000);
    assert_int_equal(take(&fixture, &batch), 'a');
    assert_int_equal(take(&fixture, &batch), 's');
    assert_int_equal(fixture.body.n_bytes, 10);
    assert_int_equal(batch.n_spans, 2);
    assert_int_equal(take(&fixture, &batch), 0);
    restart(&fixture);
    assert_int_equal(take(&fixture, &batch), 't');
    assert_int_equal(spool_set_checkpoint(fixture.spool, NULL, 0), 0);
    restart(&fixture);
    assert_int_equal(take(&fixture, &batch), 0);
    set_checkpoint(&fixture, 'u', 3000);
    set_checkpoint(&fixture, 'v', 3000);
    assert_int_equal(spool_set_checkpoint(fixture.spool, NULL, 0), 0);
    restart(&fixture);
    assert_int_equal(take(&fixture, &batch), 0);
    assert_int_equal(spool_get_counts(fixture.spool).n_corrupt, 0);
    stop(&fixture);
}

/* Cut off half-way, in the head, the body or the seal: the one before holds. */
static void test_a_torn_checkpoint_leaves_the_one_before(void **state)
{
    (void)state;
    static const long places[] = {2, 12, 17, 24, 24 + 2999, 24 + 3000, 24 + 3008};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct fixture fixture;
        struct spool_batch batch;
        char path[800];
        start(&fixture, 1 << 20);
        set_checkpoint(&fixture, 'x', 3000);
        set_checkpoint(&fixture, 'y', 3000);
        find_file(&fixture, 0, path, sizeof(path)); /* the second: its number is even */
        damage(path, places[i], "\x55", 1);
        restart(&fixture);
        assert_int_equal(take(&fixture, &batch), 'x');
        assert_int_equal(take(&fixture, &batch), 0);
        stop(&fixture);
    }
}

static void test_a_checkpoint_that_fails_leaves_the_one_before(void **state)
{
    (void)state;
    struct fixture fixture;
    struct rlimit before, small = {.rlim_cur = 4000};
    struct body body = {0};
    struct spool_batch batch;
    start(&fixture, 1 << 20);
    set_checkpoint(&fixture, 'x', 3000);
    body_reserve(&body, 5000);
    body.n_bytes = 5000;
    memset(body.bytes, 'y', 5000);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_true(spool_set_checkpoint(fixture.spool, &body, 2) < 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    restart(&fixture);
    assert_int_equal(take(&fixture, &batch), 'x');
    body_fini(&body);
    stop(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches_come_back_in_order),
        cmocka_unit_test(test_restart_keeps_order_and_sequence),
        cmocka_unit_test(test_bound_drops_the_oldest_and_counts),
        cmocka_unit_test(test_bound_spares_the_one_being_sent),
        cmocka_unit_test(test_damaged_files_are_skipped_and_counted),
        cmocka_unit_test(test_leftovers_and_strangers),
        cmocka_unit_test(test_two_of_one_url_never_share),
        cmocka_unit_test(test_checkpoint_of_one_url_is_never_shared),
        cmocka_unit_test(test_open_says_why_not),
        cmocka_unit_test(test_failed_write_leaves_nothing),
        cmocka_unit_test(test_the_last_checkpoint_becomes_a_batch_once),
        cmocka_unit_test(test_a_torn_checkpoint_leaves_the_one_before),
        cmocka_unit_test(test_a_checkpoint_that_fails_leaves_the_one_before),
    };
    return cmocka_run_group_tests_name("spool", tests, NULL, NULL);
}
