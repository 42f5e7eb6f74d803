/* metrics: series, limits, temporality and exemplars of a process's metrics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "signals/metrics/derive.h"
#include "signals/spans/assemble.h"
#include <math.h>
#include <stdio.h>

#define START_NS 1700000000000000000ull
#define S 1000000000ull

static struct {
    struct arena arena;
    struct settings settings;
    struct process process;
    struct wire_instrumentation rows[2];
    struct raw_fact facts[RAW_MAX_FACTS];
    struct raw_span raw;
    struct resource *resource;
    struct metric_set *set;
    struct metric_collection collection;
} given;

static int setup(void **state)
{
    (void)state;
    memset(&given, 0, sizeof(given));
    given.settings = (struct settings){.attribute_count_limit = 1, .attribute_value_limit = 1};
    given.rows[0] = (struct wire_instrumentation){.name = "libcurl", .family = WIRE_HTTP};
    given.rows[1] =
        (struct wire_instrumentation){.name = "libpq", .system = "postgresql", .family = WIRE_DATABASE};
    given.process = (struct process){
        .exe = "/bot", .instrumentations = given.rows, .n_instrumentations = 2, .settings = &given.settings};
    given.resource = calloc(1, sizeof(*given.resource));
    given.resource->n_references = 1;
    return 0;
}

static void begin(void)
{
    given.set = metric_set_create(&given.settings, given.resource, START_NS);
}

static int teardown(void **state)
{
    (void)state;
    metric_set_destroy(given.set);
    assert_int_equal(metric_set_count_series(), 0);
    assert_int_equal(given.resource->n_references, 1);
    resource_release(given.resource);
    metric_collection_fini(&given.collection);
    arena_fini(&given.arena);
    return 0;
}

static void text(enum wire_attribute key, const char *value)
{
    given.facts[given.raw.n_facts++] = (struct raw_fact){
        .key = key, .type = WIRE_STRING, .bytes = value, .n_bytes = (uint32_t)strlen(value)};
}

static void number(enum wire_attribute key, int64_t value)
{
    given.facts[given.raw.n_facts++] = (struct raw_fact){.key = key, .type = WIRE_INT, .integer = value};
}

static void call(uint32_t row, uint8_t flags, uint64_t duration_ns)
{
    given.raw = (struct raw_span){.process = &given.process,
                                  .instrumentation = &given.rows[row],
                                  .mono_to_unix_ns = (int64_t)START_NS,
                                  .end_mono_ns = S + duration_ns,
                                  .facts = given.facts};
    given.raw.span.flags = flags;
    given.raw.span.start_mono_ns = S;
    memset(given.raw.span.trace_id, 1, 16);
    memset(given.raw.span.span_id, 2, 8);
}

static void http(uint8_t flags, uint64_t duration_ns, const char *url, int64_t status)
{
    call(0, flags, duration_ns);
    text(WIRE_URL_FULL, url);
    text(WIRE_HTTP_REQUEST_METHOD, "GET");
    number(WIRE_HTTP_VERSION, 2);
    number(WIRE_HTTP_RESPONSE_STATUS_CODE, status);
    if (flags & WIRE_SPAN_SAMPLED)
        text(WIRE_NETWORK_PEER_ADDRESS, "10.0.0.7");
}

static void measure(void)
{
    struct span *span = assemble_call(&given.arena, &given.raw, &given.settings);
    assert_true(derive_span(given.set, &given.raw, span));
    derive_settle_all(given.set);
}

static struct metric *collect(uint64_t at_ns, const char *name, bool is_last)
{
    metric_collection_fini(&given.collection);
    metric_set_collect(given.set, &given.collection, START_NS + at_ns, NULL, is_last);
    if (!given.collection.last)
        return NULL;
    for (struct metric_scope *scope = given.collection.last->last; scope; scope = scope->previous)
        for (struct metric *metric = scope->last; metric; metric = metric->previous)
            if (strcmp(metric->name, name) == 0)
                return metric;
    return NULL;
}

static uint32_t count_points(const struct metric *metric)
{
    uint32_t n = 0;
    for (const struct metric_point *point = metric ? metric->last : NULL; point; point = point->previous)
        n++;
    return n;
}

/* "key=value …" of a point, in its order. */
static const char *print(const struct attributes *attributes)
{
    static char line[1000];
    int n = 0;
    line[0] = 0;
    for (uint32_t i = 0; i < attributes->n; i++) {
        const struct attribute *item = &attributes->items[i];
        n += item->type == ATTRIBUTE_STRING
                 ? snprintf(line + n, sizeof(line) - (size_t)n, "%s%s=%s", i ? " " : "", item->key,
                            item->value.string.bytes)
                 : snprintf(line + n, sizeof(line) - (size_t)n, "%s%s=%lld", i ? " " : "", item->key,
                            item->type == ATTRIBUTE_BOOL ? (long long)item->value.flag
                                                         : (long long)item->value.integer);
    }
    return line;
}

