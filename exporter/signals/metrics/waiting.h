/*
 * waiting: measurements of records that were read and are not acknowledged yet, by the number they got when they were read.
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
    struct series *second; /* of another metric, of rows, say; NULL: there is none */
    double value;          /* of a duration; of a number that is_double */
    int64_t number;        /* rows; of a sum: by how much it changes */
    bool has_exemplar, is_double;
    bool is_taken; /* waiting.c only */
    uint64_t exemplar;
};

struct ring {
    char *items;
    uint32_t first, n, max; /* a power of two */
    uint64_t number;        /* of the first: each gets the next one, for ever */
};

/* A zeroed one is empty. */
struct waiting {
    struct ring measured, exemplars;
};

/* The number that the next one will have. */
uint64_t waiting_next(const struct waiting *waiting);
/*
 * The newest: series NULL, second NULL, to be filled in at once, and so is *ret_exemplar; `ret_exemplar` NULL: it may not be
 * one.
 */
struct measured *waiting_add(struct waiting *waiting, struct exemplar **ret_exemplar);
/* That one, once; NULL when it was taken. It holds until the next waiting_add() or waiting_tidy(); *ret_exemplar NULL: none. */
const struct measured *waiting_take(struct waiting *waiting, uint64_t number, struct exemplar **ret_exemplar);
/* Gives back what was taken, and what a burst needed. */
void waiting_tidy(struct waiting *waiting);
void waiting_fini(struct waiting *waiting);

#endif
