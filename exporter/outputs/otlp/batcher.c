/* batcher: see batcher.h. */
#include "outputs/otlp/batcher.h"

#include <assert.h>
#include <stdlib.h>

struct queued_batch {
    struct queued_batch *next;
    struct batch *batch;
};

void batcher_init(struct batcher *batcher, uint32_t max_batch, uint32_t max_queue)
{
    *batcher = (struct batcher){.max_batch = max_batch ? max_batch : 1, .max_queue = max_queue};
    batcher->last = &batcher->first;
}

void batcher_fini(struct batcher *batcher)
{
    batch_release(batcher->filling);
    for (struct batch *batch; (batch = batcher_take(batcher));)
        batch_release(batch);
    arena_fini(&batcher->spare);
}

static struct batch *begin_batch(struct batcher *batcher)
{
    if (!batcher->filling) {
        batcher->filling = batch_create(batcher->max_batch);
        batcher->filling->arena = batcher->spare;
        batcher->spare = (struct arena){0};
    }
    return batcher->filling;
}

struct arena *batcher_arena(struct batcher *batcher)
{
    return &begin_batch(batcher)->arena;
}

static void append(struct batcher *batcher, struct batch *batch)
{
    struct queued_batch *queued = malloc(sizeof(*queued));
    if (!queued)
        abort();
    *queued = (struct queued_batch){.batch = batch};
    *batcher->last = queued;
    batcher->last = &queued->next;
}

struct batch *batcher_begin_encoded(struct batcher *batcher)
{
    struct batch *batch = batch_create(0);
    batch->arena = batcher->spare;
    batcher->spare = (struct arena){0};
    return batch;
}

void batcher_append(struct batcher *batcher, struct batch *batch)
{
    batcher->n_spans += batch->n_spans;
    append(batcher, batch);
}

static bool add_receipt(struct batcher *batcher, struct batch *batch, const struct receipt *receipt)
{
    if (receipt && receipt->kind != RECEIPT_NONE)
        batch_add_receipt(batch, receipt);
    if (batch->n_spans < batcher->max_batch)
        return false;
    batcher_close(batcher);
    return true;
}

bool batcher_add(struct batcher *batcher, struct span *span, const struct receipt *receipt)
{
    struct batch *batch = begin_batch(batcher);
    if (span) {
        batch_add_span(batch, span);
        batcher->n_spans++;
    }
    return add_receipt(batcher, batch, receipt);
}

bool batcher_add_record(struct batcher *batcher, struct log_record *record, const struct receipt *receipt)
{
    struct batch *batch = begin_batch(batcher);
    if (record) {
        batch_add_record(batch, record);
        batcher->n_spans++;
    }
    return add_receipt(batcher, batch, receipt);
}

bool batcher_has_room(const struct batcher *batcher)
{
    return batcher->n_spans < batcher->max_queue;
}

uint32_t batcher_n_filling(const struct batcher *batcher)
{
    return batcher->filling ? batcher->filling->n_spans : 0;
}

void batcher_close(struct batcher *batcher)
{
    struct batch *batch = batcher->filling;
    if (!batch || (!batch->n_spans && !batch->n_receipts))
        return;
    append(batcher, batch);
    batcher->filling = NULL;
}

bool batcher_has_queued(const struct batcher *batcher)
{
    return batcher->first != NULL;
}

struct batch *batcher_take(struct batcher *batcher)
{
    struct queued_batch *queued = batcher->first;
    if (!queued)
        return NULL;
    struct batch *batch = queued->batch;
    batcher->first = queued->next;
    if (!batcher->first)
        batcher->last = &batcher->first;
    free(queued);
    return batch;
}

void batcher_put_back(struct batcher *batcher, struct batch *batch)
{
    if (!batcher->first) {
        append(batcher, batch);
        return;
    }
    struct queued_batch *queued = malloc(sizeof(*queued));
    if (!queued)
        abort();
    *queued = (struct queued_batch){.next = batcher->first, .batch = batch};
    batcher->first = queued;
}

/* Memory that goes back to malloc and comes again costs a page fault per 4 KiB [a batch of 512 spans: 250]. */
void batcher_finish(struct batcher *batcher, struct batch *batch)
{
    struct arena arena = {0};
    assert(batcher->n_spans >= batch->n_spans);
    batcher->n_spans -= batch->n_spans;
    bool is_ours_alone = batch->n_references == 1;
    if (is_ours_alone) {
        arena = batch->arena; /* the spans stay readable while the batch lets go of them */
        batch->arena = (struct arena){0};
    }
    batch_release(batch);
    if (batcher->spare.spare) {
        arena_fini(&arena);
    } else if (is_ours_alone) {
        arena_reset(&arena);
        batcher->spare = arena;
    }
}
