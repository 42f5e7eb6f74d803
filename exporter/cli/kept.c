/*
 * kept: OTELSHIM_KEEP joined to the pipes: which spans wait, and what becomes of their receipts.
 *
 * A process has a keep and lanes from the first settings on that ask for them until it is gone: tickets may be out.
 */
#include "cli/metering.h"
#include "cli/pipeline_priv.h"

/* The span waited, and its part of the trace is over. */
static void decide(void *context, const struct raw_span *raw, const struct receipt *placed, bool is_kept)
{
    struct traced *traced = context;
    struct raw_span kept = *raw;
    kept.is_kept = is_kept;
    pipeline_deliver(traced->pipeline, traced, &kept, placed);
}

void kept_prepare(struct pipeline *pipeline, struct traced *traced)
{
    bool is_wanted = settings_keep(traced->process->settings);
    if (is_wanted && !traced->keep) {
        traced->keep = keep_create(&pipeline->held_bytes, decide, traced);
        traced->lanes = lanes_create();
        pipeline->n_keepers++;
    }
    if (!is_wanted && traced->keep)
        keep_look(traced->keep, true, loop_now_ms(pipeline->loop));
}

void kept_release(struct pipeline *pipeline, struct traced *traced)
{
    if (!traced->keep)
        return;
    traced->keep_counts = keep_get_counts(traced->keep);
    keep_destroy(traced->keep);
    lanes_destroy(traced->lanes);
    traced->keep = NULL;
    traced->lanes = NULL;
    pipeline->n_keepers--;
}

void kept_take(struct pipeline *pipeline, struct traced *traced, const struct raw_span *raw,
               const struct receipt *receipt)
{
    const struct settings *settings = traced->process->settings;
    if (!traced->lanes) {
        pipeline_deliver(pipeline, traced, raw, receipt);
        return;
    }
    struct receipt placed = lanes_enter(traced->lanes, receipt);
    bool may_wait = settings_keep(settings) && !(settings->live & WIRE_LIVE_OFF) &&
                    (traced->destination || traced->is_shown);
    if (may_wait && !(raw->span.flags & WIRE_SPAN_SAMPLED))
        keep_hold(traced->keep, settings, raw, &placed, loop_now_ms(pipeline->loop));
    else
        pipeline_deliver(pipeline, traced, raw, &placed);
}

void kept_look(struct pipeline *pipeline, bool is_short)
{
    struct traced *traced, *next;
    if (!pipeline->n_keepers)
        return;
    HASH_ITER(hh, pipeline->traced, traced, next)
    {
        if (!traced->keep)
            continue;
        keep_look(traced->keep, traced->process->has_ended, loop_now_ms(pipeline->loop));
        if (is_short)
            keep_relieve(traced->keep);
    }
}

void kept_acknowledge(struct pipeline *pipeline, const struct receipt *receipts, uint32_t n_receipts)
{
    traced_count(pipeline, receipts, n_receipts);
    metering_checkpoint(pipeline);
    if (!pipeline->n_keepers) {
        dropbox_acknowledge(pipeline->dropbox, receipts, n_receipts);
        return;
    }
    for (uint32_t i = 0; i < n_receipts; i++) {
        struct receipt receipt = receipts[i];
        bool is_ticket = (unsigned)receipt.kind & RECEIPT_TICKET;
        const struct traced *traced = is_ticket ? traced_of_client(pipeline, receipt.client) : NULL;
        if (!is_ticket || (traced && traced->lanes && lanes_return(traced->lanes, &receipts[i], &receipt)))
            dropbox_acknowledge(pipeline->dropbox, &receipt, 1);
    }
}
