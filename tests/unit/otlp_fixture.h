/*
 * otlp_fixture: one destination, its loop and its spool, and a server with canned answers, for tests of outputs/otlp.
 *
 * The first retry comes after 0.8 to 1.2 s (spec: backoff), so some of these tests take that long.
 */
#ifndef OTELSHIM_OTLP_FIXTURE_H
#define OTELSHIM_OTLP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "outputs/otlp/otlp.h"
#include "span_samples.h"
#include "stub_server.h"
#include "temporary.h"
#include "trace_service.pb-c.h"

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
    char results[1000]; /* "exported/failed error status " each; lost without a request: "lost N error " */
};

static inline void keep_receipts(void *context, const struct receipt *receipts, uint32_t n_receipts)
{
    struct fixture *fixture = context;
    for (uint32_t i = 0; i < n_receipts; i++)
        fixture->receipts[fixture->n_receipts++] = receipts[i];
}

static inline void keep_note(void *context, const char *line)
{
    struct fixture *fixture = context;
    strcat(strcat(fixture->notes, line), "\n");
}

static inline void keep_result(void *context, const struct otlp_result *result)
{
    struct fixture *fixture = context;
    const char *error = result->error ? result->error : "-";
    size_t n = strlen(fixture->results);
    if (result->is_operation)
        snprintf(fixture->results + n, sizeof(fixture->results) - n, "%u/%u %s %d ", result->n_exported,
                 result->n_failed, error, result->status);
    else
        snprintf(fixture->results + n, sizeof(fixture->results) - n, "lost %u %s ", result->n_failed, error);
}

static inline void poll_once(void *context)
{
    struct fixture *fixture = context;
    if (fixture->is_done(fixture) || --fixture->n_polls_left == 0)
        loop_stop(fixture->loop);
    else
        loop_timer_start(fixture->poll, 5);
}

static inline void run_until(struct fixture *fixture, bool (*is_done)(struct fixture *fixture),
                             uint64_t expected)
{
    fixture->is_done = is_done;
    fixture->expected = expected;
    fixture->n_polls_left = 12000; /* a minute: what comes costs nothing */
    loop_timer_start(fixture->poll, 0);
    loop_run(fixture->loop);
    if (!fixture->n_polls_left)
        fail_msg("not reached within a minute; notes: %s", fixture->notes);
}

static inline struct otlp_counts counts_of(const struct fixture *fixture)
{
    struct otlp_counts counts;
    otlp_get_counts(fixture->otlp, &counts);
    return counts;
}

static inline bool is_idle(struct fixture *fixture)
{
    return otlp_is_idle(fixture->otlp);
}

static inline bool has_spooled(struct fixture *fixture)
{
    return counts_of(fixture).spooled_batches == fixture->expected;
}

static inline bool has_requests(struct fixture *fixture)
{
    return fixture->server.n_requests >= fixture->expected;
}

static inline bool has_receipts(struct fixture *fixture)
{
    return fixture->n_receipts >= fixture->expected;
}

static inline bool is_down(struct fixture *fixture)
{
    return counts_of(fixture).is_down;
}

/* What is sent is answered in run_until_down(). */
static inline void hold(struct fixture *fixture)
{
    fixture->server.is_held = true;
}

/* The first answer comes when it is too late for another attempt; those to what follows may take their time. */
static inline void run_until_down(struct fixture *fixture, uint32_t *timeout_ms)
{
    uint32_t before_ms = *timeout_ms;
    run_until(fixture, has_requests, 1);
    *timeout_ms = 1;
    fixture->server.is_held = false;
    run_until(fixture, is_down, 0);
    *timeout_ms = before_ms;
}

static inline void create(struct fixture *fixture)
{
    struct otlp_events events = {
        .on_receipts = keep_receipts, .on_note = keep_note, .on_result = keep_result, .context = fixture};
    fixture->otlp = otlp_create(fixture->loop, &fixture->settings, OTLP_TRACES, fixture->spool_path, &events);
}

static inline void start(struct fixture *fixture, const char *const *answers)
{
    memset(fixture, 0, sizeof(*fixture));
    temporary_make(fixture->spool_path, sizeof(fixture->spool_path));
    stub_start(&fixture->server, answers);
    snprintf(fixture->url, sizeof(fixture->url), "http://127.0.0.1:%d/v1/traces", fixture->server.port);
    fixture->settings = (struct settings){
        .traces.url = fixture->url,
        .traces.timeout_ms = 10000,
        .traces.export_timeout_ms = 30000,
        .span_batches.schedule_delay_ms = 60000,
        .span_batches.max_batch = 4,
        .span_batches.max_queue = 16,
        .spool_bytes = 1 << 20,
    };
    fixture->resource = sample_resource("trader");
    fixture->loop = loop_create();
    fixture->poll = loop_timer_create(fixture->loop, poll_once, fixture);
    create(fixture);
}

static inline void stop(struct fixture *fixture)
{
    otlp_destroy(fixture->otlp);
    loop_destroy(fixture->loop);
    stub_stop(&fixture->server);
    resource_release(fixture->resource);
    temporary_remove(fixture->spool_path);
}

/* Each span's receipt is its number, of a chunk that changes every third. */
static inline void add_spans(struct fixture *fixture, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        unsigned number = ++fixture->n_spans;
        struct receipt receipt = {.client = 1, .kind = RECEIPT_CHUNK, .index = number / 3, .word = number};
        otlp_add(fixture->otlp, sample_span(otlp_arena(fixture->otlp), fixture->resource, number), &receipt);
    }
}

/* Numbers of the spans of a request, as a string of letters: 1 is 'a'; sorted within the request. */
static inline void read_request(const struct stub_request *request, char *ret_letters)
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

static inline void expect_requests(struct fixture *fixture, const char *const *expected)
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

#endif
