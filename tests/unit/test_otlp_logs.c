/* otlp: log records in batches of their own, with receipts like spans'; a crash's record goes at once, alone. */
#include "otlp_fixture.h"

#include "logs_service.pb-c.h"

static void start_logs(struct fixture *fixture, const char *const *answers, uint32_t delay_ms)
{
    start(fixture, answers);
    otlp_destroy(fixture->otlp);
    fixture->settings.logs = fixture->settings.traces;
    fixture->settings.log_batches =
        (struct batching){.schedule_delay_ms = delay_ms, .max_batch = 3, .max_queue = 6};
    struct otlp_events events = {.on_receipts = keep_receipts, .on_note = keep_note, .context = fixture};
    fixture->otlp = otlp_create(fixture->loop, &fixture->settings, OTLP_LOGS, fixture->spool_path, &events);
}

static void add_records(struct fixture *fixture, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        unsigned number = ++fixture->n_spans;
        struct receipt receipt = {.client = 1, .kind = RECEIPT_CHUNK, .index = 0, .word = number};
        struct log_record *record = arena_zalloc(otlp_arena(fixture->otlp), sizeof(*record));
        record->observed_unix_ns = number;
        record->resource = fixture->resource;
        record->scope = "otelshim.api";
        otlp_add_record(fixture->otlp, record, &receipt);
    }
}

/* "1 2 3 ": the observed times of a request. */
static void expect_records(const struct stub_request *request, const char *expected)
{
    char text[200] = "";
    Otlp__ExportLogsServiceRequest *decoded =
        otlp__export_logs_service_request__unpack(NULL, request->body_bytes, (const uint8_t *)request->body);
    assert_non_null(decoded);
    for (size_t r = 0; r < decoded->n_resource_logs; r++)
        for (size_t s = 0; s < decoded->resource_logs[r]->n_scope_logs; s++)
            for (size_t i = 0; i < decoded->resource_logs[r]->scope_logs[s]->n_log_records; i++)
                snprintf(
                    text + strlen(text), sizeof(text) - strlen(text), "%d ",
                    (int)decoded->resource_logs[r]->scope_logs[s]->log_records[i]->observed_time_unix_nano);
    otlp__export_logs_service_request__free_unpacked(decoded, NULL);
    assert_string_equal(text, expected);
}

static void test_batches_and_receipts(void **state)
{
    (void)state;
    static const char *const answers[] = {"", STUB_OK, NULL};
    struct fixture fixture;
    start_logs(&fixture, answers, 60000);
    add_records(&fixture, 4);
    assert_int_equal(fixture.n_receipts, 0);
    run_until(&fixture, has_receipts, 1);
    assert_int_equal(fixture.server.n_requests, 1);
    assert_int_equal(fixture.receipts[0].word, 3); /* the fourth waits for its batch */
    expect_records(&fixture.server.requests[0], "1 2 3 ");
    assert_true(otlp_has_room(fixture.otlp));
    add_records(&fixture, 2);
    run_until(&fixture, has_requests, 2);
    expect_records(&fixture.server.requests[1], "4 5 6 ");
    stop(&fixture);
}

static void test_schedule_delay(void **state)
{
    (void)state;
    static const char *const answers[] = {"", STUB_OK, NULL};
    struct fixture fixture;
    start_logs(&fixture, answers, 40);
    uint64_t begin_ms = loop_now_ms(fixture.loop);
    add_records(&fixture, 2);
    run_until(&fixture, has_receipts, 1);
    assert_in_range(loop_now_ms(fixture.loop) - begin_ms, 39, 30000);
    expect_records(&fixture.server.requests[0], "1 2 ");
    stop(&fixture);
}

static void test_a_crash_does_not_wait(void **state)
{
    (void)state;
    static const char *const answers[] = {"", STUB_OK, NULL};
    struct fixture fixture;
    start_logs(&fixture, answers, 60000);
    add_records(&fixture, 2);
    struct log_record crash = {
        .observed_unix_ns = 99, .severity = SEVERITY_FATAL, .resource = fixture.resource};
    otlp_add_log(fixture.otlp, &crash);
    run_until(&fixture, has_requests, 1);
    expect_records(&fixture.server.requests[0], "99 ");
    assert_int_equal(fixture.n_receipts, 0);
    stop(&fixture);
}

static void test_down_goes_to_the_spool_and_is_replayed(void **state)
{
    (void)state;
    static const char *const answers[] = {"", STUB_CLOSE, STUB_OK, NULL};
    struct fixture fixture;
    start_logs(&fixture, answers, 60000);
    hold(&fixture);
    add_records(&fixture, 5);
    run_until_down(&fixture, &fixture.settings.logs.timeout_ms);
    assert_int_equal(fixture.receipts[fixture.n_receipts - 1].word, 3);
    otlp_spool_all(fixture.otlp);
    assert_int_equal(fixture.receipts[fixture.n_receipts - 1].word, 5);
    assert_int_equal(counts_of(&fixture).spooled_batches, 2);
    otlp_destroy(fixture.otlp);
    struct otlp_events events = {.on_receipts = keep_receipts, .on_note = keep_note, .context = &fixture};
    fixture.otlp = otlp_create(fixture.loop, &fixture.settings, OTLP_LOGS, fixture.spool_path, &events);
    run_until(&fixture, is_idle, 0);
    unsigned n = fixture.server.n_requests;
    expect_records(&fixture.server.requests[n - 2], "1 2 3 ");
    expect_records(&fixture.server.requests[n - 1], "4 5 ");
    stop(&fixture);
}

static void test_whom_it_serves(void **state)
{
    (void)state;
    static const char *const answers[] = {"", STUB_OK, NULL};
    struct fixture fixture;
    start_logs(&fixture, answers, 40);
    struct settings other = fixture.settings;
    assert_true(otlp_serves(fixture.otlp, &other));
    other.span_batches.max_batch = 77; /* of spans */
    assert_true(otlp_serves(fixture.otlp, &other));
    other.log_batches.max_queue++;
    assert_false(otlp_serves(fixture.otlp, &other));
    stop(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches_and_receipts),
        cmocka_unit_test(test_schedule_delay),
        cmocka_unit_test(test_a_crash_does_not_wait),
        cmocka_unit_test(test_down_goes_to_the_spool_and_is_replayed),
        cmocka_unit_test(test_whom_it_serves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
