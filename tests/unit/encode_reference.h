/*
 * encode_reference: what protobuf-c makes of spans. The bytes of encode_trace() must be the same.
 *
 * A tree of structs in an arena. Every message passes through its ..._init(): a zeroed struct without descriptor
 * crashes the packer. A oneof's `value_case` is always set, and its strings are never NULL: either mistake packs an
 * empty value.
 */
#ifndef OTELSHIM_ENCODE_REFERENCE_H
#define OTELSHIM_ENCODE_REFERENCE_H

#include "telemetry/resource.h"
#include "telemetry/span.h"
#include "trace_service.pb-c.h"
#include <string.h>

#define REFERENCE_SCHEMA_URL "https://opentelemetry.io/schemas/1.44.0"

/* protobuf-c's structs are without const; packing only reads. */
static void *reference_unconst(const void *pointer)
{
    union {
        const void *from;
        void *to;
    } cast = {.from = pointer};
    return cast.to;
}

static char *reference_text(const char *text)
{
    return reference_unconst(text ? text : "");
}

static void reference_value(struct arena *arena, Otlp__AnyValue *message, const struct attribute *attribute)
{
    otlp__any_value__init(message);
    if (attribute->type == ATTRIBUTE_STRING) {
        message->value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
        message->string_value = reference_unconst(attribute->value.string.bytes);
    } else if (attribute->type == ATTRIBUTE_INT) {
        message->value_case = OTLP__ANY_VALUE__VALUE_INT_VALUE;
        message->int_value = attribute->value.integer;
    } else if (attribute->type == ATTRIBUTE_DOUBLE) {
        message->value_case = OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE;
        message->double_value = attribute->value.number;
    } else if (attribute->type == ATTRIBUTE_BOOL) {
        message->value_case = OTLP__ANY_VALUE__VALUE_BOOL_VALUE;
        message->bool_value = attribute->value.flag;
    } else {
        uint32_t n = attribute->value.strings.n_items;
        message->value_case = OTLP__ANY_VALUE__VALUE_ARRAY_VALUE;
        message->array_value = arena_alloc(arena, sizeof(*message->array_value));
        otlp__array_value__init(message->array_value);
        message->array_value->n_values = n;
        message->array_value->values = arena_alloc(arena, n * sizeof(*message->array_value->values));
        for (uint32_t i = 0; i < n; i++) {
            Otlp__AnyValue *item = message->array_value->values[i] = arena_alloc(arena, sizeof(*item));
            otlp__any_value__init(item);
            item->value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
            item->string_value = reference_unconst(attribute->value.strings.items[i].bytes);
        }
    }
}

static Otlp__KeyValue **reference_attributes(struct arena *arena, const struct attributes *list)
{
    Otlp__KeyValue **pairs = arena_alloc(arena, (list->n + 1) * sizeof(*pairs));
    for (uint32_t i = 0; i < list->n; i++) {
        pairs[i] = arena_alloc(arena, sizeof(*pairs[i]));
        otlp__key_value__init(pairs[i]);
        pairs[i]->key = reference_unconst(list->items[i].key);
        pairs[i]->value = arena_alloc(arena, sizeof(*pairs[i]->value));
        reference_value(arena, pairs[i]->value, &list->items[i]);
    }
    return pairs;
}

static void reference_events(struct arena *arena, Otlp__Span *message, const struct span *span)
{
    message->n_events = span->n_events;
    message->events = arena_alloc(arena, (span->n_events + 1) * sizeof(*message->events));
    for (uint32_t i = 0; i < span->n_events; i++) {
        const struct span_event *from = &span->events[i];
        Otlp__Span__Event *event = message->events[i] = arena_alloc(arena, sizeof(*event));
        otlp__span__event__init(event);
        event->time_unix_nano = from->time_unix_ns;
        event->name = reference_text(from->name);
        event->n_attributes = from->attributes.n;
        event->attributes = reference_attributes(arena, &from->attributes);
        event->dropped_attributes_count = from->attributes.n_dropped;
    }
}

