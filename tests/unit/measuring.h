/*
 * measuring: instruments of a program's own that a test measures with, and what is collected of them.
 */
#ifndef OTELSHIM_MEASURING_H
#define OTELSHIM_MEASURING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "signals/metrics/custom.h"
#include "signals/metrics/derive.h"
#include <math.h>
#include <stdio.h>

#define START_NS 1700000000000000000ull
#define S 1000000000ull

static struct {
    struct arena arena;
    struct settings settings;
    struct resource *resource;
    struct metric_set *set;
    struct metric_collection collection;
    struct custom_measurement next;
    char notes[2000];
} given;

static inline void note(void *context, const char *line)
{
    assert_ptr_equal(context, &given);
    strcat(strcat(given.notes, line), "\n");
}

static const struct custom_notes notes = {note, &given};

static inline int setup(void **state)
{
    (void)state;
    memset(&given, 0, sizeof(given));
    given.resource = calloc(1, sizeof(*given.resource));
    given.resource->n_references = 1;
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    metric_set_destroy(given.set);
    assert_int_equal(metric_set_count_series(), 0);
    resource_release(given.resource);
    metric_collection_fini(&given.collection);
    arena_fini(&given.arena);
    return 0;
}

static inline void begin(void)
{
    given.set = metric_set_create(&given.settings, given.resource, START_NS);
}

static inline struct custom_measurement *of(enum wire_instrument instrument, const char *name)
{
    given.next = (struct custom_measurement){.instrument = instrument, .name = name};
    return &given.next;
}

static inline void tag(const char *key, const char *value)
{
    attribute_set_string(&given.next.attributes, &given.arena, key, value);
}

static inline bool measure(void)
{
    bool is_counted = custom_measure(given.set, &given.next, &notes);
    derive_settle_all(given.set);
    return is_counted;
}

static inline bool add(enum wire_instrument instrument, const char *name, int64_t value)
{
    of(instrument, name)->integer = value;
    return measure();
}

static inline bool add_double(enum wire_instrument instrument, const char *name, double value)
{
    struct custom_measurement *next = of(instrument, name);
    next->is_double = true;
    next->number = value;
    return measure();
}

/* The only metric of that name and unit (NULL any). */
static inline struct metric *collect(uint64_t at_ns, const char *name, const char *unit)
{
    struct metric *found = NULL;
    metric_collection_fini(&given.collection);
    metric_set_collect(given.set, &given.collection, START_NS + at_ns, NULL, false);
    if (!given.collection.last)
        return NULL;
    assert_string_equal(given.collection.last->last->name, "otelshim.api");
    assert_null(given.collection.last->last->previous);
    for (struct metric *metric = given.collection.last->last->last; metric; metric = metric->previous)
        if (strcmp(metric->name, name) == 0 && (!unit || strcmp(metric->unit, unit) == 0)) {
            assert_null(found);
            found = metric;
        }
    return found;
}

static inline uint32_t count_points(const struct metric *metric)
{
    uint32_t n = 0;
    for (const struct metric_point *point = metric->last; point; point = point->previous)
        n++;
    return n;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
