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
    double value;        /* of a duration */
    int64_t number;      /* rows; of a sum: by how much it changes */
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

/*
 * The newest: series NULL, rows NULL, to be filled in at once, and so is *ret_exemplar; `ret_exemplar` NULL: it may not be
 * one.
 */
struct measured *waiting_add(struct waiting *waiting, struct exemplar **ret_exemplar);
/* The oldest; NULL when there is none. It holds until the next waiting_add() or waiting_tidy(); *ret_exemplar NULL: none. */
const struct measured *waiting_take(struct waiting *waiting, struct exemplar **ret_exemplar);
/* Gives back what a burst needed. */
void waiting_tidy(struct waiting *waiting);
void waiting_fini(struct waiting *waiting);

#endif