/* ---- series ---- */

static void test_http_attributes_and_value(void **state)
{
    (void)state;
    begin();
    http(WIRE_SPAN_SAMPLED, 5000001, "http://u:p@api.test:8080/a/long/path?token=x", 503);
    measure();
    struct metric *metric = collect(S * 60, "http.client.request.duration", false);
    assert_int_equal(count_points(metric), 1);
    assert_string_equal(metric->unit, "s");
    assert_int_equal(metric->kind, METRIC_HISTOGRAM);
    assert_int_equal(metric->n_bounds, 14);
    assert_string_equal(print(&metric->last->attributes),
                        "http.request.method=GET http.response.status_code=503 network.protocol.version=1.1 "
                        "server.address=api.test server.port=8080 error.type=503");
    assert_true(metric->last->value.histogram.sum == 0.005000001);
    assert_int_equal(metric->last->value.histogram.buckets[1], 1);
    assert_int_equal(metric->last->start_unix_ns, START_NS);
    assert_int_equal(metric->last->n_exemplars, 1);
    assert_string_equal(print(&metric->last->exemplars[0].filtered), "network.peer.address=10.0.0.7");
    assert_true(metric->last->exemplars[0].value == 0.005000001);
}

/* http/dup: the same calls in milliseconds, with the attributes of then (specification 1.20). */
static void test_the_old_name_of_requests(void **state)
{
    (void)state;
    given.settings.has_old_http = true;
    begin();
    http(WIRE_SPAN_SAMPLED, 5000001, "http://u:p@api.test:8080/a/long/path?token=x", 503);
    measure();
    http(0, 7250000, "http://u:p@api.test:8080/b", 503);
    measure();
    struct metric *metric = collect(S * 60, "http.client.duration", false);
    assert_int_equal(count_points(metric), 1);
    assert_string_equal(metric->unit, "ms");
    assert_int_equal(metric->n_bounds, 15);
    assert_string_equal(
        print(&metric->last->attributes),
        "http.method=GET http.status_code=503 net.protocol.version=1.1 net.peer.name=api.test "
        "net.peer.port=8080 net.protocol.name=http");
    assert_true(fabs(metric->last->value.histogram.sum - 12.250001) < 1e-9);
    assert_int_equal(metric->last->value.histogram.buckets[2], 2); /* 5 to 10 */
    assert_int_equal(metric->last->n_exemplars, 1);
    assert_true(fabs(metric->last->exemplars[0].value - 5.000001) < 1e-9);
    metric = collect(S * 61, "http.client.request.duration", false);
    assert_true(fabs(metric->last->value.histogram.sum - 0.012250001) < 1e-12);
    assert_string_equal(print(&metric->last->attributes),
                        "http.request.method=GET http.response.status_code=503 network.protocol.version=1.1 "
                        "server.address=api.test server.port=8080 error.type=503");
}

