/*
 * waiting: measurements of records that were read and are not acknowledged yet, in the order they were read.
 *
 * A record is counted when it is acknowledged, not when it is read: an exporter that was killed in between has then not
 * counted what the next one reads again. Context: loop.
 */
#ifndef OTELSHIM_WAITING_H
#define OTELSHIM_WAITING_H

#include "signals/metrics/exemplar.h"

struct series;

/* What one record adds. */
struct measured {
    struct series *series;
    struct series *rows; /* NULL: it says nothing of rows */
    double value;
    int64_t number; /* rows; of a sum: by how much it changes */
    bool has_exemplar;
};

struct ring {
    char *items;
    uint32_t first, n, max; /* a power of two */
};

/* A zeroed one is empty. */
struct waiting {
    struct ring measured, exemplars;
};

/* `exemplar` NULL: it may not be one. */
void waiting_put(struct waiting *waiting, const struct measured *measured, const struct exemplar *exemplar);
/* The oldest; false when there is none. *ret_exemplar is only set where there is one. */
bool waiting_take(struct waiting *waiting, struct measured *ret_measured, struct exemplar *ret_exemplar);
void waiting_fini(struct waiting *waiting);

#endif
