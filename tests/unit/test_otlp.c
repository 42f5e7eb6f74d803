/*
 * otlp: batches, heads, answers, retries and receipts of one destination.
 *
 * `test_otlp drive URL SPOOL_DIRECTORY N_SPANS [gzip]` sends spans to a receiver that runs elsewhere (tests/fakes/otlp,
 * started by tests/integration/otlp), waits until all are out, prints the counts and the CPU time of a span.
 */
#include "otlp_fixture.h"
#include <time.h>
#include <zlib.h>

#define UNAVAILABLE "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"

static void test_full_batches_go_at_once_the_rest_when_due(void **state)
{
    (void)state;
    static const char *const answers[] = {"", STUB_OK, NULL};
    struct fixture fixture;
    start(&fixture, answers);
    add_spans(&fixture, 10);
    assert_int_equal(fixture.n_receipts, 0); /* never from within otlp_add() */
    run_until(&fixture, has_requests, 2);
    assert_true(counts_of(&fixture).queued >= 2);
    otlp_flush(fixture.otlp);
    run_until(&fixture, is_idle, 0);
    EXPECT_REQUESTS(&fixture, "abcd", "efgh", "ij");
    assert_int_equal(counts_of(&fixture).exported, 10);
    assert_int_equal(counts_of(&fixture).queued, 0);
    assert_string_equal(fixture.notes, "");
    assert_int_equal(fixture.receipts[0].word, 2); /* the last of the first chunk */
    for (unsigned i = 1; i < fixture.n_receipts; i++)
        assert_true(fixture.receipts[i].word > fixture.receipts[i - 1].word);
    assert_int_equal(fixture.receipts[fixture.n_receipts - 1].word, 10);
    stop(&fixture);
}

static void test_schedule_delay(void **state)
{
    (void)state;
    static const char *const answers[] = {"", STUB_OK, NULL};
    struct fixture fixture;
    start(&fixture, answers);
    fixture.settings.span_batches.schedule_delay_ms = 50;
    uint64_t begin_ms = loop_now_ms(fixture.loop);
    add_spans(&fixture, 2);
    run_until(&fixture, is_idle, 0);
    assert_in_range(loop_now_ms(fixture.loop) - begin_ms, 49, 59000);
    EXPECT_REQUESTS(&fixture, "ab");
    stop(&fixture);
}

static void test_request_head(void **state)
{
    (void)state;
    static const char *const answers[] = {"", STUB_OK, NULL};
    static struct header_line headers[] = {{"Authorization", "Basic abc"},
                                           {"X-Bad", "a\r\nX-Injected: 1"},
                                           {"Content-Type", "text/plain"},
                                           {"X-Empty", ""}};
    struct fixture fixture;
    start(&fixture, answers);
    otlp_destroy(fixture.otlp);
    fixture.settings.traces.headers = headers;
    fixture.settings.traces.n_headers = 4;
    create(&fixture);
    add_spans(&fixture, 4);
    run_until(&fixture, is_idle, 0);
    const char *head = fixture.server.requests[0].head;
    assert_non_null(strstr(head, "POST /v1/traces HTTP/1.1\r\n"));
    assert_non_null(strstr(head, "\r\nAuthorization: Basic abc\r\n"));
    assert_non_null(strstr(head, "\r\nContent-Type: application/x-protobuf\r\n"));
    assert_non_null(strstr(head, "\r\nX-Empty:\r\n"));
    assert_non_null(strstr(head, "\r\nUser-Agent: otelshim/" OTELSHIM_VERSION
                                 " OTel-OTLP-Exporter-C/" OTELSHIM_VERSION "\r\n"));
    assert_null(strstr(head, "X-Injected"));
    assert_null(strstr(head, "text/plain"));
    assert_null(strstr(head, "Content-Encoding"));
    stop(&fixture);
}

static void test_gzip(void **state)
{
    (void)state;
    static const char *const answers[] = {"", STUB_OK, NULL};
    struct fixture fixture;
    start(&fixture, answers);
    otlp_destroy(fixture.otlp);
    fixture.settings.traces.gzip = true;
    create(&fixture);
    add_spans(&fixture, 8);
    run_until(&fixture, is_idle, 0);
    for (unsigned i = 0; i < 2; i++) {
        struct stub_request *request = &fixture.server.requests[i], plain = {.body = malloc(100000)};
        assert_non_null(strstr(request->head, "\r\nContent-Encoding: gzip\r\n"));
        z_stream stream = {.next_in = (Bytef *)request->body, .avail_in = (uInt)request->body_bytes};
        stream.next_out = (Bytef *)plain.body;
        stream.avail_out = 100000;
        assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
        assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
        plain.body_bytes = stream.total_out;
        inflateEnd(&stream);
        char letters[65];
        read_request(&plain, letters);
        assert_string_equal(letters, i ? "efgh" : "abcd");
        free(plain.body);
    }
    stop(&fixture);
}