/* A short record has less than a whole one; both are of one series. */
static void test_unsampled_calls_are_of_the_same_series(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < 10; i++) {
        http(i % 2 ? WIRE_SPAN_SAMPLED : 0, 1000, i % 3 ? "http://h/a" : "http://h/b?q=1", 200);
        measure();
    }
    struct metric *metric = collect(S, "http.client.request.duration", false);
    assert_int_equal(count_points(metric), 1);
    assert_int_equal(metric->last->value.histogram.count, 10);
}

static void test_database_attributes_and_rows(void **state)
{
    (void)state;
    begin();
    call(1, 0, 2000000);
    text(WIRE_SERVER_ADDRESS, "db.test");
    number(WIRE_SERVER_PORT, 5433);
    text(WIRE_DB_NAMESPACE, "shop");
    text(WIRE_DB_QUERY_TEXT, "SELECT * FROM orders WHERE id = 7");
    number(WIRE_DB_RETURNED_ROWS, 2);
    measure();
    struct metric *rows = collect(S, "db.client.response.returned_rows", false);
    assert_int_equal(count_points(rows), 1);
    assert_string_equal(rows->unit, "{row}");
    assert_true(rows->last->value.histogram.sum == 2);
    assert_int_equal(rows->last->value.histogram.buckets[1], 1);
    struct metric *metric = collect(2 * S, "db.client.operation.duration", false);
    assert_string_equal(print(&metric->last->attributes),
                        "db.system.name=postgresql db.namespace=shop db.query.summary=SELECT orders "
                        "server.address=db.test server.port=5433");
    assert_int_equal(metric->last->n_exemplars, 0);
}

static void test_connects_and_roots_are_no_operations(void **state)
{
    (void)state;
    begin();
    call(1, WIRE_SPAN_SAMPLED, 1000);
    given.raw.span.operation = WIRE_CONNECT;
    assert_false(
        derive_span(given.set, &given.raw, assemble_call(&given.arena, &given.raw, &given.settings)));
    call(1, WIRE_SPAN_SAMPLED, 1000);
    given.raw.kind = RAW_ROOT;
    given.raw.instrumentation = NULL;
    assert_false(
        derive_span(given.set, &given.raw, assemble_call(&given.arena, &given.raw, &given.settings)));
    assert_null(collect(S, "db.client.operation.duration", false));
}

static void test_the_limit_and_the_overflow(void **state)
{
    (void)state;
    begin();
    char url[40];
    for (uint32_t i = 0; i < AGGREGATE_MAX_SERIES + 100; i++) {
        snprintf(url, sizeof(url), "http://host%u/", i);
        http(WIRE_SPAN_SAMPLED, 1000, url, 200);
        measure();
        if (i + 1 == AGGREGATE_MAX_SERIES) /* exactly so many do not overflow */
            assert_int_equal(count_points(collect(S, "http.client.request.duration", false)),
                             AGGREGATE_MAX_SERIES);
        arena_reset(&given.arena);
    }
    http(WIRE_SPAN_SAMPLED, 1000, "http://host3/", 200); /* known before: goes on */
    measure();
    struct metric *metric = collect(2 * S, "http.client.request.duration", false);
    assert_int_equal(count_points(metric), AGGREGATE_MAX_SERIES + 1);
    uint64_t n = 0, n_overflow = 0;
    for (struct metric_point *point = metric->last; point; point = point->previous) {
        n += point->value.histogram.count;
        if (strcmp(print(&point->attributes), "otel.metric.overflow=1") == 0)
            n_overflow += point->value.histogram.count;
    }
    assert_int_equal(n, AGGREGATE_MAX_SERIES + 101);
    assert_int_equal(n_overflow, 100);
}

