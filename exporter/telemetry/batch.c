/* batch: see batch.h. */
#include "telemetry/batch.h"

#include <stdlib.h>

#define FIRST_RECEIPTS 16u
#define FIRST_RESOURCES 4u
#define FIRST_RECORDS 16u

static void *grow(void *items, uint32_t *max, uint32_t first, size_t item_bytes)
{
    uint32_t new_max = *max ? *max * 2 : first;
    void *grown = realloc(items, new_max * item_bytes);
    if (!grown)
        abort(); /* as the arena does: the exporter is restarted and finds everything in the drop box */
    *max = new_max;
    return grown;
}

/* A span shows its resource read-only; the batch is the one that counts references to it. */
static struct resource *counted(const struct resource *resource)
{
    union {
        const struct resource *shown;
        struct resource *counted;
    } both = {.shown = resource};
    return both.counted;
}

struct batch *batch_create(uint32_t max_spans)
{
    struct batch *batch = calloc(1, sizeof(*batch));
    if (!batch)
        abort();
    if (max_spans)
        batch->spans = grow(NULL, &batch->max_spans, max_spans, sizeof(struct span *));
    batch->n_references = 1;
    return batch;
}

struct batch *batch_reference(struct batch *batch)
{
    batch->n_references++;
    return batch;
}

void batch_release(struct batch *batch)
{
    if (!batch || --batch->n_references > 0)
        return;
    for (uint32_t i = 0; i < batch->n_resources; i++)
        resource_release(counted(batch->resources[i]));
    free(batch->resources);
    free(batch->spans);
    free(batch->records);
    free(batch->receipts);
    arena_fini(&batch->arena);
    free(batch);
}

/* Neighbours nearly always share one; twice is no harm. */
static void hold_resource(struct batch *batch, const struct resource *resource)
{
    if (!resource || (batch->n_resources && batch->resources[batch->n_resources - 1] == resource))
        return;
    if (batch->n_resources == batch->max_resources)
        batch->resources =
            grow(batch->resources, &batch->max_resources, FIRST_RESOURCES, sizeof(struct resource *));
    batch->resources[batch->n_resources++] = resource;
    resource_reference(counted(resource));
}

void batch_add_span(struct batch *batch, struct span *span)
{
    if (batch->n_spans == batch->max_spans)
        batch->spans = grow(batch->spans, &batch->max_spans, 1, sizeof(struct span *));
    hold_resource(batch, span->resource);
    batch->spans[batch->n_spans++] = span;
}

void batch_add_record(struct batch *batch, struct log_record *record)
{
    if (batch->n_spans == batch->max_records)
        batch->records =
            grow(batch->records, &batch->max_records, FIRST_RECORDS, sizeof(struct log_record *));
    hold_resource(batch, record->resource);
    batch->records[batch->n_spans++] = record;
}

/* Records come chunk by chunk, so the receipt to replace is nearly always the last. */
void batch_add_receipt(struct batch *batch, const struct receipt *receipt)
{
    if (receipt->kind == RECEIPT_NONE)
        return;
    for (uint32_t i = batch->n_receipts; i-- > 0;) {
        struct receipt *known = &batch->receipts[i];
        if (known->index == receipt->index && known->client == receipt->client &&
            known->kind == receipt->kind) {
            known->word = receipt->word;
            known->n_spans += receipt->n_spans;
            known->n_measured += receipt->n_measured;
            return;
        }
    }
    if (batch->n_receipts == batch->max_receipts)
        batch->receipts = grow(batch->receipts, &batch->max_receipts, FIRST_RECEIPTS, sizeof(struct receipt));
    batch->receipts[batch->n_receipts++] = *receipt;
}
