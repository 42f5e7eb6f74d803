/* family_internal: spans of the program's own; what it says of the library's spans; nothing of it gets into metrics of calls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "signals/metrics/derive.h"
#include "signals/spans/assemble.h"
#include <stdio.h>

#define START_NS 1000000000u
#define OFFSET_NS 1700000000000000000

static struct {
    struct arena arena;
    struct settings settings;
    struct process process;
    struct wire_instrumentation row;
    struct raw_fact facts[RAW_MAX_FACTS];
    struct raw_span raw;
    char custom[16][100];
    uint32_t n_custom;
} given;

static void begin(const char *name, uint16_t family)
{
    arena_reset(&given.arena);
    given.n_custom = 0;
    given.settings = (struct settings){.attribute_value_limit = UINT32_MAX};
    given.row = (struct wire_instrumentation){.family = family};
    strcpy(given.row.name, name);
    given.process = (struct process){.exe = "/bot", .instrumentations = &given.row, .n_instrumentations = 1};
    given.raw = (struct raw_span){.process = &given.process,
                                  .instrumentation = &given.row,
                                  .mono_to_unix_ns = OFFSET_NS,
                                  .end_mono_ns = START_NS + 5000000,
                                  .facts = given.facts};
    given.raw.span.flags = WIRE_SPAN_SAMPLED;
    given.raw.span.start_mono_ns = START_NS;
    memset(given.raw.span.trace_id, 1, 16);
    memset(given.raw.span.span_id, 2, 8);
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

static void custom(const char *key, const char *value)
{
    char *at = given.custom[given.n_custom++];
    int n = snprintf(at, 100, "\1%c%s%s", (int)strlen(key), key, value);
    given.facts[given.raw.n_facts++] =
        (struct raw_fact){.key = WIRE_CUSTOM, .type = WIRE_BYTES, .bytes = at, .n_bytes = (uint32_t)n};
}

static struct span *assemble(void)
{
    return assemble_call(&given.arena, &given.raw, &given.settings);
}

static const char *value_of(const struct attributes *list, const char *key)
{
    const struct attribute *found = attribute_find(list, key);
    return found ? found->value.string.bytes : NULL;
}

static void test_name_kind_and_attributes(void **state)
{
    (void)state;
    begin("api", WIRE_INTERNAL);
    text(WIRE_SPAN_NAME, "analyze_coin");
    custom("coin", "KRW-ETH");
    custom("coin", "KRW-BTC");
    struct span *span = assemble();
    assert_string_equal(span->name, "analyze_coin");
    assert_string_equal(span->scope, "otelshim.api");
    assert_int_equal(span->kind, SPAN_INTERNAL);
    assert_int_equal(span->status, SPAN_UNSET);
    assert_int_equal(span->attributes.n, 1);
    assert_int_equal(span->attributes.n_custom, 1);
    assert_string_equal(value_of(&span->attributes, "coin"), "KRW-BTC");
    number(WIRE_SPAN_KIND, SPAN_SERVER);
    assert_int_equal(assemble()->kind, SPAN_SERVER);
    given.facts[given.raw.n_facts - 1].integer = 77;
    assert_int_equal(assemble()->kind, SPAN_INTERNAL);
    begin("api", WIRE_INTERNAL);
    assert_string_equal(assemble()->name, "otelshim.api"); /* it said none */
}

static void test_status_is_the_last_that_was_said(void **state)
{
    (void)state;
    begin("api", WIRE_INTERNAL);
    number(WIRE_SPAN_STATUS, SPAN_ERROR);
    text(WIRE_SPAN_STATUS_DESCRIPTION, "no funds, password=x1");
    struct span *span = assemble();
    assert_int_equal(span->status, SPAN_ERROR);
    assert_string_equal(span->status_message, "no funds, password=REDACTED");
    number(WIRE_SPAN_STATUS, SPAN_OK);
    text(WIRE_SPAN_STATUS_DESCRIPTION, "of errors only");
    span = assemble();
    assert_int_equal(span->status, SPAN_OK);
    assert_null(span->status_message);
    number(WIRE_SPAN_STATUS, SPAN_ERROR);
    span = assemble();
    assert_int_equal(span->status, SPAN_ERROR);
    assert_null(span->status_message); /* that was another error's */
}