static void test_receipts_alone_wait_for_nobody(void **state)
{
    (void)state;
    static const char *const answers[] = {"", STUB_HANG, NULL};
    struct fixture fixture;
    start(&fixture, answers);
    struct receipt receipt = {.client = 9, .kind = RECEIPT_CHUNK, .index = 1, .word = 5};
    otlp_add(fixture.otlp, NULL, &receipt);
    assert_int_equal(fixture.n_receipts, 0);
    run_until(&fixture, has_receipts, 1);
    assert_int_equal(fixture.receipts[0].client, 9);
    assert_true(otlp_is_idle(fixture.otlp));
    add_spans(&fixture, 4); /* but not before the spans that came first */
    otlp_add(fixture.otlp, NULL, &receipt);
    run_until(&fixture, has_requests, 1);
    assert_int_equal(fixture.n_receipts, 1);
    stop(&fixture);
}

static void test_retryable_is_sent_again(void **state)
{
    (void)state;
    static const char *const answers[] = {"", UNAVAILABLE, STUB_OK, NULL};
    struct fixture fixture;
    start(&fixture, answers);
    uint64_t begin_ms = loop_now_ms(fixture.loop);
    add_spans(&fixture, 8);
    run_until(&fixture, has_requests, 1);
    assert_int_equal(fixture.n_receipts, 0);
    run_until(&fixture, is_idle, 0);
    assert_in_range(loop_now_ms(fixture.loop) - begin_ms, 790, 60000);
    EXPECT_REQUESTS(&fixture, "abcd", "abcd", "efgh");
    assert_int_equal(counts_of(&fixture).repeated, 1);
    assert_int_equal(counts_of(&fixture).exported, 8);
    assert_string_equal(fixture.results, "4/0 - 200 4/0 - 200 "); /* each operation once */
    assert_int_equal(counts_of(&fixture).added, 8);
    assert_false(counts_of(&fixture).is_down);
    assert_int_equal(counts_of(&fixture).spooled_batches, 0);
    stop(&fixture);
}

static void test_refused_is_dropped_and_counted(void **state)
{
    (void)state;
    static const char *const answers[] = {"",
                                          "HTTP/1.1 400 Bad\r\nContent-Length: 8\r\n\r\n\x12\x06no\nway",
                                          "HTTP/1.1 401 No\r\nContent-Length: 9\r\n\r\nwho is it",
                                          "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
                                          STUB_OK,
                                          NULL};
    struct fixture fixture;
    start(&fixture, answers);
    add_spans(&fixture, 4);
    run_until(&fixture, is_idle, 0);
    assert_non_null(strstr(fixture.notes, "4 spans dropped: HTTP 400: no way\n"));
    add_spans(&fixture, 4);
    run_until(&fixture, is_idle, 0);
    assert_string_equal(counts_of(&fixture).last_error, "4 spans dropped: HTTP 401: who is it");
    assert_null(strstr(fixture.notes, "who is it")); /* one line per fact and ten seconds */
    add_spans(&fixture, 8);
    run_until(&fixture, is_idle, 0);
    EXPECT_REQUESTS(&fixture, "abcd", "efgh", "ijkl", "mnop");
    assert_int_equal(counts_of(&fixture).rejected, 12);
    assert_int_equal(counts_of(&fixture).exported, 4);
    assert_string_equal(fixture.results, "0/4 400 400 0/4 401 401 0/4 500 500 4/0 - 200 ");
    assert_int_equal(fixture.receipts[fixture.n_receipts - 1].word, 16);
    stop(&fixture);
}

static void test_partial_success_is_never_retried(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n\x0a\x07\x08\x03\x12\x03odd",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\xff\xff\xff", STUB_OK, NULL};
    struct fixture fixture;
    start(&fixture, answers);
    add_spans(&fixture, 8);
    run_until(&fixture, is_idle, 0);
    EXPECT_REQUESTS(&fixture, "abcd", "efgh");
    assert_int_equal(counts_of(&fixture).rejected, 3);
    assert_int_equal(counts_of(&fixture).exported, 5);
    assert_string_equal(fixture.results, "1/3 rejected 200 4/0 - 200 ");
    assert_non_null(strstr(fixture.notes, "3 of 4 spans refused: odd\n"));
    stop(&fixture);
}

