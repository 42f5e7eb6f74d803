/*
 * metering_self: the exporter's own numbers, with the metrics of the programs that it serves (OTELSHIM_SELF_METRICS).
 *
 *   records read, exports that are over, alerts ─▶ counted here as they happen, or asked for at a collection
 *   collection of the home destination          ─▶ one more resource: service.name "otelshim"
 *
 * Home is one destination of metrics, so that nothing is told twice: the first that a program of this exporter's own user asked for; for
 * a service that only serves others the one of its own settings, where they name an endpoint. Other users' destinations never hear of it.
 *
 * It wakes nobody: the numbers go with the interval that programs have, and with the last export of programs that ended; at the end, or
 * for `flush`, also alone, where something happened since. Exports of metrics are told like all others, but are no reason to tell.
 *
 * Context: loop.
 */
#ifndef OTELSHIM_METERING_SELF_H
#define OTELSHIM_METERING_SELF_H

#include "cli/pipeline_priv.h"

struct self_metering;

void metering_self_start(struct pipeline *pipeline);
void metering_self_stop(struct pipeline *pipeline);

/* A span or a log record of a program was read. */
void metering_self_span(struct pipeline *pipeline, bool is_sampled);
void metering_self_log(struct pipeline *pipeline);
/* A process comes: what earlier exporters told of its drops is not told again. */
void metering_self_begin(struct pipeline *pipeline, struct traced *traced);
/* A process goes, its counts are known. */
void metering_self_end(struct pipeline *pipeline, struct traced *traced, const struct dropbox_counts *counts);
/* As otlp_events.on_result; `context` is the destination. */
void metering_self_result(void *context, const struct otlp_result *result);
/* Before the destination goes. */
void metering_self_forget(struct pipeline *pipeline, struct destination *destination);

/* A program asks for this destination of metrics: it may become home. */
void metering_self_offer(struct pipeline *pipeline, struct destination *destination);
/* NULL: none yet. */
struct destination *metering_self_home(const struct pipeline *pipeline);
/* Something happened that was not told yet. */
bool metering_self_has_news(const struct pipeline *pipeline);
/* Appends the resource. */
void metering_self_collect(struct pipeline *pipeline, struct metric_collection *collection,
                           uint64_t now_unix_ns);
/* How long a collection took. */
void metering_self_collected(struct destination *destination, uint64_t duration_ns);

#endif
