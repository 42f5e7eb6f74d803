/*
 * sampler: the decision at the root of a trace, and what the exporter may change about it while the program runs.
 *
 * Context: hot, async-signal-safe. Source: OTel spec, trace SDK, "Built-in samplers"; the ratio by the consistent
 * probability rule (least 56 bits of the trace id against a threshold of four digits, as the rule has it), which satisfies
 * both the stable TraceIdRatioBased requirements and its successor.
 *
 * The live settings word (WIRE_LIVE_* in wire.h) replaces what the process began with: the exporter writes it when
 * otelshim.conf changes. It lies in the line that dropbox_ring() reads anyway.
 */
#ifndef OTELSHIM_SAMPLER_H
#define OTELSHIM_SAMPLER_H

#include "dropbox.h"
#include "settings.h"

/* At a root of this process. */
bool sampler_is_sampled(const struct shim_settings *settings, const uint8_t trace_id[16]);
/* Under the parent that the process was given (TRACEPARENT). */
bool sampler_is_child_sampled(const struct shim_settings *settings, const struct span_context *parent);

/* The live settings word: 0 as started. */
static inline uint32_t sampler_live(const struct dropbox *box)
{
    return __atomic_load_n(&box->exporter->settings, __ATOMIC_RELAXED);
}

/* Was recording switched off since the start? Asked at every begin: a load, a test, a jump. */
static inline bool sampler_is_off(const struct dropbox *box)
{
    return __builtin_expect(sampler_live(box) & WIRE_LIVE_OFF, 0);
}

/* Of a span that is not sampled: are all its facts wanted all the same (OTELSHIM_KEEP)? */
bool sampler_keeps_all(void);

/* Are all facts of a span with these flags to be recorded, or only those that metrics need? */
static inline bool sampler_wants_all(uint8_t span_flags)
{
    return (span_flags & WIRE_SPAN_SAMPLED) || sampler_keeps_all();
}

/* The same for who has asked for the live word just now. */
static inline bool sampler_wants_all_under(uint32_t live, uint8_t span_flags)
{
    if (span_flags & WIRE_SPAN_SAMPLED)
        return true;
    return __builtin_expect(!live, 1) ? settings_get()->keep_all : sampler_keeps_all();
}

/* The same for who has asked for the file just now: `box` is dropbox_file(). */
static inline bool sampler_wants_all_in(const struct dropbox *box, uint8_t span_flags)
{
    return sampler_wants_all_under(sampler_live(box), span_flags);
}

#endif
