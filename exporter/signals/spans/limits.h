/*
 * limits: OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT (of events, too), …_COUNT_LIMIT, OTEL_SPAN_EVENT_COUNT_LIMIT and
 * OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT; those of log records.
 *
 * Context: loop. What goes is counted in the span's n_dropped fields (OTel spec, "Attribute Limits"). Values are cut at
 * characters, not bytes; the arena is the span's.
 */
#ifndef OTELSHIM_LIMITS_H
#define OTELSHIM_LIMITS_H

#include "settings/settings.h"
#include "telemetry/log_record.h"
#include "telemetry/span.h"

void limits_apply(struct span *span, struct arena *arena, const struct settings *settings);
/* OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT and …_COUNT_LIMIT; the body has none. */
void limits_apply_log(struct log_record *record, struct arena *arena, const struct settings *settings);

#endif