static void test_what_waits_is_counted_once_it_is_settled(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < 40; i++) {
        http(i % 2 ? WIRE_SPAN_SAMPLED : 0, 1000, "http://h/", 200);
        assert_true(
            derive_span(given.set, &given.raw, assemble_call(&given.arena, &given.raw, &given.settings)));
    }
    assert_null(collect(S, "http.client.request.duration", false));
    derive_settle(given.set, 20, 15); /* not the oldest */
    assert_int_equal(collect(2 * S, "http.client.request.duration", false)->last->value.histogram.count, 15);
    derive_settle(given.set, 0, 25); /* once each */
    assert_int_equal(derive_next(given.set), 40);
    assert_int_equal(collect(3 * S, "http.client.request.duration", false)->last->value.histogram.count, 35);
    derive_settle_all(given.set);
    assert_int_equal(collect(4 * S, "http.client.request.duration", false)->last->value.histogram.count, 40);
}

static void test_cumulative_keeps_idle_series_and_their_start(void **state)
{
    (void)state;
    begin();
    http(WIRE_SPAN_SAMPLED, 1000, "http://h/", 200);
    measure();
    for (uint64_t i = 1; i < 4; i++) {
        struct metric *metric = collect(i * S, "http.client.request.duration", false);
        assert_int_equal(metric->temporality, METRIC_CUMULATIVE);
        assert_int_equal(metric->last->start_unix_ns, START_NS);
        assert_int_equal(metric->last->time_unix_ns, START_NS + i * S);
        assert_int_equal(metric->last->value.histogram.count, 1);
        assert_int_equal(metric->last->n_exemplars, i == 1); /* of this window only */
    }
    assert_null(collect(5 * S, "http.client.request.duration", true)); /* nothing new to be said at the end */
}

static void test_delta_leaves_idle_series_out_and_forgets_them(void **state)
{
    (void)state;
    given.settings.temporality = PREFER_DELTA;
    begin();
    for (uint64_t i = 0; i < 3; i++) {
        http(WIRE_SPAN_SAMPLED, 1000, i == 1 ? "http://other/" : "http://h/", 200);
        measure();
        struct metric *metric = collect((i + 1) * S, "http.client.request.duration", false);
        assert_int_equal(metric->temporality, METRIC_DELTA);
        assert_int_equal(count_points(metric), 1);
        assert_int_equal(metric->last->start_unix_ns, START_NS + i * S);
        assert_int_equal(metric->last->value.histogram.count, 1);
    }
    assert_null(collect(5 * S, "http.client.request.duration", false));
    assert_int_equal(metric_set_count_series(), 0);
}

static void count(uint32_t row, enum wire_counter counter, int64_t delta)
{
    call(row, 0, 0);
    text(WIRE_SERVER_ADDRESS, "h");
    number(WIRE_SERVER_PORT, 5432);
    text(WIRE_DB_NAMESPACE, "shop");
    text(WIRE_URL_FULL, "ws://h:9/");
    given.raw.span.operation = WIRE_CONNECT;
    struct raw_count raw = {.process = &given.process,
                            .instrumentation = &given.rows[row],
                            .counter = counter,
                            .delta = delta,
                            .facts = given.facts,
                            .n_facts = given.raw.n_facts};
    assert_true(derive_count(given.set, &raw, assemble_call(&given.arena, &given.raw, &given.settings)) > 0);
    derive_settle_all(given.set);
}

static void test_open_connections_end_with_the_process(void **state)
{
    (void)state;
    given.settings.temporality = PREFER_DELTA; /* not of what goes up and down */
    begin();
    for (int i = 0; i < 3; i++)
        count(1, WIRE_OPEN_CONNECTIONS, 1);
    count(1, WIRE_OPEN_CONNECTIONS, -1);
    count(0, WIRE_OPEN_CONNECTIONS, -1); /* opened before us */
    count(0, WIRE_OPEN_CONNECTIONS, 1);
    count(0, WIRE_MESSAGES_SENT, 4);
    count(0, WIRE_MESSAGES_RECEIVED, 5);
    struct metric *metric = collect(S, "db.client.connection.count", false);
    assert_int_equal(metric->temporality, METRIC_CUMULATIVE);
    assert_false(metric->is_monotonic);
    assert_int_equal(metric->last->value.integer, 2);
    assert_string_equal(print(&metric->last->attributes),
                        "db.client.connection.pool.name=h:5432/shop db.client.connection.state=used");
    metric = collect(2 * S, "http.client.open_connections", false);
    assert_int_equal(metric->last->value.integer, 1);
    assert_string_equal(print(&metric->last->attributes),
                        "http.connection.state=active server.address=h server.port=9");
    assert_null(collect(3 * S, "otelshim.websocket.messages", false)); /* a delta: said at the first */
    metric = collect(4 * S, "db.client.connection.count", true);
    assert_int_equal(metric->last->value.integer, 0);
}

