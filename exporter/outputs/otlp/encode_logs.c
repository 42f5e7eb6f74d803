/* encode_logs: see encode_logs.h. As in writer.h, the last field comes first. */
#include "outputs/otlp/encode_logs.h"

#include "outputs/otlp/write_scope.h"
#include "outputs/otlp/write_span.h"
#include <errno.h>

/* Field numbers of logs_service.proto, logs.proto and common.proto. */
enum { REQUEST_RESOURCE_LOGS = 1 };
enum { RECORD_TIME = 1, RECORD_SEVERITY, RECORD_SEVERITY_TEXT, RECORD_BODY = 5, RECORD_ATTRIBUTES };
enum {
    RECORD_DROPPED_ATTRIBUTES = 7,
    RECORD_FLAGS,
    RECORD_TRACE_ID,
    RECORD_SPAN_ID,
    RECORD_OBSERVED,
    RECORD_EVENT_NAME
};
enum { VALUE_STRING = 1 };

#define MAX_FIELDS_BYTES (12 * WRITER_MAX_FIELD_BYTES)

static uint8_t *write_ids(uint8_t *at, const struct log_record *record)
{
    if (record->has_span)
        at = put_bytes(at, RECORD_SPAN_ID, record->span_id, sizeof(record->span_id));
    if (record->has_trace)
        at = put_bytes(at, RECORD_TRACE_ID, record->trace_id, sizeof(record->trace_id));
    return at;
}

static uint8_t *write_body(struct writer *writer, uint8_t *at, const struct text *text)
{
    size_t before = writer_bytes(writer, at);
    at = writer_reserve(writer, at, text->n_bytes + 3 * WRITER_MAX_FIELD_BYTES);
    at = put_bytes(at, VALUE_STRING, text->bytes, text->n_bytes);
    return put_message(writer, at, RECORD_BODY, before);
}

static uint8_t *write_record(struct writer *writer, uint8_t *at, const struct log_record *record)
{
    size_t before = writer_bytes(writer, at);
    at = write_text(writer, at, RECORD_EVENT_NAME, record->event_name);
    at = writer_reserve(writer, at, MAX_FIELDS_BYTES);
    at = put_fixed64(at, RECORD_OBSERVED, record->observed_unix_ns);
    at = write_ids(at, record);
    if (record->flags)
        at = put_fixed32(at, RECORD_FLAGS, record->flags & 0xff);
    if (record->attributes.n_dropped)
        at = put_number(at, RECORD_DROPPED_ATTRIBUTES, record->attributes.n_dropped);
    at = write_attributes(writer, at, RECORD_ATTRIBUTES, &record->attributes);
    at = write_body(writer, at, &record->body);
    at = write_text(writer, at, RECORD_SEVERITY_TEXT, record->severity_text);
    at = writer_reserve(writer, at, 3 * WRITER_MAX_FIELD_BYTES);
    at = put_number(at, RECORD_SEVERITY, record->severity);
    if (record->time_unix_ns)
        at = put_fixed64(at, RECORD_TIME, record->time_unix_ns);
    return put_message(writer, at, OF_SCOPE_ITEMS, before);
}

int encode_log(const struct log_record *record, size_t max_bytes, struct body *ret_body)
{
    struct writer writer = {ret_body->memory, ret_body->max_bytes};
    uint8_t *at = writer_reserve(&writer, writer_end(&writer), WRITER_MAX_FIELD_BYTES);
    at = write_text(&writer, at, OF_RESOURCE_SCHEMA_URL,
                    record->resource ? record->resource->schema_url : NULL);
    size_t before = writer_bytes(&writer, at);
    at = write_text(&writer, at, OF_SCOPE_SCHEMA_URL, SCHEMA_URL);
    at = write_record(&writer, at, record);
    at = write_scope(&writer, at, record->scope ? record->scope : "");
    at = writer_reserve(&writer, at, 2 * WRITER_MAX_FIELD_BYTES);
    at = put_message(&writer, at, OF_RESOURCE_SCOPES, before);
    at = write_resource(&writer, at, record->resource);
    at = writer_reserve(&writer, at, WRITER_MAX_FIELD_BYTES);
    at = put_message(&writer, at, REQUEST_RESOURCE_LOGS, 0);
    size_t n_bytes = writer_bytes(&writer, at);
    *ret_body = (struct body){at, n_bytes, writer.memory, writer.max_bytes};
    return n_bytes <= max_bytes ? 0 : -EMSGSIZE;
}
