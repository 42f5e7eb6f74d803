/*
 * encode_trace: what is encoded decodes to the same spans, and is byte for byte what protobuf-c makes of them.
 *
 * Decoded here with protobuf-c; tests/integration/otlp decodes the same with the official schema.
 * `test_encode bench [REQUESTS]` prints what a span costs, beside protobuf-c; `test_encode write FILE` writes a request
 * for other decoders.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "encode_reference.h"
#include "outputs/otlp/encode_trace.h"
#include "outputs/otlp/write_span.h"
#include "random_spans.h"
#include "span_samples.h"
#include "trace_service.pb-c.h"
#include <errno.h>
#include <stdio.h>
#include <time.h>

#define NO_LIMIT (64u << 20)

static Otlp__ExportTraceServiceRequest *encode_and_decode(struct span *const *spans, uint32_t n)
{
    struct arena arena = {0};
    struct body body = {0};
    assert_int_equal(encode_trace(spans, n, NO_LIMIT, &arena, &body), 0);
    Otlp__ExportTraceServiceRequest *request =
        otlp__export_trace_service_request__unpack(NULL, body.n_bytes, body.bytes);
    assert_non_null(request);
    arena_fini(&arena);
    body_fini(&body);
    return request;
}

/* A span in which every field that we can fill is filled. */
static struct span *full_span(struct arena *arena, const struct resource *resource)
{
    static const struct text texts[] = {{"a", 1}, {"", 0}, {"\xec\x9b\x90", 3}};
    struct span *span = sample_span(arena, resource, 7);
    attribute_set_int(&span->attributes, arena, "int.min", INT64_MIN);
    attribute_set_int(&span->attributes, arena, "int.zero", 0);
    attribute_set_double(&span->attributes, arena, "double.zero", 0.0);
    attribute_set_double(&span->attributes, arena, "double", 0.1);
    attribute_set_bool(&span->attributes, arena, "bool.false", false);
    attribute_set_bool(&span->attributes, arena, "bool.true", true);
    attribute_set_string(&span->attributes, arena, "string.empty", "");
    attribute_set_strings(&span->attributes, arena, "strings", texts, 3);
    attribute_set_strings(&span->attributes, arena, "strings.none", texts, 0);
    span->attributes.n_dropped = 3;
    span->n_events = 2;
    span->n_dropped_events = 5;
    span->events = arena_zalloc(arena, 2 * sizeof(*span->events));
    span->events[0].name = "http.dns.end";
    span->events[0].time_unix_ns = span->start_unix_ns + 10;
    span->events[1].name = "exception";
    attribute_set_string(&span->events[1].attributes, arena, "exception.type", "E");
    span->events[1].attributes.n_dropped = 1;
    span->status = SPAN_ERROR;
    span->status_message = "no such table";
    span->trace_state = "vendor=1";
    return span;
}

static const Otlp__AnyValue *value_of(const Otlp__Span *span, const char *key)
{
    for (size_t i = 0; i < span->n_attributes; i++)
        if (strcmp(span->attributes[i]->key, key) == 0)
            return span->attributes[i]->value;
    fail_msg("no attribute %s", key);
    return NULL;
}

static void check_values(const Otlp__Span *span)
{
    assert_int_equal(span->n_attributes, 17);
    assert_string_equal(value_of(span, "db.system.name")->string_value, "postgresql");
    assert_int_equal(value_of(span, "int.min")->int_value, INT64_MIN);
    assert_int_equal(value_of(span, "int.zero")->value_case, OTLP__ANY_VALUE__VALUE_INT_VALUE);
    assert_int_equal(value_of(span, "double.zero")->value_case, OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE);
    assert_true(value_of(span, "double")->double_value == 0.1);
    assert_int_equal(value_of(span, "bool.false")->value_case, OTLP__ANY_VALUE__VALUE_BOOL_VALUE);
    assert_false(value_of(span, "bool.false")->bool_value);
    assert_true(value_of(span, "bool.true")->bool_value);
    assert_int_equal(value_of(span, "string.empty")->value_case, OTLP__ANY_VALUE__VALUE_STRING_VALUE);
    assert_string_equal(value_of(span, "string.empty")->string_value, "");
    const Otlp__ArrayValue *array = value_of(span, "strings")->array_value;
    assert_int_equal(array->n_values, 3);
    assert_string_equal(array->values[0]->string_value, "a");
    assert_string_equal(array->values[1]->string_value, "");
    assert_string_equal(array->values[2]->string_value, "\xec\x9b\x90");
    assert_int_equal(value_of(span, "strings.none")->value_case, OTLP__ANY_VALUE__VALUE_ARRAY_VALUE);
    assert_int_equal(value_of(span, "strings.none")->array_value->n_values, 0);
}

