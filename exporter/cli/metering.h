/*
 * metering: the metrics of the traced processes, from their records to their destinations.
 *
 *   record read ─▶ metering_span(), metering_count(), …      what it adds waits for its acknowledgement
 *   receipts given back ─▶ metering_settle()                and is counted just before it
 *   every OTEL_METRIC_EXPORT_INTERVAL ─▶ otlp_add_metrics() all living processes of a destination in one request
 *
 * A process that ended is said once more, within five seconds, together with others that ended meanwhile; then it is
 * forgotten. One reader per destination, so that exports never run at the same time: what is due while one is under way
 * is left to the next interval, which says it all.
 *
 * Context: loop.
 */
#ifndef OTELSHIM_METERING_H
#define OTELSHIM_METERING_H

#include "cli/pipeline_priv.h"
#include "signals/rules/rules.h"
#include "telemetry/raw_count.h"
#include "telemetry/raw_measurement.h"
#include "telemetry/span.h"

/* Settings and resource of the process are known. */
void metering_begin(struct pipeline *pipeline, struct traced *traced);
/* The process is gone: what waits is counted, and its last export becomes due. */
void metering_end(struct pipeline *pipeline, struct traced *traced);

/* How many measurements wait now for this record's acknowledgement. `span` before limits. */
uint32_t metering_span(struct traced *traced, const struct raw_span *raw, const struct span *span);
uint32_t metering_count(struct pipeline *pipeline, struct traced *traced, const struct raw_count *raw);
uint32_t metering_measurement(struct pipeline *pipeline, struct traced *traced,
                              const struct raw_measurement *raw);
/* What rules count of a record. */
uint32_t metering_rules(struct traced *traced, const struct rule_measurement *counted, uint32_t n_counted,
                        uint64_t time_unix_ns);
/* The number that the next one will have: a record's are those from here on (cli/lanes.h). */
uint64_t metering_next(const struct traced *traced);
/* Their record is about to be acknowledged. */
void metering_settle(struct traced *traced, const struct measured_range *measured);

/* Sends what ended processes left, and what the living measured since it was last sent (at most once a second). */
void metering_flush(struct pipeline *pipeline);
/* What was counted and not exported yet, on disk for the next exporter, should this one be killed. */
void metering_checkpoint(struct pipeline *pipeline);
/* How long until the next one is due: after twenty times what the last one took [30 to 100 us for a few series]. */
uint32_t metering_checkpoint_wait_ms(const struct pipeline *pipeline);
/* Hands everything to the destinations, whatever is under way there: the exporter leaves. */
void metering_hand_over(struct pipeline *pipeline);
/* No process that ended has metrics that were not handed to a destination. */
bool metering_is_handed_over(const struct pipeline *pipeline);
/* Before the destination goes. */
void metering_fini(struct destination *destination);

#endif
