/* otlp: a destination that is down, and what the spool, or its absence, makes of that. */
#include "otlp_fixture.h"
#include <fcntl.h>

static void test_down_spools_then_replays_in_order(void **state)
{
    (void)state;
    static const char *const answers[] = {"", STUB_CLOSE, STUB_OK, NULL};
    struct fixture fixture;
    start(&fixture, answers);
    hold(&fixture);
    add_spans(&fixture, 6);
    run_until_down(&fixture, &fixture.settings.traces.timeout_ms);
    assert_int_equal(counts_of(&fixture).spooled_batches, 1);
    assert_int_equal(fixture.receipts[fixture.n_receipts - 1].word, 4); /* spooled is safe */
    add_spans(&fixture, 6);
    run_until(&fixture, has_spooled, 3);
    assert_non_null(strstr(fixture.notes, "down; spans go to the spool"));
    run_until(&fixture, is_idle, 0);
    assert_non_null(strstr(fixture.notes, "back again"));
    EXPECT_REQUESTS(&fixture, "abcd", "abcd", "efgh", "ijkl");
    assert_int_equal(counts_of(&fixture).exported, 12);
    /* the first operation failed, and nothing of it: it came again */
    assert_string_equal(fixture.results, "0/0 broken_connection 0 4/0 - 200 4/0 - 200 4/0 - 200 ");
    assert_false(counts_of(&fixture).is_down);
    stop(&fixture);
}

static void test_long_retry_after_is_not_slept_through(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "", "HTTP/1.1 429 Slow\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n", STUB_OK, NULL};
    struct fixture fixture;
    start(&fixture, answers);
    add_spans(&fixture, 4);
    run_until(&fixture, is_down, 0);
    assert_int_equal(counts_of(&fixture).spooled_batches, 1);
    assert_int_equal(fixture.server.n_requests, 1);
    assert_string_equal(fixture.results, "0/0 429 429 ");
    stop(&fixture);
}

static void test_spool_all_and_restart(void **state)
{
    (void)state;
    static const char *const answers[] = {"", STUB_HANG, STUB_OK, NULL};
    struct fixture fixture;
    start(&fixture, answers);
    add_spans(&fixture, 10);
    run_until(&fixture, has_requests, 1);
    otlp_spool_all(fixture.otlp); /* one in flight, one queued, one begun */
    assert_int_equal(counts_of(&fixture).spooled_batches, 3);
    assert_int_equal(counts_of(&fixture).queued, 0);
    assert_int_equal(fixture.receipts[fixture.n_receipts - 1].word, 10);
    otlp_destroy(fixture.otlp);
    create(&fixture);
    add_spans(&fixture, 4);
    run_until(&fixture, is_idle, 0);
    EXPECT_REQUESTS(&fixture, "abcd", "abcd", "efgh", "ij", "klmn");
    stop(&fixture);
}

static void test_relieve_spools_what_is_in_flight_too(void **state)
{
    (void)state;
    static const char *const answers[] = {"", STUB_OK, NULL};
    struct fixture fixture;
    start(&fixture, answers);
    add_spans(&fixture, 16);
    assert_false(otlp_has_room(fixture.otlp));
    otlp_flush(fixture.otlp); /* the first is in flight */
    otlp_relieve(fixture.otlp);
    assert_true(otlp_has_room(fixture.otlp));
    assert_int_equal(fixture.receipts[fixture.n_receipts - 1].word, 16);
    assert_int_equal(counts_of(&fixture).spooled_batches, 4);
    run_until(&fixture, is_idle, 0);
    EXPECT_REQUESTS(&fixture, "abcd", "efgh", "ijkl", "mnop"); /* none twice */
    stop(&fixture);
}

/* Nothing is in flight, and nothing comes after it: what was spooled to make room goes out all the same. */
static void test_relieved_batch_is_sent(void **state)
{
    (void)state;
    static const char *const answers[] = {"", STUB_OK, NULL};
    struct fixture fixture;
    start(&fixture, answers);
    add_spans(&fixture, 2);
    otlp_relieve(fixture.otlp);
    assert_int_equal(counts_of(&fixture).spooled_batches, 1);
    run_until(&fixture, is_idle, 0);
    EXPECT_REQUESTS(&fixture, "ab");
    stop(&fixture);
}

static void test_without_spool_nothing_is_acknowledged(void **state)
{
    (void)state;
    static const char *const answers[] = {"", STUB_CLOSE, STUB_OK, NULL};
    struct fixture fixture;
    start(&fixture, answers);
    otlp_destroy(fixture.otlp);
    char path[200];
    snprintf(path, sizeof(path), "%s/file", fixture.spool_path);
    close(open(path, O_WRONLY | O_CREAT, 0600));
    struct otlp_events events = {.on_receipts = keep_receipts, .on_note = keep_note, .context = &fixture};
    fixture.otlp = otlp_create(fixture.loop, &fixture.settings, OTLP_TRACES, path, &events);
    assert_non_null(strstr(fixture.notes, "no spool: "));
    hold(&fixture);
    add_spans(&fixture, 8);
    run_until_down(&fixture, &fixture.settings.traces.timeout_ms);
    assert_non_null(strstr(fixture.notes, "down, and there is no spool"));
    otlp_spool_all(fixture.otlp);
    assert_int_equal(fixture.n_receipts, 0); /* the mapped files keep them */
    otlp_relieve(fixture.otlp);
    assert_int_equal(counts_of(&fixture).queued, 8); /* there is room: nothing is dropped */
    add_spans(&fixture, 8);
    otlp_relieve(fixture.otlp);
    assert_int_equal(counts_of(&fixture).dropped_spool,
                     4); /* the oldest, counted, its receipts handed back */
    assert_int_equal(fixture.receipts[fixture.n_receipts - 1].word, 4);
    assert_true(otlp_has_room(fixture.otlp));
    stop(&fixture);
}

static void test_down_without_spool_recovers(void **state)
{
    (void)state;
    static const char *const answers[] = {"", STUB_CLOSE, STUB_OK, NULL};
    struct fixture fixture;
    start(&fixture, answers);
    otlp_destroy(fixture.otlp);
    fixture.settings.spool_bytes = 0;
    create(&fixture);
    hold(&fixture);
    add_spans(&fixture, 8);
    run_until_down(&fixture, &fixture.settings.traces.timeout_ms);
    run_until(&fixture, is_idle, 0);
    EXPECT_REQUESTS(&fixture, "abcd", "abcd", "efgh");
    assert_int_equal(fixture.receipts[fixture.n_receipts - 1].word, 8);
    stop(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_down_spools_then_replays_in_order),
        cmocka_unit_test(test_long_retry_after_is_not_slept_through),
        cmocka_unit_test(test_spool_all_and_restart),
        cmocka_unit_test(test_relieve_spools_what_is_in_flight_too),
        cmocka_unit_test(test_relieved_batch_is_sent),
        cmocka_unit_test(test_without_spool_nothing_is_acknowledged),
        cmocka_unit_test(test_down_without_spool_recovers),
    };
    return cmocka_run_group_tests_name("otlp_spool", tests, NULL, NULL);
}
