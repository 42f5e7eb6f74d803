/*
 * batcher: spans, or log records, on their way into batches, and the batches that wait in memory.
 *
 * Context: loop. Ownership: a taken batch is the taker's until batcher_put_back() or batcher_finish().
 */
#ifndef OTELSHIM_BATCHER_H
#define OTELSHIM_BATCHER_H

#include "telemetry/batch.h"

struct queued_batch;

struct batcher {
    uint32_t max_batch, max_queue;
    uint32_t n_spans;      /* in memory: being filled, queued, taken */
    struct batch *filling; /* NULL: none begun */
    struct queued_batch *first, **last;
    struct arena spare; /* of the last finished batch: its pages are there already */
};

void batcher_init(struct batcher *batcher, uint32_t max_batch, uint32_t max_queue);
void batcher_fini(struct batcher *batcher);

/* Where the next span is to be made. */
struct arena *batcher_arena(struct batcher *batcher);
/* True when this made a batch full and so queued it. `span` may be NULL. */
bool batcher_add(struct batcher *batcher, struct span *span, const struct receipt *receipt);
/* The same of a log record; spans and records do not go into one batcher. */
bool batcher_add_record(struct batcher *batcher, struct log_record *record, const struct receipt *receipt);
/* An empty batch for an encoded request, with memory of an earlier one; then batcher_append(), or batch_release(). */
struct batch *batcher_begin_encoded(struct batcher *batcher);
void batcher_append(struct batcher *batcher, struct batch *batch);
bool batcher_has_room(const struct batcher *batcher);
/* Spans of the batch being filled. */
uint32_t batcher_n_filling(const struct batcher *batcher);
/* Queues what is there, be it receipts alone. */
void batcher_close(struct batcher *batcher);
bool batcher_has_queued(const struct batcher *batcher);
/* The oldest; NULL when none is queued. It still counts as in memory. */
struct batch *batcher_take(struct batcher *batcher);
/* It becomes the oldest again. */
void batcher_put_back(struct batcher *batcher, struct batch *batch);
void batcher_finish(struct batcher *batcher, struct batch *batch);

#endif
