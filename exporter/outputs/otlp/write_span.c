/* write_span: see write_span.h. A value inside a oneof is written even where it is zero: it says which one is set. */
#include "outputs/otlp/write_span.h"

#include <assert.h>

/* common.proto */
enum { VALUE_STRING = 1, VALUE_BOOL, VALUE_INT, VALUE_DOUBLE, VALUE_ARRAY };
enum { ARRAY_VALUES = 1 };
enum { KEY_VALUE_KEY = 1, KEY_VALUE_VALUE };
/* trace.proto */
enum {
    SPAN_TRACE_ID = 1,
    SPAN_SPAN_ID,
    SPAN_TRACE_STATE,
    SPAN_PARENT_SPAN_ID,
    SPAN_NAME,
    SPAN_KIND,
    SPAN_START_TIME,
    SPAN_END_TIME,
    SPAN_ATTRIBUTES,
    SPAN_DROPPED_ATTRIBUTES,
    SPAN_EVENTS,
    SPAN_DROPPED_EVENTS,
    SPAN_LINKS,
    SPAN_DROPPED_LINKS,
    SPAN_STATUS_FIELD,
    SPAN_FLAGS
};
enum { EVENT_TIME = 1, EVENT_NAME, EVENT_ATTRIBUTES, EVENT_DROPPED_ATTRIBUTES };
enum { STATUS_MESSAGE = 2, STATUS_CODE };

/* All fields of a span but its texts and lists: ids 28, times 18, the rest without bytes. */
#define MAX_FIELDS_BYTES (16 * WRITER_MAX_FIELD_BYTES)

static uint8_t *write_array(struct writer *writer, uint8_t *at, const struct text *items, uint32_t n)
{
    size_t before = writer_bytes(writer, at);
    for (uint32_t i = n; i-- > 0;) {
        size_t before_value = writer_bytes(writer, at);
        at = writer_reserve(writer, at, items[i].n_bytes + 2 * WRITER_MAX_FIELD_BYTES);
        at = put_bytes(at, VALUE_STRING, items[i].bytes, items[i].n_bytes);
        at = put_message(writer, at, ARRAY_VALUES, before_value);
    }
    at = writer_reserve(writer, at, WRITER_MAX_FIELD_BYTES);
    return put_message(writer, at, VALUE_ARRAY, before);
}

/* With room for a field without bytes behind it; what a string needs is made here. */
static uint8_t *write_any_value(struct writer *writer, uint8_t *at, const struct attribute *attribute)
{
    const struct text *text = &attribute->value.string;
    uint64_t bits;
    switch (attribute->type) {
    case ATTRIBUTE_STRING:
        at = writer_reserve(writer, at, text->n_bytes + WRITER_MAX_FIELD_BYTES);
        return put_bytes(at, VALUE_STRING, text->bytes, text->n_bytes);
    case ATTRIBUTE_INT:
        return put_number(at, VALUE_INT, (uint64_t)attribute->value.integer);
    case ATTRIBUTE_DOUBLE:
        memcpy(&bits, &attribute->value.number, sizeof(bits));
        return put_fixed64(at, VALUE_DOUBLE, bits);
    case ATTRIBUTE_BOOL:
        return put_number(at, VALUE_BOOL, attribute->value.flag);
    case ATTRIBUTE_STRINGS:
        return write_array(writer, at, attribute->value.strings.items, attribute->value.strings.n_items);
    }
    return at;
}

#define SHORT_KEY_BYTES 60u
#define SHORT_VALUE_BYTES 50u
#define SHORT_OVERHEAD 8u /* four tags and four lengths of a byte each */
static_assert(SHORT_KEY_BYTES + SHORT_VALUE_BYTES + SHORT_OVERHEAD < 0x80, "every length is one byte");

/*
 * Most attributes: a short key, a short string. Every length is one byte, so where everything stands is known beforehand.
 * The caller has made room.
 */
static uint8_t *put_short_string(uint8_t *at, unsigned field, const struct attribute *attribute,
                                 size_t key_bytes)
{
    size_t n = attribute->value.string.n_bytes;
    at -= n + key_bytes + 8;
    uint8_t *to = at;
    *to++ = (uint8_t)(field << 3 | WRITE_BYTES);
    *to++ = (uint8_t)(n + key_bytes + 6);
    *to++ = KEY_VALUE_KEY << 3 | WRITE_BYTES;
    *to++ = (uint8_t)key_bytes;
    memcpy(to, attribute->key, key_bytes);
    to += key_bytes;
    *to++ = KEY_VALUE_VALUE << 3 | WRITE_BYTES;
    *to++ = (uint8_t)(n + 2);
    *to++ = VALUE_STRING << 3 | WRITE_BYTES;
    *to++ = (uint8_t)n;
    memcpy(to, attribute->value.string.bytes, n);
    return at;
}

uint8_t *write_attributes(struct writer *writer, uint8_t *at, unsigned field, const struct attributes *list)
{
    for (uint32_t i = list->n; i-- > 0;) {
        const struct attribute *attribute = &list->items[i];
        size_t before = writer_bytes(writer, at), key_bytes = strlen(attribute->key);
        if (attribute->type == ATTRIBUTE_STRING && key_bytes && key_bytes <= SHORT_KEY_BYTES &&
            attribute->value.string.n_bytes <= SHORT_VALUE_BYTES && field < 16) {
            at = writer_reserve(writer, at, SHORT_KEY_BYTES + SHORT_VALUE_BYTES + SHORT_OVERHEAD);
            at = put_short_string(at, field, attribute, key_bytes);
            continue;
        }
        at = writer_reserve(writer, at, WRITER_MAX_FIELD_BYTES);
        at = write_any_value(writer, at, attribute);
        at = writer_reserve(writer, at, key_bytes + 3 * WRITER_MAX_FIELD_BYTES);
        at = put_message(writer, at, KEY_VALUE_VALUE, before);
        if (key_bytes)
            at = put_bytes(at, KEY_VALUE_KEY, attribute->key, key_bytes);
        at = put_message(writer, at, field, before);
    }
    return at;
}

