/*
 * derive: what a record adds to the metrics of its process, sampled or not.
 *
 *     record read ─▶ derive_span(), derive_count() ─▶ waiting ─▶ record acknowledged ─▶ derive_settle() ─▶ series
 *
 * Which calls: every HTTP request (a span with http.request.method) is one of http.client.request.duration; every database
 * call but connecting is one of db.client.operation.duration: statements, commands, each of a pipeline, preparing one
 * (it is a round trip of its own); those that say how many rows came are one of db.client.response.returned_rows, too.
 * Calls that were open when their process died are counted with what they took until then. Roots are no calls.
 *
 * A span that has the names of before the conventions were stable (spans/old_names.h) is counted under those, too:
 * http.client.duration, in milliseconds, and db.client.connections.usage. db.client.operation.duration is new.
 *
 * Attributes are the span's own, so error.type is the same; left out are those that tell single calls apart (url.full,
 * db.query.text) and network.peer.*, which unsampled records do not have: exemplars show it. Context: loop.
 */
#ifndef OTELSHIM_DERIVE_H
#define OTELSHIM_DERIVE_H

#include "signals/metrics/aggregate.h"
#include "telemetry/raw_count.h"
#include "telemetry/raw_span.h"
#include "telemetry/span.h"

/* `span` is what was assembled of `raw`, before any limit was applied. True: something waits for derive_settle(). */
bool derive_span(struct metric_set *set, const struct raw_span *raw, const struct span *span);
/* `span` as a call with the count's facts would be assembled. Returns how many wait. */
uint32_t derive_count(struct metric_set *set, const struct raw_count *raw, const struct span *span);
/* The number of the next that will wait. */
uint64_t derive_next(const struct metric_set *set);
/* Those `n` from `first` on are counted now: their records are about to be acknowledged. */
void derive_settle(struct metric_set *set, uint64_t first, uint32_t n);
/* All that wait. */
void derive_settle_all(struct metric_set *set);

#endif
