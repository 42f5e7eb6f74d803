/*
 * otlp: batches, retries, the spool and receipts of one destination, against a server with canned answers.
 *
 * The first retry comes after 0.8 to 1.2 s (spec: backoff), so some of these tests take that long.
 *
 * `test_otlp drive URL SPOOL_DIRECTORY N_SPANS [gzip]` sends spans to a receiver that runs elsewhere (tests/fakes/otlp,
 * started by tests/integration/otlp), waits until all are out, prints the counts and the CPU time of a span.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "outputs/otlp/otlp.h"
#include "span_samples.h"
#include "stub_server.h"
#include "temporary.h"
#include "trace_service.pb-c.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <zlib.h>

#define UNAVAILABLE "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"

struct fixture {
    struct loop *loop;
    struct otlp *otlp;
    struct settings settings;
    struct resource *resource;
    struct stub_server server;
    struct loop_timer *poll;
    bool (*is_done)(struct fixture *fixture);
    unsigned n_polls_left;
    uint64_t expected;
    struct receipt receipts[64];
    unsigned n_receipts, n_spans;
    char notes[4000], spool_path[100], url[100];
};

static void keep_receipts(void *context, const struct receipt *receipts, uint32_t n_receipts)
{
    struct fixture *fixture = context;
    for (uint32_t i = 0; i < n_receipts; i++)
        fixture->receipts[fixture->n_receipts++] = receipts[i];
}

static void keep_note(void *context, const char *line)
{
    struct fixture *fixture = context;
    strcat(strcat(fixture->notes, line), "\n");
}

static void poll_once(void *context)
{
    struct fixture *fixture = context;
    if (fixture->is_done(fixture) || --fixture->n_polls_left == 0)
        loop_stop(fixture->loop);
    else
        loop_timer_start(fixture->poll, 5);
}

static void run_until(struct fixture *fixture, bool (*is_done)(struct fixture *fixture), uint64_t expected)
{
    fixture->is_done = is_done;
    fixture->expected = expected;
    fixture->n_polls_left = 1000; /* 5 s */
    loop_timer_start(fixture->poll, 0);
    loop_run(fixture->loop);
    if (!fixture->n_polls_left)
        fail_msg("not reached within 5 s; notes: %s", fixture->notes);
}

static struct otlp_counts counts_of(const struct fixture *fixture)
{
    struct otlp_counts counts;
    otlp_get_counts(fixture->otlp, &counts);
    return counts;
}

static bool is_idle(struct fixture *fixture)
{
    return otlp_is_idle(fixture->otlp);
}

static bool has_spooled(struct fixture *fixture)
{
    return counts_of(fixture).spooled_batches == fixture->expected;
}

static bool has_requests(struct fixture *fixture)
{
    return fixture->server.n_requests >= fixture->expected;
}

static bool has_receipts(struct fixture *fixture)
{
    return fixture->n_receipts >= fixture->expected;
}

static bool is_down(struct fixture *fixture)
{
    return counts_of(fixture).is_down;
}

static void create(struct fixture *fixture)
{
    struct otlp_events events = {keep_receipts, keep_note, fixture};
    fixture->otlp = otlp_create(fixture->loop, &fixture->settings, OTLP_TRACES, fixture->spool_path, &events);
}

static void start(struct fixture *fixture, const char *const *answers)
{
    memset(fixture, 0, sizeof(*fixture));
    temporary_make(fixture->spool_path, sizeof(fixture->spool_path));
    stub_start(&fixture->server, answers);
    snprintf(fixture->url, sizeof(fixture->url), "http://127.0.0.1:%d/v1/traces", fixture->server.port);
    fixture->settings = (struct settings){
        .traces.url = fixture->url,
        .traces.timeout_ms = 10000,
        .traces.export_timeout_ms = 30000,
        .schedule_delay_ms = 60000,
        .max_batch = 4,
        .max_queue = 16,
        .spool_bytes = 1 << 20,
    };
    fixture->resource = sample_resource("trader");
    fixture->loop = loop_create();
    fixture->poll = loop_timer_create(fixture->loop, poll_once, fixture);
    create(fixture);
}

static void stop(struct fixture *fixture)
{
    otlp_destroy(fixture->otlp);
    loop_destroy(fixture->loop);
    stub_stop(&fixture->server);
    resource_release(fixture->resource);
    temporary_remove(fixture->spool_path);
}

/* Each span's receipt is its number, of a chunk that changes every third. */
static void add_spans(struct fixture *fixture, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        unsigned number = ++fixture->n_spans;
        struct receipt receipt = {.client = 1, .kind = RECEIPT_CHUNK, .index = number / 3, .word = number};
        otlp_add(fixture->otlp, sample_span(otlp_arena(fixture->otlp), fixture->resource, number), &receipt);
    }
}