static void test_encode_every_field(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct resource *resource = sample_resource("trader");
    struct span *span = full_span(&arena, resource);
    Otlp__ExportTraceServiceRequest *request = encode_and_decode(&span, 1);
    assert_int_equal(request->n_resource_spans, 1);
    const Otlp__ResourceSpans *of_resource = request->resource_spans[0];
    assert_string_equal(of_resource->schema_url, resource->schema_url);
    assert_int_equal(of_resource->resource->n_attributes, 2);
    assert_string_equal(of_resource->resource->attributes[0]->value->string_value, "trader");
    const Otlp__ScopeSpans *of_scope = of_resource->scope_spans[0];
    assert_string_equal(of_scope->scope->name, "otelshim.hiredis");
    assert_string_equal(of_scope->scope->version, OTELSHIM_VERSION);
    assert_memory_equal(of_scope->schema_url, "https://opentelemetry.io/schemas/", 33);
    const Otlp__Span *got = of_scope->spans[0];
    assert_int_equal(got->trace_id.len, 16);
    assert_memory_equal(got->trace_id.data, span->trace_id, 16);
    assert_int_equal(got->span_id.len, 8);
    assert_memory_equal(got->span_id.data, span->span_id, 8);
    assert_int_equal(got->parent_span_id.len, 8);
    assert_memory_equal(got->parent_span_id.data, span->parent_span_id, 8);
    assert_string_equal(got->trace_state, "vendor=1");
    assert_int_equal(got->flags, 0x103);
    assert_string_equal(got->name, "GET");
    assert_int_equal(got->kind, OTLP__SPAN__SPAN_KIND__SPAN_KIND_CLIENT);
    assert_true(got->start_time_unix_nano == span->start_unix_ns &&
                got->end_time_unix_nano == span->end_unix_ns);
    assert_int_equal(got->dropped_attributes_count, 3);
    assert_int_equal(got->dropped_events_count, 5);
    assert_int_equal(got->n_events, 2);
    assert_string_equal(got->events[0]->name, "http.dns.end");
    assert_true(got->events[0]->time_unix_nano == span->start_unix_ns + 10);
    assert_string_equal(got->events[1]->attributes[0]->key, "exception.type");
    assert_int_equal(got->events[1]->dropped_attributes_count, 1);
    assert_int_equal(got->status->code, OTLP__STATUS__STATUS_CODE__STATUS_CODE_ERROR);
    assert_string_equal(got->status->message, "no such table");
    check_values(got);
    otlp__export_trace_service_request__free_unpacked(request, NULL);
    arena_fini(&arena);
    resource_release(resource);
}

static void test_encode_root_has_no_parent_and_unset_no_status(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct resource *resource = sample_resource("trader");
    struct span *span = sample_span(&arena, resource, 0);
    span->has_parent = false;
    span->status_message = "not sent";
    Otlp__ExportTraceServiceRequest *request = encode_and_decode(&span, 1);
    const Otlp__Span *got = request->resource_spans[0]->scope_spans[0]->spans[0];
    assert_int_equal(got->parent_span_id.len, 0);
    assert_null(got->status);
    otlp__export_trace_service_request__free_unpacked(request, NULL);
    span->status = SPAN_OK; /* a message goes with an error only */
    request = encode_and_decode(&span, 1);
    got = request->resource_spans[0]->scope_spans[0]->spans[0];
    assert_int_equal(got->status->code, OTLP__STATUS__STATUS_CODE__STATUS_CODE_OK);
    assert_string_equal(got->status->message, "");
    otlp__export_trace_service_request__free_unpacked(request, NULL);
    arena_fini(&arena);
    resource_release(resource);
}

static void test_encode_groups_by_resource_and_scope(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct resource *resources[2] = {sample_resource("one"), sample_resource("two")};
    struct span *spans[600];
    char scope_copy[] = "otelshim.libpq"; /* equal text at another address: the same scope */
    for (unsigned i = 0; i < 600; i++) {
        spans[i] = sample_span(&arena, resources[i / 2 % 2], i);
        if (i == 9)
            spans[i]->scope = scope_copy;
    }
    Otlp__ExportTraceServiceRequest *request = encode_and_decode(spans, 600);
    assert_int_equal(request->n_resource_spans, 2);
    for (size_t r = 0; r < 2; r++) {
        const Otlp__ResourceSpans *of_resource = request->resource_spans[r];
        assert_string_equal(of_resource->resource->attributes[0]->value->string_value, r ? "two" : "one");
        assert_int_equal(of_resource->n_scope_spans, 3);
        for (size_t s = 0; s < 3; s++) {
            const Otlp__ScopeSpans *of_scope = of_resource->scope_spans[s];
            assert_int_equal(of_scope->n_spans, 100);
            for (size_t i = 1; i < 100; i++) /* order within a group is kept */
                assert_true(of_scope->spans[i]->start_time_unix_nano >
                            of_scope->spans[i - 1]->start_time_unix_nano);
        }
    }
    otlp__export_trace_service_request__free_unpacked(request, NULL);
    arena_fini(&arena);
    resource_release(resources[0]);
    resource_release(resources[1]);
}

