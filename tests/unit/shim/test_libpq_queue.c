/* libpq_queue: which of many queries are recorded, whatever the order in which they come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "instrument/libpq_queue.h"

static void test_libpq_queue_keeps_order(void **state)
{
    (void)state;
    static bool model[1 << 14];
    struct libpq_queue queue = {0};
    uint32_t first = 0, last = 0, most_runs = 0;
    srand(17);
    for (int i = 0; i < 12000; i++) {
        bool is_growing = i % 4000 < 2500;
        if (last == first || rand() % 8 < (is_growing ? 6 : 2)) {
            bool wanted = rand() % 5 != 0, may = libpq_queue_may_record(&queue);
            model[last++ % (1 << 14)] = wanted && may;
            libpq_queue_append(&queue, wanted && may);
        } else {
            assert_int_equal(libpq_queue_is_recorded(&queue), model[first++ % (1 << 14)]);
            libpq_queue_drop(&queue);
        }
        assert_int_equal(queue.n, last - first);
        assert_true(queue.n_runs <= LIBPQ_RUNS);
        most_runs = queue.n_runs > most_runs ? queue.n_runs : most_runs;
    }
    assert_int_equal(most_runs, LIBPQ_RUNS);
    while (queue.n) {
        assert_int_equal(libpq_queue_is_recorded(&queue), model[first++ % (1 << 14)]);
        libpq_queue_drop(&queue);
    }
    assert_int_equal(queue.n_runs, 0);
    libpq_queue_drop(&queue);
    assert_false(libpq_queue_is_recorded(&queue));
}

static void test_libpq_queue_has_a_bound(void **state)
{
    (void)state;
    struct libpq_queue queue = {0};
    for (uint32_t i = 0; i < LIBPQ_MAX_QUEUED; i++) {
        assert_true(libpq_queue_may_record(&queue));
        libpq_queue_append(&queue, true);
    }
    assert_false(libpq_queue_may_record(&queue));
    libpq_queue_append(&queue, false);
    for (uint32_t i = 0; i < LIBPQ_MAX_QUEUED; i++) {
        assert_true(libpq_queue_is_recorded(&queue));
        libpq_queue_drop(&queue);
    }
    assert_false(libpq_queue_is_recorded(&queue));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_libpq_queue_keeps_order),
        cmocka_unit_test(test_libpq_queue_has_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