static Otlp__Span *reference_span(struct arena *arena, const struct span *span)
{
    Otlp__Span *message = arena_alloc(arena, sizeof(*message));
    otlp__span__init(message);
    message->trace_id = (ProtobufCBinaryData){16, reference_unconst(span->trace_id)};
    message->span_id = (ProtobufCBinaryData){8, reference_unconst(span->span_id)};
    if (span->has_parent)
        message->parent_span_id = (ProtobufCBinaryData){8, reference_unconst(span->parent_span_id)};
    message->trace_state = reference_text(span->trace_state);
    message->flags = span->flags;
    message->name = reference_text(span->name);
    message->kind = (Otlp__Span__SpanKind)span->kind;
    message->start_time_unix_nano = span->start_unix_ns;
    message->end_time_unix_nano = span->end_unix_ns;
    message->n_attributes = span->attributes.n;
    message->attributes = reference_attributes(arena, &span->attributes);
    message->dropped_attributes_count = span->attributes.n_dropped;
    message->dropped_events_count = span->n_dropped_events;
    reference_events(arena, message, span);
    if (span->status != SPAN_UNSET) {
        message->status = arena_alloc(arena, sizeof(*message->status));
        otlp__status__init(message->status);
        message->status->code = (Otlp__Status__StatusCode)span->status;
        if (span->status == SPAN_ERROR)
            message->status->message = reference_text(span->status_message);
    }
    return message;
}

static Otlp__ScopeSpans *reference_scope(struct arena *arena, Otlp__ResourceSpans *of, const char *name,
                                         size_t max)
{
    for (size_t i = 0; i < of->n_scope_spans; i++)
        if (strcmp(of->scope_spans[i]->scope->name, name) == 0)
            return of->scope_spans[i];
    Otlp__ScopeSpans *message = of->scope_spans[of->n_scope_spans++] = arena_alloc(arena, sizeof(*message));
    otlp__scope_spans__init(message);
    message->scope = arena_alloc(arena, sizeof(*message->scope));
    otlp__instrumentation_scope__init(message->scope);
    message->scope->name = reference_text(name);
    message->scope->version = reference_text(OTELSHIM_VERSION);
    message->schema_url = reference_text(REFERENCE_SCHEMA_URL);
    message->spans = arena_alloc(arena, max * sizeof(*message->spans));
    return message;
}

static Otlp__ResourceSpans *reference_resource(struct arena *arena, const struct resource *resource,
                                               size_t max)
{
    Otlp__ResourceSpans *message = arena_alloc(arena, sizeof(*message));
    otlp__resource_spans__init(message);
    message->resource = arena_alloc(arena, sizeof(*message->resource));
    otlp__resource__init(message->resource);
    message->scope_spans = arena_alloc(arena, max * sizeof(*message->scope_spans));
    if (resource) {
        message->resource->n_attributes = resource->attributes.n;
        message->resource->attributes = reference_attributes(arena, &resource->attributes);
        message->resource->dropped_attributes_count = resource->attributes.n_dropped;
        message->schema_url = reference_text(resource->schema_url);
    }
    return message;
}

/* Bytes in the arena. */
static uint8_t *reference_encode(struct arena *arena, struct span *const *spans, uint32_t n,
                                 size_t *ret_bytes)
{
    Otlp__ExportTraceServiceRequest request = OTLP__EXPORT_TRACE_SERVICE_REQUEST__INIT;
    request.resource_spans = arena_alloc(arena, (n + 1) * sizeof(*request.resource_spans));
    const struct resource **resources = arena_alloc(arena, (n + 1) * sizeof(*resources));
    for (uint32_t i = 0; i < n; i++) {
        size_t r = 0;
        while (r < request.n_resource_spans && resources[r] != spans[i]->resource)
            r++;
        if (r == request.n_resource_spans) {
            resources[r] = spans[i]->resource;
            request.resource_spans[request.n_resource_spans++] =
                reference_resource(arena, spans[i]->resource, n);
        }
        Otlp__ScopeSpans *scope =
            reference_scope(arena, request.resource_spans[r], spans[i]->scope ? spans[i]->scope : "", n);
        scope->spans[scope->n_spans++] = reference_span(arena, spans[i]);
    }
    uint8_t *bytes = arena_alloc(arena, otlp__export_trace_service_request__get_packed_size(&request) + 1);
    *ret_bytes = otlp__export_trace_service_request__pack(&request, bytes);
    return bytes;
}

#endif