static void test_encode_respects_the_limit(void **state)
{
    (void)state;
    struct arena arena = {0}, scratch = {0};
    struct body body = {0};
    struct resource *resource = sample_resource("trader");
    struct span *spans[2] = {sample_span(&arena, resource, 0), sample_span(&arena, resource, 3)};
    assert_int_equal(encode_trace(spans, 2, NO_LIMIT, &scratch, &body), 0);
    size_t exact = body.n_bytes;
    assert_int_equal(encode_trace(spans, 2, exact, &scratch, &body), 0);
    assert_int_equal(encode_trace(spans, 2, exact - 1, &scratch, &body), -EMSGSIZE);
    assert_int_equal(encode_trace(spans, 1, exact - 1, &scratch, &body), 0);
    arena_fini(&arena);
    arena_fini(&scratch);
    body_fini(&body);
    resource_release(resource);
}

/* Every text must have its room. */
static void test_encode_long_texts(void **state)
{
    (void)state;
    char *text = malloc(100001);
    memset(text, 'x', 100000);
    text[100000] = 0;
    const struct text texts[] = {{text, 100000}};
    for (int which = 0; which < 10; which++) {
        struct arena arena = {0};
        struct resource *resource = sample_resource(which == 0 ? text : "trader");
        if (which == 1)
            resource->schema_url = text;
        struct span *span = full_span(&arena, resource);
        if (which == 2)
            span->scope = text;
        if (which == 3)
            span->name = text;
        if (which == 4)
            span->trace_state = text;
        if (which == 5)
            span->status_message = text;
        if (which == 6)
            span->events[0].name = text;
        if (which == 7)
            attribute_set_string(&span->events[0].attributes, &arena, "key", text);
        if (which == 8)
            attribute_set_int(&span->attributes, &arena, text, 1);
        if (which == 9)
            attribute_set_strings(&span->attributes, &arena, "key", texts, 1);
        Otlp__ExportTraceServiceRequest *request = encode_and_decode(&span, 1);
        otlp__export_trace_service_request__free_unpacked(request, NULL);
        arena_fini(&arena);
        resource_release(resource);
    }
    free(text);
}

static void check_bytes(struct span *const *spans, uint32_t n, struct body *body, const char *what,
                        uint64_t number)
{
    struct arena arena = {0}, scratch = {0};
    size_t n_expected;
    uint8_t *expected = reference_encode(&arena, spans, n, &n_expected);
    assert_int_equal(encode_trace(spans, n, NO_LIMIT, &scratch, body), 0);
    size_t i = 0;
    while (i < n_expected && i < body->n_bytes && expected[i] == body->bytes[i])
        i++;
    if (body->n_bytes != n_expected || i < n_expected)
        fail_msg("%s %lu: %zu bytes, expected %zu; they differ from byte %zu", what, (unsigned long)number,
                 body->n_bytes, n_expected, i);
    arena_fini(&arena);
    arena_fini(&scratch);
}

static void test_encode_is_what_protobuf_c_makes(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct body body = {0};
    struct resource *resource = sample_resource("trader");
    struct span *spans[512];
    for (uint32_t i = 0; i < 512; i++)
        spans[i] = i % 7 ? sample_span(&arena, resource, i) : full_span(&arena, resource);
    check_bytes(spans, 0, &body, "samples", 0);
    check_bytes(spans, 1, &body, "samples", 1);
    check_bytes(spans, 512, &body, "samples", 512);
    arena_fini(&arena);
    resource_release(resource);
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        struct resource resources[3];
        random_state = seed * 0x9e3779b97f4a7c15u;
        uint32_t n = 1 + random_below(12);
        for (uint32_t i = 0; i < 3; i++)
            random_resource(&arena, &resources[i]);
        for (uint32_t i = 0; i < n; i++) {
            uint32_t which = random_below(4);
            spans[i] = random_span(&arena);
            spans[i]->resource = which < 3 ? &resources[which] : NULL;
        }
        check_bytes(spans, n, &body, "seed", seed);
        arena_reset(&arena);
    }
    arena_fini(&arena);
    body_fini(&body);
}