static void test_the_old_name_of_connections(void **state)
{
    (void)state;
    given.settings.has_old_database = true;
    begin();
    count(1, WIRE_OPEN_CONNECTIONS, 1);
    count(1, WIRE_OPEN_CONNECTIONS, 1);
    count(1, WIRE_OPEN_CONNECTIONS, -1);
    assert_int_equal(derive_next(given.set), 6); /* two wait for each */
    struct metric *metric = collect(S, "db.client.connections.usage", false);
    assert_string_equal(metric->unit, "{connection}");
    assert_int_equal(metric->last->value.integer, 1);
    assert_string_equal(print(&metric->last->attributes), "pool.name=h:5432/shop state=used");
    metric = collect(2 * S, "db.client.connection.count", false);
    assert_int_equal(metric->last->value.integer, 1);
}

static void test_exemplar_filters(void **state)
{
    static const struct {
        enum exemplar_filter filter;
        uint32_t sampled, unsampled;
    } cases[] = {{EXEMPLARS_TRACE_BASED, 1, 0}, {EXEMPLARS_ALWAYS_ON, 1, 1}, {EXEMPLARS_ALWAYS_OFF, 0, 0}};
    (void)state;
    for (size_t i = 0; i < 3; i++)
        for (int is_sampled = 0; is_sampled < 2; is_sampled++) {
            given.settings.exemplars = cases[i].filter;
            begin();
            http(is_sampled ? WIRE_SPAN_SAMPLED : 0, 1000, "http://h/", 200);
            measure();
            struct metric *metric = collect(S, "http.client.request.duration", false);
            assert_int_equal(metric->last->n_exemplars, is_sampled ? cases[i].sampled : cases[i].unsampled);
            metric_set_destroy(given.set);
            given.set = NULL;
        }
}

static void test_exponential_by_preference(void **state)
{
    (void)state;
    given.settings.exponential_histograms = true;
    begin();
    for (uint64_t i = 1; i < 100; i++) {
        http(WIRE_SPAN_SAMPLED, i * 1000000, "http://h/", 200);
        measure();
    }
    struct metric *metric = collect(S, "http.client.request.duration", false);
    assert_int_equal(metric->kind, METRIC_EXPONENTIAL);
    assert_int_equal(metric->last->value.histogram.count, 99);
    assert_int_equal(metric->last->n_exemplars, 20);
}

static void test_process_counters(void **state)
{
    (void)state;
    begin();
    struct usage usage = {.known = USAGE_CPU | USAGE_MEMORY,
                          .start_unix_ns = START_NS - S,
                          .user_s = 1.5,
                          .system_s = 0.25,
                          .resident_bytes = 4096,
                          .virtual_bytes = 8192};
    for (uint64_t i = 1; i < 3; i++) {
        metric_collection_fini(&given.collection);
        metric_set_collect(given.set, &given.collection, START_NS + i * S, &usage, false);
        assert_int_equal(given.collection.n_points, 4);
        struct metric *memory = given.collection.last->last->last, *cpu = memory->previous->previous;
        assert_string_equal(cpu->name, "process.cpu.time");
        assert_true(cpu->is_monotonic);
        assert_int_equal(cpu->last->start_unix_ns, START_NS - S);
        usage.start_unix_ns += 12345; /* worked out anew from clocks: the start stays */
    }
}

