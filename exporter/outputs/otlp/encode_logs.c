/* encode_logs: see encode_logs.h. As in writer.h, the last field comes first. */
#include "outputs/otlp/encode_logs.h"

#include "outputs/otlp/write_scope.h"
#include "outputs/otlp/write_span.h"
#include <errno.h>
#include <string.h>

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
    if (record->body.bytes)
        at = write_body(writer, at, &record->body);
    at = write_text(writer, at, RECORD_SEVERITY_TEXT, record->severity_text);
    at = writer_reserve(writer, at, 3 * WRITER_MAX_FIELD_BYTES);
    if (record->severity)
        at = put_number(at, RECORD_SEVERITY, record->severity);
    if (record->time_unix_ns)
        at = put_fixed64(at, RECORD_TIME, record->time_unix_ns);
    return put_message(writer, at, OF_SCOPE_ITEMS, before);
}

/* ---- groups: resource → scope → records. A batch holds few of either, so each is found by a walk. ---- */

struct records {
    const struct log_record *const *items;
    uint32_t n;
};

static const char *scope_of(const struct log_record *record)
{
    return record->scope ? record->scope : "";
}

static bool is_of(const struct log_record *record, const struct log_record *like)
{
    return record->resource == like->resource && strcmp(scope_of(record), scope_of(like)) == 0;
}

/* Does no record before it say the same resource (and scope)? Groups come in the order of their first record. */
static bool begins_group(const struct records *records, uint32_t i, bool with_scope)
{
    for (uint32_t j = 0; j < i; j++)
        if (with_scope ? is_of(records->items[j], records->items[i])
                       : records->items[j]->resource == records->items[i]->resource)
            return false;
    return true;
}

static uint8_t *write_scope_logs(struct writer *writer, uint8_t *at, const struct records *records,
                                 const struct log_record *like)
{
    size_t before = writer_bytes(writer, at);
    at = write_text(writer, at, OF_SCOPE_SCHEMA_URL, SCHEMA_URL);
    for (uint32_t i = records->n; i-- > 0;)
        if (is_of(records->items[i], like))
            at = write_record(writer, at, records->items[i]);
    at = write_scope(writer, at, scope_of(like));
    at = writer_reserve(writer, at, WRITER_MAX_FIELD_BYTES);
    return put_message(writer, at, OF_RESOURCE_SCOPES, before);
}

static uint8_t *write_resource_logs(struct writer *writer, uint8_t *at, const struct records *records,
                                    const struct resource *resource)
{
    size_t before = writer_bytes(writer, at);
    at = write_text(writer, at, OF_RESOURCE_SCHEMA_URL, resource ? resource->schema_url : NULL);
    for (uint32_t i = records->n; i-- > 0;)
        if (records->items[i]->resource == resource && begins_group(records, i, true))
            at = write_scope_logs(writer, at, records, records->items[i]);
    at = write_resource(writer, at, resource);
    at = writer_reserve(writer, at, WRITER_MAX_FIELD_BYTES);
    return put_message(writer, at, REQUEST_RESOURCE_LOGS, before);
}

int encode_logs(const struct log_record *const *records, uint32_t n_records, size_t max_bytes,
                struct body *ret_body)
{
    const struct records all = {records, n_records};
    struct writer writer = {ret_body->memory, ret_body->max_bytes};
    uint8_t *at = writer_reserve(&writer, writer_end(&writer), WRITER_MAX_FIELD_BYTES);
    for (uint32_t i = n_records; i-- > 0;)
        if (begins_group(&all, i, false))
            at = write_resource_logs(&writer, at, &all, records[i]->resource);
    size_t n_bytes = writer_bytes(&writer, at);
    *ret_body = (struct body){at, n_bytes, writer.memory, writer.max_bytes};
    return n_bytes <= max_bytes ? 0 : -EMSGSIZE;
}
