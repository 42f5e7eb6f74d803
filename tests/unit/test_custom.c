/* custom: instruments of the program's own: kinds, numbers, attribute sets, temporality, exemplars, what is recorded. */
#include "measuring.h"

static void test_kinds(void **state)
{
    (void)state;
    begin();
    add(WIRE_COUNTER, "orders", 2);
    add(WIRE_COUNTER, "orders", 3);
    add(WIRE_UP_DOWN_COUNTER, "positions", 1);
    add(WIRE_UP_DOWN_COUNTER, "positions", -4);
    add(WIRE_GAUGE, "balance", 10);
    add(WIRE_GAUGE, "balance", -7);
    add_double(WIRE_HISTOGRAM, "latency", 30);
    add(WIRE_HISTOGRAM, "latency", 6);
    struct metric *metric = collect(S, "orders", NULL);
    assert_int_equal(metric->kind, METRIC_SUM);
    assert_true(metric->is_monotonic && metric->last->is_integer);
    assert_int_equal(metric->last->value.integer, 5);
    assert_int_equal(metric->last->start_unix_ns, START_NS);
    metric = collect(2 * S, "positions", NULL);
    assert_int_equal(metric->kind, METRIC_SUM);
    assert_false(metric->is_monotonic);
    assert_int_equal(metric->last->value.integer, -3); /* not held at 0, as our own are */
    metric = collect(3 * S, "balance", NULL);
    assert_int_equal(metric->kind, METRIC_GAUGE);
    assert_int_equal(metric->last->value.integer, -7);
    assert_int_equal(metric->last->start_unix_ns, 0);
    metric = collect(4 * S, "latency", NULL);
    assert_int_equal(metric->kind, METRIC_HISTOGRAM);
    assert_int_equal(metric->n_bounds, 15);
    assert_true(metric->bounds[0] == 0 && metric->bounds[14] == 10000);
    assert_int_equal(metric->last->value.histogram.count, 2);
    assert_true(metric->last->value.histogram.sum == 36);
    assert_int_equal(metric->last->value.histogram.buckets[2], 1); /* (5, 10] */
    assert_int_equal(metric->last->value.histogram.buckets[4], 1); /* (25, 50] */
    assert_string_equal(given.notes, "");
}

static void test_doubles(void **state)
{
    (void)state;
    begin();
    add(WIRE_COUNTER, "fees", 2);
    add_double(WIRE_COUNTER, "fees", 0.5);
    struct metric *metric = collect(S, "fees", NULL);
    assert_int_equal(count_points(metric), 1);
    assert_false(metric->last->is_integer);
    assert_true(metric->last->value.number == 2.5);
    add(WIRE_COUNTER, "fees", 1);
    assert_true(collect(2 * S, "fees", NULL)->last->value.number == 3.5);
    add_double(WIRE_GAUGE, "price", 1e9);
    add_double(WIRE_GAUGE, "price", 0.125);
    assert_true(collect(3 * S, "price", NULL)->last->value.number == 0.125);
}

static void test_temporality_delta(void **state)
{
    (void)state;
    given.settings.temporality = PREFER_DELTA;
    begin();
    add_double(WIRE_COUNTER, "fees", 0.5);
    add(WIRE_UP_DOWN_COUNTER, "positions", 3);
    add(WIRE_GAUGE, "balance", 9);
    assert_true(collect(S, "fees", NULL)->last->value.number == 0.5);
    add_double(WIRE_COUNTER, "fees", 0.25);
    struct metric *metric = collect(2 * S, "fees", NULL);
    assert_int_equal(metric->temporality, METRIC_DELTA);
    assert_true(metric->last->value.number == 0.25);
    assert_int_equal(metric->last->start_unix_ns, START_NS + S);
    assert_null(collect(3 * S, "fees", NULL)); /* idle */
    assert_int_equal(collect(4 * S, "positions", NULL)->last->value.integer, 3);
    assert_int_equal(collect(5 * S, "balance", NULL)->last->value.integer, 9); /* the last value stays one */
}

static void test_exponential(void **state)
{
    (void)state;
    given.settings.exponential_histograms = true;
    begin();
    add_double(WIRE_HISTOGRAM, "latency", 2);
    struct metric *metric = collect(S, "latency", NULL);
    assert_int_equal(metric->kind, METRIC_EXPONENTIAL);
    assert_int_equal(metric->last->value.histogram.count, 1);
}