/* Said as long as it is so; by an ended process once more, though it did nothing else. */
static void test_what_was_dropped(void **state)
{
    (void)state;
    begin();
    struct drops drops = {.since_unix_ns = START_NS - 2 * S};
    assert_null(collect(S, "otelshim.drops", false));
    drops.counts[0] = 5;
    metric_set_note_drops(given.set, &drops);
    for (uint64_t i = 2; i < 4; i++) {
        struct metric *metric = collect(i * S, "otelshim.drops", false);
        assert_int_equal(count_points(metric), 1);
        assert_true(metric->is_monotonic);
        assert_int_equal(metric->last->value.integer, 5);
        assert_int_equal(metric->last->start_unix_ns, START_NS - 2 * S);
        assert_string_equal(metric->last->attributes.items[0].key, "otelshim.drop.reason");
    }
    assert_null(collect(4 * S, "otelshim.drops", true));
    drops.counts[4] = 1;
    metric_set_note_drops(given.set, &drops);
    assert_int_equal(count_points(collect(5 * S, "otelshim.drops", true)), 2);
}

/* Deltas: what earlier exporters said is not said again; what could not be read is said as well. */
static void test_what_was_dropped_before(void **state)
{
    (void)state;
    static const uint64_t told[WIRE_MAX_DROPS] = {3};
    struct drops drops = {.counts = {3}, .since_unix_ns = START_NS - 2 * S};
    given.settings.temporality = PREFER_DELTA;
    begin();
    metric_set_begin_drops(given.set, told);
    assert_false(metric_set_note_drops(given.set, &drops));
    assert_null(collect(S, "otelshim.drops", false));
    drops.counts[0] = 5;
    drops.corrupt = 1;
    assert_true(metric_set_note_drops(given.set, &drops));
    struct metric *metric = collect(2 * S, "otelshim.drops", false);
    assert_int_equal(count_points(metric), 2);
    assert_int_equal(metric->last->value.integer, 1);
    assert_string_equal(metric->last->attributes.items[0].value.string.bytes, "corrupt");
    assert_int_equal(metric->last->previous->value.integer, 2);
    assert_int_equal(metric_set_drops_said(given.set)->counts[0], 5);
    assert_false(metric_set_note_drops(given.set, &drops));
    assert_null(collect(3 * S, "otelshim.drops", true));
}

/* A checkpoint has those of a process that ended: its file is gone. */
static void test_drops_in_a_checkpoint(void **state)
{
    (void)state;
    begin();
    const struct drops drops = {.counts = {5}, .since_unix_ns = START_NS};
    metric_set_note_drops(given.set, &drops);
    metric_set_peek(given.set, &given.collection, START_NS + S, false);
    assert_int_equal(given.collection.n_points, 0);
    metric_set_peek(given.set, &given.collection, START_NS + S, true);
    assert_int_equal(given.collection.n_points, 1);
    assert_int_equal(count_points(collect(S, "otelshim.drops", true)), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_what_was_dropped),
        TEST(test_what_was_dropped_before),
        TEST(test_drops_in_a_checkpoint),
        TEST(test_http_attributes_and_value),
        TEST(test_the_old_name_of_requests),
        TEST(test_the_old_name_of_connections),
        TEST(test_unsampled_calls_are_of_the_same_series),
        TEST(test_database_attributes_and_rows),
        TEST(test_connects_and_roots_are_no_operations),
        TEST(test_the_limit_and_the_overflow),
        TEST(test_what_waits_is_counted_once_it_is_settled),
        TEST(test_cumulative_keeps_idle_series_and_their_start),
        TEST(test_delta_leaves_idle_series_out_and_forgets_them),
        TEST(test_open_connections_end_with_the_process),
        TEST(test_exemplar_filters),
        TEST(test_exponential_by_preference),
        TEST(test_process_counters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