static void test_exceptions(void **state)
{
    (void)state;
    begin("api", WIRE_INTERNAL);
    text(WIRE_EXCEPTION_MESSAGE, "of none");
    text(WIRE_EXCEPTION, "TimeoutError");
    text(WIRE_EXCEPTION_MESSAGE, "upbit");
    number(WIRE_EXCEPTION_US, 1500);
    text(WIRE_EXCEPTION, "InsufficientFunds");
    number(WIRE_EXCEPTION_US, 99999999); /* later than the end */
    number(WIRE_SPAN_STATUS, SPAN_ERROR);
    struct span *span = assemble();
    assert_int_equal(span->n_events, 2);
    assert_string_equal(span->events[0].name, "exception");
    assert_int_equal(span->events[0].time_unix_ns, span->start_unix_ns + 1500000);
    assert_string_equal(value_of(&span->events[0].attributes, "exception.type"), "TimeoutError");
    assert_string_equal(value_of(&span->events[0].attributes, "exception.message"), "upbit");
    assert_int_equal(span->events[1].time_unix_ns, span->end_unix_ns);
    assert_int_equal(span->events[1].attributes.n, 1);
    assert_string_equal(value_of(&span->attributes, "error.type"), "InsufficientFunds");
    assert_null(span->status_message);
    text(WIRE_EXCEPTION, "KeyError");
    text(WIRE_EXCEPTION_MESSAGE, "api_key=abc is missing");
    assert_string_equal(assemble()->status_message, "api_key=REDACTED is missing");
    text(WIRE_SPAN_STATUS_DESCRIPTION, "its own words");
    assert_string_equal(assemble()->status_message, "its own words");
}

/* Said from a callback. */
static void test_of_a_request(void **state)
{
    (void)state;
    begin("libcurl", WIRE_HTTP);
    text(WIRE_URL_FULL, "http://h/");
    text(WIRE_HTTP_REQUEST_METHOD, "GET");
    number(WIRE_HTTP_RESPONSE_STATUS_CODE, 200);
    number(WIRE_HTTP_STARTTRANSFER_US, 10);
    uint32_t n_events = assemble()->n_events, n = assemble()->attributes.n;
    custom("strategy", "grid");
    custom("http.request.method", "NONE");
    text(WIRE_EXCEPTION, "ParseError");
    number(WIRE_SPAN_STATUS, SPAN_ERROR);
    struct span *span = assemble();
    assert_int_equal(span->n_events, n_events + 1);
    assert_string_equal(span->name, "GET");
    assert_string_equal(value_of(&span->attributes, "http.request.method"), "GET");
    assert_string_equal(value_of(&span->attributes, "strategy"), "grid");
    assert_int_equal(span->attributes.n, n + 2); /* strategy and error.type */
    assert_int_equal(span->attributes.n_custom, 1);
    assert_int_equal(span->status, SPAN_ERROR);
}

static void test_what_died_in_flight(void **state)
{
    (void)state;
    begin("api", WIRE_INTERNAL);
    text(WIRE_SPAN_NAME, "analyze_coin");
    custom("coin", "BTC");
    given.raw.kind = RAW_IN_FLIGHT;
    given.raw.death = "killed";
    struct span *span = assemble();
    assert_string_equal(span->name, "analyze_coin");
    assert_string_equal(value_of(&span->attributes, "error.type"), "process_ended");
    assert_string_equal(value_of(&span->attributes, "coin"), "BTC");
    assert_int_equal(span->attributes.n_custom, 1);
}

/* A program may give its attributes any name. */
static void test_custom_attributes_are_no_calls(void **state)
{
    (void)state;
    struct resource *resource = calloc(1, sizeof(*resource));
    resource->n_references = 1;
    struct metric_set *set = metric_set_create(&given.settings, resource, OFFSET_NS);
    begin("api", WIRE_INTERNAL);
    text(WIRE_SPAN_NAME, "x");
    custom("http.request.method", "GET");
    custom("db.system.name", "redis");
    assert_false(derive_span(set, &given.raw, assemble()));
    metric_set_destroy(set);
    resource_release(resource);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_name_kind_and_attributes),
        cmocka_unit_test(test_status_is_the_last_that_was_said),
        cmocka_unit_test(test_exceptions),
        cmocka_unit_test(test_of_a_request),
        cmocka_unit_test(test_what_died_in_flight),
        cmocka_unit_test(test_custom_attributes_are_no_calls),
    };
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_fini(&given.arena);
    return n_failed;
}
