/*
 * sampler: the decision at the root of a trace.
 *
 * Context: hot, async-signal-safe. Source: OTel spec, trace SDK, "Built-in samplers"; the ratio by the consistent
 * probability rule (least 56 bits of the trace id against a threshold), which satisfies both the stable
 * TraceIdRatioBased requirements and its successor.
 */
#ifndef OTELSHIM_SAMPLER_H
#define OTELSHIM_SAMPLER_H

#include "settings.h"

/* Threshold for a ratio given as text, "0" to "1". False: not such a number. */
bool sampler_parse_ratio(const char *text, uint64_t *ret_threshold);

bool sampler_is_sampled(const struct shim_settings *settings, const uint8_t trace_id[16]);

/* Are all facts of a span with these flags to be recorded, or only those that metrics need? */
static inline bool sampler_wants_all(uint8_t span_flags)
{
    return (span_flags & WIRE_SPAN_SAMPLED) || settings_get()->keep_all;
}

#endif
