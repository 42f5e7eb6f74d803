/* custom: what does not count, what is too much, and what is said of it. */
#include "measuring.h"

static void test_names(void **state)
{
    char longest[257];
    (void)state;
    begin();
    memset(longest, 'n', 255);
    longest[255] = 0;
    assert_true(add(WIRE_COUNTER, longest, 1));
    longest[255] = 'n', longest[256] = 0;
    assert_false(add(WIRE_COUNTER, longest, 1));
    assert_true(add(WIRE_COUNTER, "a/b-c_d.E9", 1));
    assert_false(add(WIRE_COUNTER, "", 1));
    assert_false(add(WIRE_COUNTER, "9lives", 1));
    assert_false(add(WIRE_COUNTER, "two words", 1));
    assert_false(add(WIRE_COUNTER, "\xed\x95\x9c", 1));
    assert_false(add(WIRE_COUNTER, NULL, 1));
    assert_non_null(strstr(given.notes, "not a name"));
    assert_ptr_equal(strchr(given.notes, '\n'), strrchr(given.notes, '\n')); /* once */
    add(WIRE_COUNTER, "Orders.Filled", 1);
    add(WIRE_COUNTER, "orders.filled", 2);
    assert_int_equal(collect(S, "Orders.Filled", NULL)->last->value.integer, 3); /* the first spelling */
    assert_null(collect(2 * S, "orders.filled", NULL));
}

static void test_conflicts_are_two_metrics_and_said_once(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < 3; i++) {
        add(WIRE_COUNTER, "orders", 1);
        add(WIRE_GAUGE, "Orders", 5);
        of(WIRE_COUNTER, "orders")->integer = 7;
        given.next.unit = "{order}";
        measure();
    }
    assert_string_equal(
        given.notes,
        "metric \"Orders\": is a counter in \"\" and a gauge in \"\": two metrics of one name\n"
        "metric \"orders\": is a counter in \"\" and a counter in \"{order}\": two metrics of one name\n");
    assert_int_equal(collect(S, "orders", "{order}")->last->value.integer, 21);
    uint32_t n = 0;
    for (struct metric *metric = given.collection.last->last->last; metric; metric = metric->previous, n++)
        assert_string_equal(metric->name, "orders");
    assert_int_equal(n, 3);
}

static void test_values_that_do_not_count(void **state)
{
    (void)state;
    begin();
    assert_false(add(WIRE_COUNTER, "c", -1));
    assert_false(add_double(WIRE_COUNTER, "c", -0.5));
    assert_false(add_double(WIRE_HISTOGRAM, "h", -0.5));
    assert_false(add_double(WIRE_GAUGE, "g", NAN));
    assert_false(add_double(WIRE_COUNTER, "c", INFINITY));
    assert_true(add_double(WIRE_GAUGE, "g", -1));
    add(WIRE_COUNTER, "c", INT64_MAX);
    add(WIRE_COUNTER, "c", 5);
    assert_int_equal(collect(S, "c", NULL)->last->value.integer, INT64_MAX);
    assert_null(collect(S, "h", NULL));
    int n_lines = 0;
    for (const char *at = given.notes; (at = strchr(at, '\n')); at++)
        n_lines++;
    assert_int_equal(n_lines, 2);
}

static void test_cardinality_limit_and_overflow(void **state)
{
    char value[20];
    (void)state;
    begin();
    for (uint32_t i = 0; i < AGGREGATE_MAX_SERIES + 50; i++) {
        of(WIRE_COUNTER, "orders")->integer = 1;
        snprintf(value, sizeof(value), "%u", i);
        tag("id", value);
        measure();
        arena_reset(&given.arena);
    }
    add(WIRE_COUNTER, "others", 1); /* each instrument has its own limit */
    struct metric *metric = collect(S, "orders", NULL);
    assert_int_equal(count_points(metric), AGGREGATE_MAX_SERIES + 1);
    int64_t sum = 0, n_overflow = 0;
    for (struct metric_point *point = metric->last; point; point = point->previous) {
        sum += point->value.integer;
        const struct attribute *mark = attribute_find(&point->attributes, "otel.metric.overflow");
        if (mark) {
            assert_int_equal(mark->type, ATTRIBUTE_BOOL);
            assert_true(mark->value.flag && point->attributes.n == 1);
            n_overflow += point->value.integer;
        }
    }
    assert_int_equal(sum, AGGREGATE_MAX_SERIES + 50); /* nothing is lost */
    assert_int_equal(n_overflow, 50);
    assert_int_equal(count_points(collect(2 * S, "others", NULL)), 1);
}

static void test_too_many_instruments_and_keys(void **state)
{
    char name[20];
    (void)state;
    begin();
    for (uint32_t i = 0; i < CUSTOM_MAX_INSTRUMENTS + 5; i++) {
        snprintf(name, sizeof(name), "metric.%u", i);
        assert_int_equal(add(WIRE_COUNTER, name, 1), i < CUSTOM_MAX_INSTRUMENTS);
    }
    assert_non_null(strstr(given.notes, "more than 1,000 instruments"));
    for (uint32_t i = 0; i < 4200; i++) {
        of(WIRE_COUNTER, "metric.1")->integer = 1;
        snprintf(name, sizeof(name), "key%u", i);
        tag(name, "v");
        assert_true(measure());
        arena_reset(&given.arena);
    }
    assert_non_null(strstr(given.notes, "different attribute keys"));
    int64_t sum = 0;
    for (struct metric_point *point = collect(S, "metric.1", NULL)->last; point; point = point->previous)
        sum += point->value.integer;
    assert_int_equal(sum, 4201);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_names),
        TEST(test_conflicts_are_two_metrics_and_said_once),
        TEST(test_values_that_do_not_count),
        TEST(test_cardinality_limit_and_overflow),
        TEST(test_too_many_instruments_and_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
