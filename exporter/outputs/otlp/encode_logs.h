/*
 * encode_logs: log records → the bytes of an ExportLogsServiceRequest.
 *
 * Context: loop. What comes out is what protobuf-c makes of the same
 * record: tests/unit/test_encode_logs decodes it with the schema of proto/logs.proto.
 */
#ifndef OTELSHIM_ENCODE_LOGS_H
#define OTELSHIM_ENCODE_LOGS_H

#include "outputs/otlp/encode_trace.h"
#include "telemetry/log_record.h"

/* 0, or -EMSGSIZE where the request would be larger than `max_bytes`. `ret_body` is overwritten, its memory reused. */
int encode_logs(const struct log_record *const *records, uint32_t n_records, size_t max_bytes,
                struct body *ret_body);

#endif
