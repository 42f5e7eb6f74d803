/*
 * keep: OTELSHIM_KEEP: spans of traces that were not sampled wait here until this process's part of their trace is over, and are
 * exported all if one of them failed or was slow.
 *
 * A part is over when the root of its episode, or a span without a parent, has come; a part under the process's TRACEPARENT
 * when nothing came for a second; any when the process has ended. From the first bad span on, the part is exported as it comes.
 * What waits too long, or is too much, is let go and counted.
 *
 * Context: loop. Ownership: a span that waits is a copy; the process that it is of must outlive it.
 */
#ifndef OTELSHIM_KEEP_H
#define OTELSHIM_KEEP_H

#include "settings/settings.h"
#include "telemetry/batch.h"
#include "telemetry/raw_span.h"

#define KEEP_MAX_BYTES (8u << 20) /* of all processes together */
#define KEEP_MAX_PARTS 4096u      /* of one process */
#define KEEP_IDLE_MS 1000u        /* a part under TRACEPARENT */
#define KEEP_MAX_AGE_MS 90000u    /* episodes are cut after 60 s */

struct keep;

/* What became of a span that waited. May be called from within keep_hold(), keep_look() and keep_relieve(). */
typedef void (*keep_decide_fn)(void *context, const struct raw_span *raw, const struct receipt *receipt,
                               bool is_kept);

struct keep_counts {
    uint64_t kept;    /* spans exported though not sampled */
    uint64_t dropped; /* let go before their part was over */
    uint32_t held;    /* waiting now */
};

/* `total_bytes` is what all keeps together hold. */
struct keep *keep_create(size_t *total_bytes, keep_decide_fn decide, void *context);
/* What still waits is forgotten: its receipts were not given back, the next exporter reads it again. NULL is fine. */
void keep_destroy(struct keep *keep);

/* A span that was not sampled. */
void keep_hold(struct keep *keep, const struct settings *settings, const struct raw_span *raw,
               const struct receipt *receipt, uint64_t now_ms);
/* Parts that are over by time; all of them when the process has ended. */
void keep_look(struct keep *keep, bool has_ended, uint64_t now_ms);
/* The pool is short: what waits is let go. */
void keep_relieve(struct keep *keep);
struct keep_counts keep_get_counts(const struct keep *keep);

#endif
