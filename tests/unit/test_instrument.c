/* instrument: names, units, kinds and buckets are those that the semantic conventions have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "signals/metrics/instrument.h"
#include <stdbool.h>

#define MAX_BOUNDS 16

static const struct convention_metric {
    const char *name, *unit;
    enum instrument_kind kind;
    double bounds[MAX_BOUNDS]; /* up to a zero */
} metrics[] = {
#define CONVENTION_METRIC(name, unit, KIND, ...) {name, unit, INSTRUMENT_##KIND, {__VA_ARGS__}},
#include "../conformance/metrics.h"
#undef CONVENTION_METRIC
};
#define N_METRICS (sizeof(metrics) / sizeof(metrics[0]))

static const struct convention_metric *find(const char *name)
{
    for (size_t i = 0; i < N_METRICS; i++)
        if (strcmp(metrics[i].name, name) == 0)
            return &metrics[i];
    return NULL;
}

/* What has no row there is our own, or a name of before, which was asked for. */
static bool is_not_of_the_conventions(enum instrument instrument)
{
    return instrument == INSTRUMENT_OLD_HTTP_DURATION || instrument == INSTRUMENT_OLD_DB_CONNECTIONS ||
           strncmp(instrument_row(instrument)->name, "otelshim.", 9) == 0;
}

static void test_the_conventions(void **state)
{
    size_t n_found = 0;
    (void)state;
    for (enum instrument i = 0; i < N_INSTRUMENTS; i++) {
        const struct instrument_row *row = instrument_row(i);
        const struct convention_metric *expected = find(row->name);
        uint32_t n_bounds = 0;
        if (is_not_of_the_conventions(i))
            continue;
        if (!expected)
            fail_msg("%s is nowhere in the conventions", row->name);
        n_found++;
        assert_string_equal(row->unit, expected->unit);
        assert_int_equal(row->kind, expected->kind);
        while (n_bounds < MAX_BOUNDS && expected->bounds[n_bounds] > 0)
            n_bounds++;
        assert_int_equal(row->n_bounds, n_bounds);
        assert_memory_equal(row->bounds ? row->bounds : expected->bounds, expected->bounds,
                            n_bounds * sizeof(double));
    }
    assert_int_equal(n_found, N_METRICS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_conventions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
