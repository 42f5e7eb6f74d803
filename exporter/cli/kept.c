/*
 * kept: OTELSHIM_KEEP joined to the pipes: which spans wait; and what becomes of all receipts when they come back.
 *
 * A process has a keep from the first settings on that ask for one until it is gone.
 */
#include "cli/alerting.h"
#include "cli/callstacks.h"
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
    traced->keep = NULL;
    pipeline->n_keepers--;
}

void kept_take(struct pipeline *pipeline, struct traced *traced, const struct raw_span *raw,
               const struct receipt *receipt)
{
    struct receipt placed = lanes_enter(traced->lanes, receipt);
    /* One that waits for its trace's end must not come behind it. */
    bool is_for_keep = traced->keep && !(raw->span.flags & WIRE_SPAN_SAMPLED);
    if (is_for_keep || !callstacks_hold_span(pipeline, traced, raw, &placed))
        kept_pass(pipeline, traced, raw, &placed);
}

void kept_pass(struct pipeline *pipeline, struct traced *traced, const struct raw_span *raw,
               const struct receipt *placed)
{
    const struct settings *settings = traced->process->settings;
    bool may_wait = traced->keep && settings_keep(settings) && !(settings->live & WIRE_LIVE_OFF) &&
                    (traced->destination || traced->is_shown);
    if (!may_wait || (raw->span.flags & WIRE_SPAN_SAMPLED)) {
        pipeline_deliver(pipeline, traced, raw, placed);
        return;
    }
    struct raw_span waiting = *raw;
    if (alerting_wants(traced)) { /* people do not wait for its trace's end */
        alerting_span_early(traced, raw);
        waiting.is_judged = true;
    }
    keep_hold(traced->keep, settings, &waiting, placed, loop_now_ms(pipeline->loop));
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

static void settle(void *context, const struct measured_range *measured)
{
    metering_settle(context, measured);
}

/* What came back becomes what may be acknowledged, in place. Returns how many. */
static uint32_t take_back(struct pipeline *pipeline, struct receipt *tickets, uint32_t n_tickets)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < n_tickets; i++) {
        struct traced *traced = traced_of_client(pipeline, tickets[i].client);
        if (!traced)
            continue; /* it is gone, and its file */
        traced->exported += tickets[i].n_spans;
        n += lanes_return(traced->lanes, &tickets[i], settle, traced, &tickets[n]);
    }
    return n;
}

void kept_acknowledge(struct pipeline *pipeline, struct receipt *tickets, uint32_t n_tickets)
{
    uint32_t n = take_back(pipeline, tickets, n_tickets);
    metering_checkpoint(pipeline);
    dropbox_acknowledge(pipeline->dropbox, tickets, n);
}