static void test_serves_equal_settings_only(void **state)
{
    (void)state;
    static const char *const answers[] = {"", STUB_OK, NULL};
    static struct header_line headers[] = {{"X-Token", "a"}};
    struct fixture fixture;
    start(&fixture, answers);
    struct settings other = fixture.settings;
    other.service_name = "other"; /* no matter of delivery */
    assert_true(otlp_serves(fixture.otlp, &other));
    other.traces.headers = headers;
    other.traces.n_headers = 1;
    assert_false(otlp_serves(fixture.otlp, &other));
    other = fixture.settings;
    other.traces.url = "http://127.0.0.1:1/";
    assert_false(otlp_serves(fixture.otlp, &other));
    other = fixture.settings;
    other.traces.certificate = "/ca.pem";
    assert_false(otlp_serves(fixture.otlp, &other));
    assert_string_equal(otlp_url(fixture.otlp), fixture.url);
    stop(&fixture);
}

/* Sends to a receiver elsewhere. */
struct drive {
    struct loop *loop;
    struct otlp *otlp;
    struct loop_timer *timer;
    struct resource *resource;
    unsigned n_left, n_made, n_receipts;
    struct settings settings;
};

static void count_receipts(void *context, const struct receipt *receipts, uint32_t n_receipts)
{
    struct drive *drive = context;
    for (uint32_t i = 0; i < n_receipts; i++)
        drive->n_receipts = (unsigned)receipts[i].word;
}

static void print_note(void *context, const char *line)
{
    (void)context;
    printf("note: %s\n", line);
}

static void drive_some(void *context)
{
    struct drive *drive = context;
    for (; drive->n_left && otlp_has_room(drive->otlp); drive->n_left--) {
        struct receipt receipt = {.kind = RECEIPT_CHUNK, .word = ++drive->n_made};
        otlp_add(drive->otlp, sample_span(otlp_arena(drive->otlp), drive->resource, drive->n_made), &receipt);
    }
    if (!drive->n_left && drive->n_made) {
        otlp_flush(drive->otlp);
        if (otlp_is_idle(drive->otlp)) {
            loop_stop(drive->loop);
            return;
        }
    }
    loop_timer_start(drive->timer, otlp_has_room(drive->otlp) && drive->n_left ? 0 : 1);
}

static double cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* What making the samples alone costs: not the output's. */
static double assembly_ns(struct drive *drive, unsigned n)
{
    struct arena arena = {0};
    double begin_ns = cpu_ns();
    for (unsigned i = 0; i < n; i++) {
        sample_span(&arena, drive->resource, i);
        if (i % 512 == 511)
            arena_reset(&arena);
    }
    arena_fini(&arena);
    return (cpu_ns() - begin_ns) / n;
}

static int drive_receiver(const char *url, const char *spool_path, unsigned n_spans, bool gzip)
{
    struct drive drive = {.loop = loop_create(), .n_left = n_spans, .resource = sample_resource("trader")};
    struct otlp_events events = {.on_receipts = count_receipts, .on_note = print_note, .context = &drive};
    struct otlp_counts counts;
    drive.settings = (struct settings){
        .traces.url = url,
        .traces.timeout_ms = 500,
        .span_batches.schedule_delay_ms = 60000,
        .span_batches.max_batch = 512,
        .span_batches.max_queue = 2048,
        .spool_bytes = 64 << 20,
        .traces.gzip = gzip,
    };
    double assembled_ns = assembly_ns(&drive, n_spans);
    drive.otlp = otlp_create(drive.loop, &drive.settings, OTLP_TRACES, spool_path, &events);
    drive.timer = loop_timer_create(drive.loop, drive_some, &drive);
    loop_timer_start(drive.timer, 0);
    double begin_ns = cpu_ns();
    loop_run(drive.loop);
    double spent_ns = (cpu_ns() - begin_ns) / n_spans - assembled_ns;
    otlp_get_counts(drive.otlp, &counts);
    printf("exported %llu rejected %llu lost %llu repeated %llu acknowledged %u\n",
           (unsigned long long)counts.exported, (unsigned long long)counts.rejected,
           (unsigned long long)counts.dropped_spool, (unsigned long long)counts.repeated, drive.n_receipts);
    printf("cpu %.0f ns a span (without %.0f for making it)\n", spent_ns, assembled_ns);
    otlp_destroy(drive.otlp);
    loop_destroy(drive.loop);
    resource_release(drive.resource);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc >= 5 && strcmp(argv[1], "drive") == 0)
        return drive_receiver(argv[2], argv[3], (unsigned)atoi(argv[4]), argc > 5);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_batches_go_at_once_the_rest_when_due),
        cmocka_unit_test(test_schedule_delay),
        cmocka_unit_test(test_request_head),
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_receipts_alone_wait_for_nobody),
        cmocka_unit_test(test_retryable_is_sent_again),
        cmocka_unit_test(test_refused_is_dropped_and_counted),
        cmocka_unit_test(test_partial_success_is_never_retried),
        cmocka_unit_test(test_serves_equal_settings_only),
    };
    return cmocka_run_group_tests_name("otlp", tests, NULL, NULL);
}
