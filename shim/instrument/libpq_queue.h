/*
 * libpq_queue: queries that were sent and whose results have not all been taken, in order: one, but in pipeline mode
 * many. One that is not recorded keeps its place, so that its results never end another's span.
 *
 * Context: hot; pure. Nearly always all of them are recorded, so that the queue is kept as lengths of runs.
 */
#ifndef OTELSHIM_LIBPQ_QUEUE_H
#define OTELSHIM_LIBPQ_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

/* Beyond this nobody tries to record; it is about what there are operations for (operation.c). */
#define LIBPQ_MAX_QUEUED 4096u
#define LIBPQ_RUNS 16u

struct libpq_queue {
    uint32_t n;                /* queries */
    uint32_t n_runs, first;    /* how many runs there are, the oldest: neighbours differ in is_recorded */
    uint32_t runs[LIBPQ_RUNS]; /* length << 1 | is_recorded, round and round */
};

static inline uint32_t *libpq_queue_run(struct libpq_queue *queue, uint32_t i)
{
    return &queue->runs[(queue->first + i) % LIBPQ_RUNS];
}

/* A run that is recorded leaves room for one behind it that is not, which then takes all that follows. */
static inline bool libpq_queue_may_record(struct libpq_queue *queue)
{
    return queue->n < LIBPQ_MAX_QUEUED &&
           (queue->n_runs + 2 <= LIBPQ_RUNS || (*libpq_queue_run(queue, queue->n_runs - 1) & 1));
}

/* `is_recorded` only where libpq_queue_may_record() said so. */
static inline void libpq_queue_append(struct libpq_queue *queue, bool is_recorded)
{
    if (!queue->n) { /* nearly always */
        queue->n = queue->n_runs = 1;
        queue->first = 0;
        queue->runs[0] = 2 | is_recorded;
        return;
    }
    uint32_t *last = libpq_queue_run(queue, queue->n_runs - 1);
    queue->n++;
    if ((*last & 1) == is_recorded)
        *last += 2;
    else
        *libpq_queue_run(queue, queue->n_runs++) = 2 | is_recorded;
}

static inline bool libpq_queue_is_recorded(struct libpq_queue *queue)
{
    return queue->n && (*libpq_queue_run(queue, 0) & 1);
}

/* The oldest one is through. Nothing where there is none. */
static inline void libpq_queue_drop(struct libpq_queue *queue)
{
    if (queue->n <= 1) {
        queue->n = queue->n_runs = 0;
        return;
    }
    queue->n--;
    uint32_t *run = libpq_queue_run(queue, 0);
    *run -= 2;
    if (*run < 2) {
        queue->first = (queue->first + 1) % LIBPQ_RUNS;
        queue->n_runs--;
    }
}

#endif