/* Numbers of the spans of a request, as a string of letters: 1 is 'a'; sorted within the request. */
static void read_request(const struct stub_request *request, char *ret_letters)
{
    Otlp__ExportTraceServiceRequest *decoded =
        otlp__export_trace_service_request__unpack(NULL, request->body_bytes, (const uint8_t *)request->body);
    bool is_there[64] = {false};
    assert_non_null(decoded);
    for (size_t r = 0; r < decoded->n_resource_spans; r++)
        for (size_t s = 0; s < decoded->resource_spans[r]->n_scope_spans; s++)
            for (size_t i = 0; i < decoded->resource_spans[r]->scope_spans[s]->n_spans; i++)
                is_there[decoded->resource_spans[r]->scope_spans[s]->spans[i]->span_id.data[0]] = true;
    for (int i = 0; i < 64; i++)
        if (is_there[i])
            *ret_letters++ = (char)('a' + i - 1);
    *ret_letters = 0;
    otlp__export_trace_service_request__free_unpacked(decoded, NULL);
}

static void expect_requests(struct fixture *fixture, const char *const *expected)
{
    char letters[65];
    unsigned n = 0;
    for (; expected[n]; n++) {
        assert_true(n < fixture->server.n_requests);
        read_request(&fixture->server.requests[n], letters);
        assert_string_equal(letters, expected[n]);
    }
    assert_int_equal(fixture->server.n_requests, n);
}

#define EXPECT_REQUESTS(fixture, ...) expect_requests((fixture), (const char *const[]){__VA_ARGS__, NULL})

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
    fixture.settings.schedule_delay_ms = 50;
    uint64_t begin_ms = loop_now_ms(fixture.loop);
    add_spans(&fixture, 2);
    run_until(&fixture, is_idle, 0);
    assert_in_range(loop_now_ms(fixture.loop) - begin_ms, 49, 3000);
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
    assert_in_range(loop_now_ms(fixture.loop) - begin_ms, 790, 4000);
    EXPECT_REQUESTS(&fixture, "abcd", "abcd", "efgh");
    assert_int_equal(counts_of(&fixture).repeated, 1);
    assert_int_equal(counts_of(&fixture).exported, 8);
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
    assert_non_null(strstr(fixture.notes, "3 of 4 spans refused: odd\n"));
    stop(&fixture);
}

static void test_down_spools_then_replays_in_order(void **state)
{
    (void)state;
    static const char *const answers[] = {"", STUB_CLOSE, STUB_OK, NULL};
    struct fixture fixture;
    start(&fixture, answers);
    fixture.settings.traces.timeout_ms = 300;
    add_spans(&fixture, 6);
    run_until(&fixture, is_down, 0);
    assert_int_equal(counts_of(&fixture).spooled_batches, 1);
    assert_int_equal(fixture.receipts[fixture.n_receipts - 1].word, 4); /* spooled is safe */
    add_spans(&fixture, 6);
    run_until(&fixture, has_spooled, 3);
    assert_non_null(strstr(fixture.notes, "down; spans go to the spool"));
    run_until(&fixture, is_idle, 0);
    assert_non_null(strstr(fixture.notes, "back again"));
    EXPECT_REQUESTS(&fixture, "abcd", "abcd", "efgh", "ijkl");
    assert_int_equal(counts_of(&fixture).exported, 12);
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
    struct otlp_events events = {keep_receipts, keep_note, &fixture};
    fixture.otlp = otlp_create(fixture.loop, &fixture.settings, OTLP_TRACES, path, &events);
    fixture.settings.traces.timeout_ms = 300;
    assert_non_null(strstr(fixture.notes, "no spool: "));
    add_spans(&fixture, 8);
    run_until(&fixture, is_down, 0);
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
    fixture.settings.traces.timeout_ms = 300;
    create(&fixture);
    add_spans(&fixture, 8);
    run_until(&fixture, is_down, 0);
    run_until(&fixture, is_idle, 0);
    EXPECT_REQUESTS(&fixture, "abcd", "abcd", "efgh");
    assert_int_equal(fixture.receipts[fixture.n_receipts - 1].word, 8);
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
    struct otlp_events events = {count_receipts, print_note, &drive};
    struct otlp_counts counts;
    drive.settings = (struct settings){
        .traces.url = url,
        .traces.timeout_ms = 500,
        .schedule_delay_ms = 60000,
        .max_batch = 512,
        .max_queue = 2048,
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
        cmocka_unit_test(test_down_spools_then_replays_in_order),
        cmocka_unit_test(test_long_retry_after_is_not_slept_through),
        cmocka_unit_test(test_spool_all_and_restart),
        cmocka_unit_test(test_relieve_spools_what_is_in_flight_too),
        cmocka_unit_test(test_without_spool_nothing_is_acknowledged),
        cmocka_unit_test(test_down_without_spool_recovers),
        cmocka_unit_test(test_serves_equal_settings_only),
    };
    return cmocka_run_group_tests_name("otlp", tests, NULL, NULL);
}