static void test_attributes_have_no_order(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < 4; i++) {
        of(WIRE_COUNTER, "orders")->integer = 1;
        if (i % 2) {
            tag("coin", "BTC");
            attribute_set_bool(&given.next.attributes, &given.arena, "is_test", false);
        }
        attribute_set_double(&given.next.attributes, &given.arena, "rate", 0.5);
        if (i % 2 == 0) {
            attribute_set_bool(&given.next.attributes, &given.arena, "is_test", false);
            tag("coin", "BTC");
        }
        for (uint32_t k = 0; k < given.next.attributes.n; k++) { /* what is no part of a bool is nothing */
            struct attribute *item = &given.next.attributes.items[k];
            if (item->type != ATTRIBUTE_BOOL)
                continue;
            item->value.integer = 0x77665544332200 + (i << 8);
            item->value.flag = false;
        }
        measure();
        arena_reset(&given.arena); /* neither keys nor values are the arena's any more */
    }
    of(WIRE_COUNTER, "orders")->integer = 10;
    tag("coin", "BTC");
    measure();
    of(WIRE_COUNTER, "orders")->integer = 100;
    tag("coins", "BTC");
    measure();
    struct metric *metric = collect(S, "orders", NULL);
    assert_int_equal(count_points(metric), 3);
    uint64_t found = 0;
    for (struct metric_point *point = metric->last; point; point = point->previous)
        found += (uint64_t)point->value.integer * (point->attributes.n == 3 ? 1000 : 1);
    assert_int_equal(found, 4110);
    for (struct metric_point *point = metric->last; point; point = point->previous)
        for (uint32_t i = 1; i < point->attributes.n; i++)
            assert_true(strcmp(point->attributes.items[i - 1].key, point->attributes.items[i].key) < 0);
}

static void test_exemplars(void **state)
{
    (void)state;
    begin();
    for (int is_sampled = 0; is_sampled < 2; is_sampled++) {
        of(WIRE_COUNTER, "orders")->integer = 3;
        memset(given.next.trace_id, 1 + is_sampled, 16);
        memset(given.next.span_id, 1 + is_sampled, 8);
        given.next.flags = is_sampled ? WIRE_SPAN_SAMPLED : 0;
        given.next.time_unix_ns = START_NS + S / 2;
        measure();
    }
    struct metric *metric = collect(S, "orders", NULL);
    assert_int_equal(metric->last->n_exemplars, 1);
    assert_true(metric->last->exemplars[0].value == 3);
    assert_int_equal(metric->last->exemplars[0].trace_id[0], 2);
    assert_int_equal(metric->last->exemplars[0].filtered.n, 0);
    assert_int_equal(collect(2 * S, "orders", NULL)->last->n_exemplars, 0); /* of each window */
}

static void test_counted_when_settled_and_seen_by_the_checkpoint(void **state)
{
    (void)state;
    begin();
    of(WIRE_COUNTER, "orders")->integer = 3;
    uint64_t first = derive_next(given.set);
    assert_true(custom_measure(given.set, &given.next, &notes));
    assert_int_equal(derive_next(given.set), first + 1);
    metric_set_peek(given.set, &given.collection, START_NS + S, false);
    assert_null(given.collection.last);
    derive_settle(given.set, first, 1);
    metric_set_peek(given.set, &given.collection, START_NS + S, false);
    assert_int_equal(given.collection.last->last->last->last->value.integer, 3);
}

static void test_reading_what_was_recorded(void **state)
{
    static const char custom[] = "\1\4coinBTC";
    struct process process = {.resource = NULL};
    struct raw_fact facts[] = {
        {.key = WIRE_METRIC_NAME, .type = WIRE_STRING, .bytes = "pricexx", .n_bytes = 5},
        {.key = WIRE_METRIC_UNIT, .type = WIRE_STRING, .bytes = "KRW", .n_bytes = 3},
        {.key = WIRE_CUSTOM, .type = WIRE_BYTES, .bytes = custom, .n_bytes = sizeof(custom) - 1},
        {.key = WIRE_METRIC_DESCRIPTION, .type = WIRE_STRING, .bytes = "last", .n_bytes = 4},
    };
    struct raw_measurement raw = {.process = &process, .mono_to_unix_ns = 100, .facts = facts, .n_facts = 4};
    const double value = -0.5;
    (void)state;
    raw.measurement = (struct wire_measurement){.mono_ns = 7, .instrument = WIRE_GAUGE, .is_double = 1};
    memcpy(&raw.measurement.value, &value, sizeof(value));
    begin();
    custom_read(&given.arena, &raw, &given.settings, &given.next);
    assert_string_equal(given.next.name, "price");
    assert_int_equal(given.next.time_unix_ns, 107);
    assert_true(measure());
    struct metric *metric = collect(S, "price", "KRW");
    assert_string_equal(metric->description, "last");
    assert_true(metric->last->value.number == -0.5);
    assert_string_equal(attribute_find(&metric->last->attributes, "coin")->value.string.bytes, "BTC");
    raw.n_facts = 0;
    raw.measurement.is_double = 0;
    raw.measurement.value = (uint64_t)-3;
    custom_read(&given.arena, &raw, &given.settings, &given.next);
    assert_int_equal(given.next.integer, -3);
    assert_false(measure());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_kinds),
        TEST(test_doubles),
        TEST(test_temporality_delta),
        TEST(test_exponential),
        TEST(test_attributes_have_no_order),
        TEST(test_exemplars),
        TEST(test_counted_when_settled_and_seen_by_the_checkpoint),
        TEST(test_reading_what_was_recorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
