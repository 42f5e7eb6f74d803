/*
 * self: the exporter's own numbers as metrics (docs "Monitoring must itself be monitored").
 *
 * Names of OpenTelemetry's SDKs where they have one (semantic conventions 1.44, otel.sdk.*: development), else otelshim.*: own
 * namespace, plural of what is counted, no unit in the name. One resource, of the exporter; cumulative, whatever programs prefer.
 *
 * Context: loop. Ownership: the set is a struct metric_set; attributes are copied, their keys are literals.
 */
#ifndef OTELSHIM_METRICS_SELF_H
#define OTELSHIM_METRICS_SELF_H

#include "signals/metrics/aggregate.h"
#include "telemetry/machine_state.h"

enum self_metric {
    SELF_SPAN_STARTED,
    SELF_SPAN_LIVE,
    SELF_LOG_CREATED,
    SELF_SPAN_QUEUE_SIZE, /* and the same of logs, in the same order */
    SELF_SPAN_QUEUE_CAPACITY,
    SELF_SPAN_PROCESSED,
    SELF_LOG_QUEUE_SIZE,
    SELF_LOG_QUEUE_CAPACITY,
    SELF_LOG_PROCESSED,
    SELF_SPAN_INFLIGHT, /* by signal: traces, metrics, logs */
    SELF_POINT_INFLIGHT,
    SELF_LOG_INFLIGHT,
    SELF_SPAN_EXPORTED,
    SELF_POINT_EXPORTED,
    SELF_LOG_EXPORTED,
    SELF_OPERATION_DURATION,
    SELF_COLLECTION_DURATION,
    SELF_PROCESSES,
    SELF_RETRIES,
    SELF_SPOOL_SIZE,
    SELF_SPOOL_BATCHES,
    SELF_ALERTS_RAISED,
    SELF_ALERTS_SENT,
    SELF_ALERTS_SUPPRESSED,
    SELF_ALERTS_DROPPED,
    SELF_ALERTS_REFUSED,
    SELF_ALERTS_WAITING,
    N_SELF_METRICS
};

struct metric_set *self_create(struct resource *resource, uint64_t start_unix_ns);
/* A counter; nothing where `n` is 0. */
void self_add(struct metric_set *set, enum self_metric metric, const struct attributes *attributes,
              uint64_t n);
/* What there is of something now. */
void self_set(struct metric_set *set, enum self_metric metric, const struct attributes *attributes,
              uint64_t n);
void self_record(struct metric_set *set, enum self_metric metric, const struct attributes *attributes,
                 double seconds);

/*
 * hw.* and otelshim.host.*: appended to the resource that was collected last, the host's. Attributes are the collection's. Counters began
 * with the machine.
 */
void observe_machine(struct metric_collection *collection, const struct machine_state *state,
                     uint64_t now_unix_ns);

#endif