/* Spans that are alike share the bytes of their last fields: all the same to who reads them. */
static void test_encode_spans_that_are_alike(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct body body = {0};
    struct resource *resources[2] = {sample_resource("trader"), sample_resource("other")};
    struct span_likeness likenesses[3 * WRITE_TAILS] = {0};
    struct span *spans[512], *patterns[3 * WRITE_TAILS];
    for (uint32_t i = 0; i < 3 * WRITE_TAILS; i++)
        patterns[i] = i % 3 ? sample_span(&arena, resources[0], i) : full_span(&arena, resources[0]);
    for (uint32_t i = 0; i < 512; i++) {
        uint32_t which = i < 400 ? i % 5 : i % (3 * WRITE_TAILS);
        spans[i] = arena_alloc(&arena, sizeof(struct span));
        *spans[i] = *patterns[which];
        spans[i]->likeness = &likenesses[which];
        spans[i]->resource = resources[i % 50 == 0];
        spans[i]->span_id[0] = (uint8_t)i;
        spans[i]->flags ^= i % 11 == 0;
        if (i % 13 == 0)
            spans[i]->attributes.n--; /* another limit */
    }
    check_bytes(spans, 512, &body, "alike", 512);
    arena_fini(&arena);
    body_fini(&body);
    resource_release(resources[0]);
    resource_release(resources[1]);
}

/* Memory that ends anywhere in a span: AddressSanitizer sees a byte written without room. */
static void test_encode_makes_room(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct resource *resource = sample_resource("trader");
    struct span *full = full_span(&arena, resource);
    struct writer whole = {0};
    uint8_t *expected = write_span(&whole, NULL, 2, full, NULL);
    size_t n_bytes = writer_bytes(&whole, expected);
    for (size_t n = 1; n <= n_bytes + 256; n++) {
        struct writer writer = {malloc(n), n};
        uint8_t *at = write_span(&writer, writer_end(&writer), 2, full, NULL);
        assert_int_equal(writer_bytes(&writer, at), n_bytes);
        assert_memory_equal(at, expected, n_bytes);
        free(writer.memory);
    }
    free(whole.memory);
    arena_fini(&arena);
    resource_release(resource);
}

static int write_request(const char *path)
{
    struct arena arena = {0}, scratch = {0};
    struct body body = {0};
    struct resource *resource = sample_resource("trader");
    struct span *spans[3] = {full_span(&arena, resource), sample_span(&arena, resource, 0),
                             sample_span(&arena, resource, 2)};
    spans[1]->has_parent = false;
    encode_trace(spans, 3, NO_LIMIT, &scratch, &body);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(body.bytes, 1, body.n_bytes, file) != body.n_bytes || fclose(file) != 0)
        return 1;
    body_fini(&body);
    arena_fini(&scratch);
    arena_fini(&arena);
    resource_release(resource);
    return 0;
}

static double cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int bench(int n_requests)
{
    struct resource *resource = sample_resource("trader");
    struct arena arena = {0}, scratch = {0};
    struct body body = {0};
    struct span *spans[512];
    size_t n_bytes;
    for (unsigned i = 0; i < 512; i++)
        spans[i] = sample_span(&arena, resource, i);
    for (int round = 0; round < 5; round++) {
        double begin = cpu_ns();
        for (int i = 0; i < n_requests; i++) {
            encode_trace(spans, 512, NO_LIMIT, &scratch, &body);
            arena_reset(&scratch);
        }
        double middle = cpu_ns();
        for (int i = 0; i < n_requests; i++) {
            reference_encode(&scratch, spans, 512, &n_bytes);
            arena_reset(&scratch);
        }
        printf("encode: %.0f ns a span, %.1f bytes a span; protobuf-c: %.0f ns\n",
               (middle - begin) / (512.0 * n_requests), (double)body.n_bytes / 512,
               (cpu_ns() - middle) / (512.0 * n_requests));
    }
    body_fini(&body);
    arena_fini(&arena);
    arena_fini(&scratch);
    resource_release(resource);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "bench") == 0)
        return bench(argc == 3 ? atoi(argv[2]) : 1000);
    if (argc == 3 && strcmp(argv[1], "write") == 0)
        return write_request(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encode_every_field),
        cmocka_unit_test(test_encode_root_has_no_parent_and_unset_no_status),
        cmocka_unit_test(test_encode_groups_by_resource_and_scope),
        cmocka_unit_test(test_encode_respects_the_limit),
        cmocka_unit_test(test_encode_long_texts),
        cmocka_unit_test(test_encode_is_what_protobuf_c_makes),
        cmocka_unit_test(test_encode_spans_that_are_alike),
        cmocka_unit_test(test_encode_makes_room),
    };
    return cmocka_run_group_tests_name("encode", tests, NULL, NULL);
}
