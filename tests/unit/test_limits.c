/* limits: what is too much goes, and is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "signals/spans/limits.h"

static struct span sample(struct arena *arena)
{
    struct span span = {0};
    struct text items[] = {{"\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", 9}, {"x", 1}};
    attribute_set_string(&span.attributes, arena, "text", "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z");
    attribute_set_int(&span.attributes, arena, "number", 123456);
    attribute_set_strings(&span.attributes, arena, "texts", items, 2);
    span.events = arena_zalloc(arena, 3 * sizeof(*span.events));
    span.n_events = 3;
    attribute_set_string(&span.events[0].attributes, arena, "text", "long enough");
    return span;
}

static struct settings limits_of(uint32_t attributes, uint32_t events, uint32_t characters)
{
    return (struct settings){.attribute_count_limit = attributes,
                             .span_event_count_limit = events,
                             .event_attribute_count_limit = 128,
                             .attribute_value_limit = characters};
}

static void test_limits_apply_counts(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct span span = sample(&arena);
    struct settings settings = limits_of(2, 1, UINT32_MAX);
    limits_apply(&span, &arena, &settings);
    assert_int_equal(span.attributes.n, 2);
    assert_int_equal(span.attributes.n_dropped, 1);
    assert_int_equal(span.n_events, 1);
    assert_int_equal(span.n_dropped_events, 2);
    settings = limits_of(0, 0, UINT32_MAX);
    limits_apply(&span, &arena, &settings);
    assert_int_equal(span.attributes.n, 0);
    assert_int_equal(span.attributes.n_dropped, 3);
    assert_int_equal(span.n_dropped_events, 3);
    arena_fini(&arena);
}

static void test_limits_apply_characters(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct span span = sample(&arena);
    struct settings settings = limits_of(128, 128, 3);
    limits_apply(&span, &arena, &settings);
    assert_string_equal(attribute_find(&span.attributes, "text")->value.string.bytes,
                        "a\xc3\xa9\xe2\x82\xac");
    assert_int_equal(attribute_find(&span.attributes, "text")->value.string.n_bytes, 6);
    assert_int_equal(attribute_find(&span.attributes, "number")->value.integer, 123456);
    assert_int_equal(attribute_find(&span.attributes, "texts")->value.strings.items[0].n_bytes, 9);
    assert_string_equal(span.events[0].attributes.items[0].value.string.bytes, "lon");
    settings = limits_of(128, 128, 0);
    limits_apply(&span, &arena, &settings);
    assert_string_equal(attribute_find(&span.attributes, "text")->value.string.bytes, "");
    assert_int_equal(span.attributes.n_dropped, 0);
    arena_fini(&arena);
}

static void test_limits_apply_events(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct span span = sample(&arena);
    struct settings settings = limits_of(128, 2, UINT32_MAX);
    settings.event_attribute_count_limit = 0;
    limits_apply(&span, &arena, &settings);
    assert_int_equal(span.n_events, 2);
    assert_int_equal(span.events[0].attributes.n, 0);
    assert_int_equal(span.events[0].attributes.n_dropped, 1);
    assert_int_equal(span.attributes.n_dropped, 0);
    arena_fini(&arena);
}

static void test_limits_of_log_records(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct span span = sample(&arena);
    struct log_record record = {.attributes = span.attributes, .body = {"a long body", 11}};
    struct settings settings = {.log_attribute_count_limit = 2, .log_attribute_value_limit = 3};
    limits_apply_log(&record, &arena, &settings);
    assert_int_equal(record.attributes.n, 2);
    assert_int_equal(record.attributes.n_dropped, 1);
    assert_string_equal(attribute_find(&record.attributes, "text")->value.string.bytes,
                        "a\xc3\xa9\xe2\x82\xac");
    assert_int_equal(record.body.n_bytes, 11);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits_of_log_records),
        cmocka_unit_test(test_limits_apply_counts),
        cmocka_unit_test(test_limits_apply_characters),
        cmocka_unit_test(test_limits_apply_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
