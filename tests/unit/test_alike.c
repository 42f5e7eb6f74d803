/* alike: what is shared by spans of the same facts, what is not, and that nothing outlives its arena or its series. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "signals/metrics/derive.h"
#include "signals/spans/assemble.h"
#include "signals/spans/limits.h"
#include <stdlib.h>
#include <string.h>

static struct {
    struct arena arena;
    struct settings settings;
    struct process process;
    struct wire_instrumentation row;
    struct raw_fact facts[4];
    struct raw_span raw;
    uint8_t source[24]; /* what the facts were decoded from */
} given;

static int setup(void **state)
{
    (void)state;
    arena_fini(&given.arena);
    memset(&given, 0, sizeof(given));
    given.settings = (struct settings){
        .attribute_count_limit = 128, .span_event_count_limit = 128, .attribute_value_limit = UINT32_MAX};
    given.row =
        (struct wire_instrumentation){.name = "libpq", .system = "postgresql", .family = WIRE_DATABASE};
    given.process = (struct process){.exe = "/bot", .instrumentations = &given.row, .n_instrumentations = 1};
    given.facts[0] = (struct raw_fact){
        .key = WIRE_DB_QUERY_TEXT, .type = WIRE_STRING, .bytes = "SELECT a FROM t", .n_bytes = 15};
    given.facts[1] = (struct raw_fact){.key = WIRE_DB_RETURNED_ROWS, .type = WIRE_INT, .integer = 3};
    given.raw = (struct raw_span){.process = &given.process,
                                  .instrumentation = &given.row,
                                  .end_mono_ns = 5000,
                                  .facts = given.facts,
                                  .n_facts = 2,
                                  .source = {7, 0, given.source, sizeof(given.source)}};
    given.raw.span.flags = WIRE_SPAN_SAMPLED;
    given.raw.span.start_mono_ns = 1000;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&given.arena);
    return 0;
}

static struct span *assemble(void)
{
    given.raw.span.start_mono_ns++;
    given.raw.span.span_id[0]++;
    struct span *span = assemble_call(&given.arena, &given.raw, &given.settings);
    limits_apply(span, &given.arena, &given.settings);
    return span;
}

/* Of a span that was asked for often enough. */
static struct span_likeness *likeness(void)
{
    assemble();
    assemble();
    struct span_likeness *found = assemble()->likeness;
    assert_ptr_equal(found, assemble()->likeness);
    return found;
}

static void test_what_is_shared(void **state)
{
    (void)state;
    struct span *first = assemble(), *second = assemble(), *third = assemble();
    assert_null(first->likeness);
    assert_non_null(second->likeness);
    assert_ptr_equal(second->likeness, third->likeness);
    assert_ptr_equal(second->attributes.items, third->attributes.items);
    assert_int_equal(third->attributes.n, first->attributes.n);
    for (uint32_t i = 0; i < first->attributes.n; i++)
        assert_string_equal(third->attributes.items[i].key, first->attributes.items[i].key);
    assert_string_equal(third->name, first->name);
    assert_int_equal(third->kind, SPAN_CLIENT);
    assert_int_equal(third->start_unix_ns, second->start_unix_ns + 1);
    assert_int_equal(third->span_id[0], second->span_id[0] + 1);
}

static void test_every_part_of_the_key_counts(void **state)
{
    (void)state;
    struct span_likeness *all[10];
    uint32_t n = 0;
    all[n++] = likeness();
    given.source[sizeof(given.source) - 1] = 1;
    all[n++] = likeness();
    given.raw.source.n_bytes -= 8;
    all[n++] = likeness();
    given.raw.source.connection = 8;
    all[n++] = likeness();
    given.raw.source.statement = 9;
    all[n++] = likeness();
    given.raw.outcome = WIRE_FAILED;
    all[n++] = likeness();
    assert_int_equal(all[n - 1]->status, SPAN_ERROR);
    given.raw.span.operation = WIRE_PREPARE;
    all[n++] = likeness();
    given.raw.span.instrumentation = 1;
    all[n++] = likeness();
    given.settings.raw = true;
    all[n++] = likeness();
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < i; j++) {
            assert_non_null(all[i]);
            assert_ptr_not_equal(all[i], all[j]);
        }
}

static void test_who_has_no_like(void **state)
{
    (void)state;
    given.settings.attribute_value_limit = 5; /* values are cut in the list itself */
    assert_null(likeness());
    setup(NULL);
    given.raw.source.bytes = NULL; /* of OTELSHIM_KEEP */
    assert_null(likeness());
    setup(NULL);
    given.raw.source.connection = 0;
    assert_null(likeness());
    setup(NULL);
    given.row.family = WIRE_HTTP;
    assert_null(likeness());
    setup(NULL);
    given.raw.kind = RAW_IN_FLIGHT;
    assert_null(likeness());
}

static void test_a_reset_forgets(void **state)
{
    (void)state;
    assert_non_null(likeness());
    arena_reset(&given.arena);
    assert_null(assemble()->likeness);
}

/* Limits that change while a batch is filled do not reach the spans before. */
static void test_limits_leave_the_likeness_alone(void **state)
{
    (void)state;
    struct span *before = assemble();
    likeness();
    uint32_t n = before->attributes.n;
    given.settings.attribute_count_limit = 1;
    assert_int_equal(assemble()->attributes.n, 1);
    given.settings.attribute_count_limit = 128;
    assert_int_equal(assemble()->attributes.n, n);
}

/* A delta collection forgets series that were idle: the likeness must not lead to one that is gone. */
static void test_forgotten_series_are_found_anew(void **state)
{
    (void)state;
    struct metric_collection collection = {.n_points = 0};
    struct resource *resource = calloc(1, sizeof(*resource));
    resource->n_references = 1;
    given.settings.temporality = PREFER_DELTA;
    struct metric_set *set = metric_set_create(&given.settings, resource, 1);
    for (uint64_t round = 1; round < 6; round++) {
        for (uint32_t i = 0; i < 4; i++)
            assert_true(derive_span(set, &given.raw, assemble()));
        derive_settle_all(set);
        assert_int_equal(metric_set_count_series(), 2);
        metric_set_collect(set, &collection, 1000 * round, NULL, false);
        assert_int_equal(collection.n_points, 2);
        assert_int_equal(collection.last->last->last->last->value.histogram.count, 4);
        metric_collection_fini(&collection);
        for (uint32_t i = 0; i < 2 && round % 2; i++)
            metric_set_collect(set, &collection, 1000 * round + 100 + i, NULL, false);
        metric_collection_fini(&collection);
    }
    metric_set_destroy(set);
    set = metric_set_create(&given.settings, resource, 1); /* perhaps where the other one lay */
    assert_true(derive_span(set, &given.raw, assemble()));
    assert_int_equal(metric_set_count_series(), 2);
    metric_set_destroy(set);
    assert_int_equal(metric_set_count_series(), 0);
    resource_release(resource);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_shared),
        TEST(test_every_part_of_the_key_counts),
        TEST(test_who_has_no_like),
        TEST(test_a_reset_forgets),
        TEST(test_limits_leave_the_likeness_alone),
        TEST(test_forgotten_series_are_found_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
