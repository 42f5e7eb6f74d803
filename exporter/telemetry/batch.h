/*
 * batch: spans, log records, or an encoded request, on their way to one destination, and the receipts of where they came from.
 *
 * A receipt is handed back once the batch is delivered, spooled, or given up and counted: only then is it
 * acknowledged in the mapped file (at-least-once; facts "hand-over" 4). Receipts of one batch are handed back in order.
 *
 * Context: loop. Ownership: the batch owns its arena and with it all spans; destroyed by whoever took it last.
 */
#ifndef OTELSHIM_BATCH_H
#define OTELSHIM_BATCH_H

#include "telemetry/log_record.h"
#include "telemetry/resource.h"
#include "telemetry/span.h"

enum receipt_kind {
    RECEIPT_NONE,
    RECEIPT_CHUNK, /* E of chunk `index` may become `word` */
    RECEIPT_ROOT,  /* root `word` of thread slot `index` was exported from the slot */
    RECEIPT_DEATH, /* the open spans of the dead process were exported */
    /* a flag: `word` is a ticket of cli/lanes.h, which knows the receipt it stands for */
    RECEIPT_TICKET = 16,
    RECEIPT_LOGS = 32, /* with it: it went the way of log records */
};

struct receipt {
    uint64_t client; /* the source's name for where it came from */
    uint64_t word;
    uint32_t index;
    enum receipt_kind kind;
    uint32_t n_spans;    /* that it stands for: counted by whoever gets it back; the source leaves it 0 */
    uint32_t n_measured; /* of its records, waiting to be counted in metrics; likewise */
};

struct batch {
    struct arena arena;
    struct span **spans;
    const struct resource **resources; /* of the spans: referenced until the batch goes */
    uint32_t n_resources, max_resources;
    uint32_t n_spans, max_spans; /* of an encoded request: its data points; of logs: records */
    struct log_record **records; /* in place of spans; a batch has either */
    uint32_t max_records;
    const void
        *encoded; /* a whole request before compression, in the arena; then there are no spans. NULL: none */
    size_t encoded_bytes;
    struct receipt *receipts;
    uint32_t n_receipts, max_receipts;
    uint32_t n_references; /* several consumers may hold it; see batch_release() */
};

struct batch *batch_create(uint32_t max_spans);
struct batch *batch_reference(struct batch *batch);
void batch_release(struct batch *batch);
/* The span lives in batch->arena and its resource is referenced until the batch goes. */
void batch_add_span(struct batch *batch, struct span *span);
/* Likewise. */
void batch_add_record(struct batch *batch, struct log_record *record);
/* Receipts of one (client, kind, index) replace each other: the last word counts, n_spans add up. */
void batch_add_receipt(struct batch *batch, const struct receipt *receipt);

#endif
