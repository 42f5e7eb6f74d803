/*
 * encode_metrics: a collection → the bytes of an ExportMetricsServiceRequest.
 *
 * Context: loop. What comes out is what protobuf-c makes of the same points: tests/unit/test_encode_metrics decodes it with
 * the schema of proto/metrics.proto.
 */
#ifndef OTELSHIM_ENCODE_METRICS_H
#define OTELSHIM_ENCODE_METRICS_H

#include "outputs/otlp/encode_trace.h"
#include "telemetry/metric.h"

/* 0, or -EMSGSIZE where the request would be larger than `max_bytes`. `ret_body` is overwritten, its memory reused. */
int encode_metrics(const struct metric_collection *collection, size_t max_bytes, struct body *ret_body);

#endif
