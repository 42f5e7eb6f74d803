/* histogram: explicit and exponential buckets, by the specification's vectors and at random. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "signals/metrics/histogram.h"
#include <math.h>

static struct arena arena;

static int free_arena(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static void test_index_by_the_vectors(void **state)
{
    static const double values[] = {0.001, 0.5, 1, 1.5, 2, 3, 10, 1000};
    static const struct {
        int32_t scale, expected[8];
    } rows[] = {
        {20, {-10449883, -1048577, -1, 613377, 1048575, 1661953, 3483294, 10449882}},
        {3, {-80, -9, -1, 4, 7, 12, 26, 79}},
        {0, {-10, -2, -1, 0, 0, 1, 3, 9}},
        {-1, {-5, -1, -1, 0, 0, 0, 1, 4}},
        {-4, {-1, -1, -1, 0, 0, 0, 0, 0}},
    };
    (void)state;
    for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++)
        for (size_t i = 0; i < 8; i++)
            assert_int_equal(histogram_index(values[i], rows[r].scale), rows[r].expected[i]);
    assert_int_equal(histogram_index(4.0, 0), 1);
}

static void test_explicit_buckets_include_their_upper_bound(void **state)
{
    static const double bounds[] = {0.005, 0.01};
    static const struct {
        double value;
        uint32_t bucket;
    } cases[] = {{0, 0}, {0.005, 0}, {0.0051, 1}, {0.01, 1}, {0.010000001, 2}, {1e9, 2}};
    (void)state;
    struct histogram *histogram = histogram_create(bounds, 2);
    uint32_t bucket = 9;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_true(histogram_record(histogram, cases[i].value, &bucket));
        assert_int_equal(bucket, cases[i].bucket);
    }
    assert_false(histogram_record(histogram, NAN, &bucket));
    assert_false(histogram_record(histogram, -1, &bucket));
    struct metric_histogram shown;
    histogram_show(histogram, &arena, &shown);
    assert_int_equal(shown.count, 6);
    assert_int_equal(shown.buckets[0] + shown.buckets[1] + shown.buckets[2], 6);
    assert_true(shown.min == 0 && shown.max == 1e9);
    histogram_destroy(histogram);
}

/* Whatever comes in whatever order: every value is in the bucket that its index at the final scale says. */
static void test_exponential_buckets_hold_everything(void **state)
{
    static double values[3000];
    (void)state;
    srand(7);
    for (int round = 0; round < 50; round++) {
        struct histogram *histogram = histogram_create(NULL, 0);
        struct metric_histogram shown;
        uint64_t expected[HISTOGRAM_MAX_BUCKETS] = {0}, n_zero = 0;
        int n = 1 + rand() % 3000;
        double spread = rand() % 600;
        for (int i = 0; i < n; i++) {
            uint32_t bucket;
            values[i] = rand() % 20 ? pow(10, spread * ((double)rand() / RAND_MAX - 0.5)) : 0;
            n_zero += values[i] == 0;
            assert_true(histogram_record(histogram, values[i], &bucket));
        }
        histogram_show(histogram, &arena, &shown);
        assert_true(shown.n_buckets <= HISTOGRAM_MAX_BUCKETS && shown.count == (uint64_t)n);
        assert_int_equal(shown.zero_count, n_zero);
        uint64_t n_elsewhere = 0;
        for (int i = 0; i < n; i++) {
            int64_t at = values[i] > 0 ? histogram_index(values[i], shown.scale) - (int64_t)shown.offset : -1;
            if (values[i] > 0 && (at < 0 || at >= shown.n_buckets))
                n_elsewhere++; /* rounding next to a bound, by one: the specification allows it */
            else if (values[i] > 0)
                expected[at]++;
        }
        for (uint32_t i = 0; i < shown.n_buckets; i++)
            n_elsewhere += (uint64_t)llabs((long long)(shown.buckets[i] - expected[i]));
        assert_true(n_elsewhere <= 4);
        histogram_destroy(histogram);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_index_by_the_vectors, free_arena),
        cmocka_unit_test_teardown(test_explicit_buckets_include_their_upper_bound, free_arena),
        cmocka_unit_test_teardown(test_exponential_buckets_hold_everything, free_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
