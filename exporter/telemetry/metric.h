/*
 * metric: what one export of metrics holds, as a tree: resource → scope → metric → points.
 *
 * Each list is linked from its last element to its first: an encoder that writes from the end (outputs/otlp/writer.h)
 * follows it as it is. Context: loop. Ownership: all of it lives in the collection's arena, but for resources and texts,
 * which belong to whoever was asked for their metrics and must stay until the collection was encoded.
 */
#ifndef OTELSHIM_METRIC_H
#define OTELSHIM_METRIC_H

#include "telemetry/attribute.h"
#include "telemetry/resource.h"

enum metric_kind { METRIC_SUM, METRIC_GAUGE, METRIC_HISTOGRAM, METRIC_EXPONENTIAL };
enum metric_temporality { METRIC_DELTA = 1, METRIC_CUMULATIVE = 2 }; /* numbers of OTLP */

/* One measurement that stands for those of its point. */
struct metric_exemplar {
    double value;
    uint64_t time_unix_ns;
    uint8_t trace_id[16], span_id[8];
    struct attributes filtered; /* what the point does not have */
};

struct metric_histogram {
    uint64_t count;
    double sum, min, max;
    const uint64_t *buckets;
    uint32_t n_buckets; /* explicit: one more than bounds */
    int32_t scale, offset;
    uint64_t zero_count; /* these three of an exponential one */
};

struct metric_point {
    struct metric_point *previous;
    struct attributes attributes;
    uint64_t start_unix_ns, time_unix_ns;
    bool is_integer;
    union {
        int64_t integer;
        double number;
        struct metric_histogram histogram;
    } value;
    const struct metric_exemplar *exemplars;
    uint32_t n_exemplars;
};

struct metric {
    struct metric *previous;
    const char *name, *description, *unit;
    enum metric_kind kind;
    enum metric_temporality temporality; /* not of a gauge */
    bool is_monotonic;                   /* of a sum */
    const double *bounds;                /* of explicit buckets; bucket i is (bounds[i - 1], bounds[i]] */
    uint32_t n_bounds;
    struct metric_point *last;
};

struct metric_scope {
    struct metric_scope *previous;
    const char *name;
    struct metric *last;
};

struct metric_resource {
    struct metric_resource *previous;
    const struct resource *resource;
    struct metric_scope *last;
};

/* A zeroed one is empty. */
struct metric_collection {
    struct arena arena;
    struct metric_resource *last;
    uint32_t n_points;
};

void metric_collection_fini(struct metric_collection *collection);
/* Each appends, zeroed but for what is given. What stays empty must not be left in: OTLP wants no empty groups. */
struct metric_resource *metric_add_resource(struct metric_collection *collection,
                                            const struct resource *resource);
struct metric_scope *metric_add_scope(struct metric_collection *collection, struct metric_resource *resource,
                                      const char *name);
struct metric *metric_add(struct metric_collection *collection, struct metric_scope *scope);
struct metric_point *metric_add_point(struct metric_collection *collection, struct metric *metric);

#endif