static uint8_t *write_events(struct writer *writer, uint8_t *at, const struct span *span)
{
    for (uint32_t i = span->n_events; i-- > 0;) {
        const struct span_event *event = &span->events[i];
        size_t before = writer_bytes(writer, at);
        at = writer_reserve(writer, at, WRITER_MAX_FIELD_BYTES);
        if (event->attributes.n_dropped)
            at = put_number(at, EVENT_DROPPED_ATTRIBUTES, event->attributes.n_dropped);
        at = write_attributes(writer, at, EVENT_ATTRIBUTES, &event->attributes);
        at = write_text(writer, at, EVENT_NAME, event->name);
        at = writer_reserve(writer, at, 2 * WRITER_MAX_FIELD_BYTES);
        if (event->time_unix_ns)
            at = put_fixed64(at, EVENT_TIME, event->time_unix_ns);
        at = put_message(writer, at, SPAN_EVENTS, before);
    }
    return at;
}

/* A message goes with an error only (OTel spec, trace API, "Set Status"). */
static uint8_t *write_status(struct writer *writer, uint8_t *at, const struct span *span)
{
    size_t before = writer_bytes(writer, at);
    at = put_number(at, STATUS_CODE, span->status);
    at = write_text(writer, at, STATUS_MESSAGE, span->status == SPAN_ERROR ? span->status_message : NULL);
    return put_message(writer, at, SPAN_STATUS_FIELD, before);
}

static uint8_t *put_ids(uint8_t *at, const struct span *span)
{
    at = put_bytes(at, SPAN_SPAN_ID, span->span_id, 8);
    return put_bytes(at, SPAN_TRACE_ID, span->trace_id, 16);
}

static uint8_t *write_lists(struct writer *writer, uint8_t *at, const struct span *span)
{
    at = writer_reserve(writer, at, MAX_FIELDS_BYTES);
    if (span->n_dropped_events)
        at = put_number(at, SPAN_DROPPED_EVENTS, span->n_dropped_events);
    at = write_events(writer, at, span);
    at = writer_reserve(writer, at, MAX_FIELDS_BYTES);
    if (span->attributes.n_dropped)
        at = put_number(at, SPAN_DROPPED_ATTRIBUTES, span->attributes.n_dropped);
    return write_attributes(writer, at, SPAN_ATTRIBUTES, &span->attributes);
}

/* The fields behind the times: all that spans which are alike have in common but their name. */
static uint8_t *write_tail(struct writer *writer, uint8_t *at, const struct span *span)
{
    at = writer_reserve(writer, at, MAX_FIELDS_BYTES);
    if (span->flags)
        at = put_fixed32(at, SPAN_FLAGS, span->flags);
    if (span->status != SPAN_UNSET)
        at = write_status(writer, at, span);
    return write_lists(writer, at, span);
}

/* [Copied from where it was written first: 60 instructions instead of 1,500.] */
static uint8_t *write_like_tail(struct writer *writer, uint8_t *at, const struct span *span,
                                struct write_tails *tails)
{
    size_t before = writer_bytes(writer, at);
    uint64_t bits = (uint64_t)(uintptr_t)span->likeness * 0x9e3779b97f4a7c15u;
    __typeof__(&tails->items[0]) known = &tails->items[bits >> 32 & (WRITE_TAILS - 1)];
    if (known->likeness == span->likeness && known->flags == span->flags &&
        known->n_attributes == span->attributes.n) {
        at = writer_reserve(writer, at, known->n_bytes);
        at -= known->n_bytes;
        memcpy(at, writer_end(writer) - known->bytes_before - known->n_bytes, known->n_bytes);
        return at;
    }
    at = write_tail(writer, at, span);
    known->likeness = span->likeness;
    known->flags = span->flags;
    known->n_attributes = span->attributes.n;
    known->bytes_before = before;
    known->n_bytes = writer_bytes(writer, at) - before;
    return at;
}

uint8_t *write_span(struct writer *writer, uint8_t *at, unsigned field, const struct span *span,
                    struct write_tails *tails)
{
    size_t before = writer_bytes(writer, at);
    at = span->likeness ? write_like_tail(writer, at, span, tails) : write_tail(writer, at, span);
    at = writer_reserve(writer, at, MAX_FIELDS_BYTES);
    if (span->end_unix_ns)
        at = put_fixed64(at, SPAN_END_TIME, span->end_unix_ns);
    if (span->start_unix_ns)
        at = put_fixed64(at, SPAN_START_TIME, span->start_unix_ns);
    if (span->kind)
        at = put_number(at, SPAN_KIND, span->kind);
    at = write_text(writer, at, SPAN_NAME, span->name);
    at = writer_reserve(writer, at, MAX_FIELDS_BYTES);
    if (span->has_parent) /* a root has no bytes here, not eight zeros */
        at = put_bytes(at, SPAN_PARENT_SPAN_ID, span->parent_span_id, 8);
    if (span->trace_state)
        at = write_text(writer, at, SPAN_TRACE_STATE, span->trace_state);
    at = writer_reserve(writer, at, MAX_FIELDS_BYTES);
    return put_message(writer, put_ids(at, span), field, before);
}
