/*
 * encode_logs: a log record → the bytes of an ExportLogsServiceRequest.
 *
 * One record a request: what is logged so far are crashes. Context: loop. What comes out is what protobuf-c makes of the same
 * record: tests/unit/test_encode_logs decodes it with the schema of proto/logs.proto.
 */
#ifndef OTELSHIM_ENCODE_LOGS_H
#define OTELSHIM_ENCODE_LOGS_H

#include "outputs/otlp/encode_trace.h"
#include "telemetry/log_record.h"

/* 0, or -EMSGSIZE where the request would be larger than `max_bytes`. `ret_body` is overwritten, its memory reused. */
int encode_log(const struct log_record *record, size_t max_bytes, struct body *ret_body);

#endif
