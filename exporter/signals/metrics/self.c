/* self: see self.h. */
#include "signals/metrics/self.h"

#include "signals/metrics/aggregate_priv.h"

#define SCOPE "otelshim.exporter"
#define SCOPE_INDEX 0u

static const double no_bounds[1]; /* one bucket: the conventions advise no boundaries */

#define COUNTER(name, unit, description)                     \
    {                                                        \
        name, unit, description, NULL, 0, INSTRUMENT_COUNTER \
    }
#define LEVEL(name, unit, description)                                      \
    {                                                                       \
        name, unit, description, NULL, 0, INSTRUMENT_CUSTOM_UP_DOWN_COUNTER \
    }
#define DURATION(name, description)                                \
    {                                                              \
        name, "s", description, no_bounds, 0, INSTRUMENT_HISTOGRAM \
    }

static const struct instrument_row rows[N_SELF_METRICS] = {
    [SELF_SPAN_STARTED] = COUNTER("otel.sdk.span.started", "{span}", "The number of created spans."),
    [SELF_SPAN_LIVE] =
        LEVEL("otel.sdk.span.live", "{span}",
              "The number of created spans for which the end operation has not been called yet."),
    [SELF_LOG_CREATED] = COUNTER("otel.sdk.log.created", "{log_record}",
                                 "The number of log records submitted to an enabled logger."),
    [SELF_SPAN_QUEUE_SIZE] = LEVEL("otel.sdk.processor.span.queue.size", "{span}",
                                   "The number of spans in the queue of a span processor."),
    [SELF_SPAN_QUEUE_CAPACITY] = LEVEL("otel.sdk.processor.span.queue.capacity", "{span}",
                                       "The maximum number of spans the queue can hold."),
    [SELF_SPAN_PROCESSED] =
        COUNTER("otel.sdk.processor.span.processed", "{span}",
                "The number of spans for which the processing has finished, either successful or failed."),
    [SELF_LOG_QUEUE_SIZE] = LEVEL("otel.sdk.processor.log.queue.size", "{log_record}",
                                  "The number of log records in the queue of a log processor."),
    [SELF_LOG_QUEUE_CAPACITY] = LEVEL("otel.sdk.processor.log.queue.capacity", "{log_record}",
                                      "The maximum number of log records the queue can hold."),
    [SELF_LOG_PROCESSED] = COUNTER(
        "otel.sdk.processor.log.processed", "{log_record}",
        "The number of log records for which the processing has finished, either successful or failed."),
    [SELF_SPAN_INFLIGHT] = LEVEL("otel.sdk.exporter.span.inflight", "{span}",
                                 "The number of spans which were passed to the exporter, but that have not "
                                 "been exported yet."),
    [SELF_POINT_INFLIGHT] = LEVEL("otel.sdk.exporter.metric_data_point.inflight", "{data_point}",
                                  "The number of metric data points which were passed to the exporter, but "
                                  "that have not been exported yet."),
    [SELF_LOG_INFLIGHT] = LEVEL("otel.sdk.exporter.log.inflight", "{log_record}",
                                "The number of log records which were passed to the exporter, but that have "
                                "not been exported yet."),
    [SELF_SPAN_EXPORTED] =
        COUNTER("otel.sdk.exporter.span.exported", "{span}",
                "The number of spans for which the export has finished, either successful or failed."),
    [SELF_POINT_EXPORTED] = COUNTER(
        "otel.sdk.exporter.metric_data_point.exported", "{data_point}",
        "The number of metric data points for which the export has finished, either successful or failed."),
    [SELF_LOG_EXPORTED] =
        COUNTER("otel.sdk.exporter.log.exported", "{log_record}",
                "The number of log records for which the export has finished, either successful or failed."),
    [SELF_OPERATION_DURATION] = DURATION("otel.sdk.exporter.operation.duration",
                                         "The duration of exporting a batch of telemetry records."),
    [SELF_COLLECTION_DURATION] = DURATION("otel.sdk.metric_reader.collection.duration",
                                          "The duration of the collect operation of the metric reader."),
    [SELF_PROCESSES] = LEVEL("otelshim.processes", "{process}", "Programs that are being traced."),
    [SELF_RETRIES] = COUNTER("otelshim.exporter.retries", "{retry}", "Requests that were sent once more."),
    [SELF_SPOOL_SIZE] = LEVEL("otelshim.spool.size", "By", "Size of what waits on disk."),
    [SELF_SPOOL_BATCHES] = LEVEL("otelshim.spool.batches", "{batch}", "Requests that wait on disk."),
    [SELF_ALERTS_RAISED] = COUNTER("otelshim.alerts.raised", "{alert}", "What was worth telling a person."),
    [SELF_ALERTS_SENT] = COUNTER("otelshim.alerts.sent", "{message}", "Messages that were taken."),
    [SELF_ALERTS_SUPPRESSED] = COUNTER("otelshim.alerts.suppressed", "{alert}",
                                       "Alerts that were told by number: the same, or too many at once."),
    [SELF_ALERTS_DROPPED] = COUNTER("otelshim.alerts.dropped", "{alert}", "Notices that found no room."),
    [SELF_ALERTS_REFUSED] =
        COUNTER("otelshim.alerts.refused", "{message}", "Messages that will never be taken."),
    [SELF_ALERTS_WAITING] = LEVEL("otelshim.alerts.waiting", "{message}", "Messages that are not sent yet."),
};

struct metric_set *self_create(struct resource *resource, uint64_t start_unix_ns)
{
    static const struct settings cumulative = {.temporality = PREFER_CUMULATIVE,
                                               .exemplars = EXEMPLARS_ALWAYS_OFF};
    return metric_set_create(&cumulative, resource, start_unix_ns);
}

static struct series *find(struct metric_set *set, enum self_metric metric,
                           const struct attributes *attributes)
{
    struct stream *stream = metric_set_stream(set, &rows[metric], SCOPE_INDEX, SCOPE);
    return stream_find(set, stream, attributes ? attributes->items : NULL, attributes ? attributes->n : 0);
}

static int64_t bounded(uint64_t n)
{
    return n < INT64_MAX ? (int64_t)n : INT64_MAX;
}

void self_add(struct metric_set *set, enum self_metric metric, const struct attributes *attributes,
              uint64_t n)
{
    const struct measured measured = {.number = bounded(n)};
    if (n)
        series_add(set, find(set, metric, attributes), &measured, NULL);
}

void self_set(struct metric_set *set, enum self_metric metric, const struct attributes *attributes,
              uint64_t n)
{
    struct series *series = find(set, metric, attributes);
    const struct measured measured = {.number = bounded(n) - series->sum};
    series_add(set, series, &measured, NULL);
}

void self_record(struct metric_set *set, enum self_metric metric, const struct attributes *attributes,
                 double seconds)
{
    series_record(set, find(set, metric, attributes), seconds, NULL);
}
