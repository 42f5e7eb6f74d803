/*
 * family_internal: spans of the program's own (otelshim.h): name, kind, status; and what a program says of any span that is open on
 * its thread, also of the library's: custom attributes, exceptions, status.
 *
 * What was seen goes before what is said: on a span of a call a custom attribute does not replace one of the conventions.
 */
#include "signals/logs/logs.h"
#include "signals/spans/assemble_priv.h"

static struct text text_of(const struct assembly *assembly, const struct raw_fact *fact)
{
    if (!fact->bytes)
        return (struct text){.bytes = ""};
    return logs_text(assembly->arena, fact->bytes, fact->n_bytes, assembly->settings);
}

void family_internal_assemble(struct assembly *assembly)
{
    const struct raw_fact *name = assembly->facts[WIRE_SPAN_NAME], *kind = assembly->facts[WIRE_SPAN_KIND];
    struct span *span = assembly->span;
    span->kind = SPAN_INTERNAL;
    if (name && name->bytes)
        span->name = text_repaired(assembly->arena, name->bytes, name->n_bytes).bytes;
    if (kind && kind->type == WIRE_INT && kind->integer >= SPAN_INTERNAL && kind->integer <= SPAN_CONSUMER)
        span->kind = (enum span_kind)kind->integer;
}

/* ---- status: the last one that was said, and the description behind it ---- */

static void set_status(struct assembly *assembly)
{
    const struct raw_span *raw = assembly->raw;
    struct span *span = assembly->span;
    for (uint32_t i = 0; i < raw->n_facts; i++) {
        const struct raw_fact *fact = &raw->facts[i];
        if (fact->key == WIRE_SPAN_STATUS && fact->type == WIRE_INT) {
            span->status = fact->integer == SPAN_ERROR ? SPAN_ERROR : SPAN_OK;
            span->status_message = NULL;
        } else if (fact->key == WIRE_SPAN_STATUS_DESCRIPTION && span->status == SPAN_ERROR) {
            span->status_message = text_of(assembly, fact).bytes; /* OTel spec: of errors only */
        }
    }
}

/* ---- exceptions ---- */

static uint64_t time_of(const struct assembly *assembly, const struct raw_fact *microseconds)
{
    const struct span *span = assembly->span;
    uint64_t us =
        microseconds->type == WIRE_INT && microseconds->integer > 0 ? (uint64_t)microseconds->integer : 0;
    uint64_t longest_us = (span->end_unix_ns - span->start_unix_ns) / 1000;
    return span->start_unix_ns + (us < longest_us ? us : longest_us) * 1000;
}

static void read_exceptions(struct assembly *assembly, struct span_event *events)
{
    const struct raw_span *raw = assembly->raw;
    struct span_event *event = events - 1;
    for (uint32_t i = 0; i < raw->n_facts; i++) {
        const struct raw_fact *fact = &raw->facts[i];
        if (fact->key == WIRE_EXCEPTION) {
            *++event =
                (struct span_event){.name = "exception", .time_unix_ns = assembly->span->start_unix_ns};
            struct text type = text_of(assembly, fact);
            if (type.n_bytes)
                attribute_set_text(&event->attributes, assembly->arena, "exception.type", type.bytes,
                                   type.n_bytes);
        } else if (event >= events && fact->key == WIRE_EXCEPTION_MESSAGE) {
            struct text message = text_of(assembly, fact);
            attribute_set_text(&event->attributes, assembly->arena, "exception.message", message.bytes,
                               message.n_bytes);
        } else if (event >= events && fact->key == WIRE_EXCEPTION_US) {
            event->time_unix_ns = time_of(assembly, fact);
        }
    }
}

/* error.type and status message are the last one's, where nothing else is known. */
static void add_exceptions(struct assembly *assembly)
{
    const struct raw_span *raw = assembly->raw;
    struct span *span = assembly->span;
    uint32_t n = 0;
    for (uint32_t i = 0; i < raw->n_facts; i++)
        n += raw->facts[i].key == WIRE_EXCEPTION;
    if (!n)
        return;
    struct span_event *events = arena_alloc(assembly->arena, (span->n_events + n) * sizeof(*events));
    if (span->n_events)
        memcpy(events, span->events, span->n_events * sizeof(*events));
    read_exceptions(assembly, events + span->n_events);
    span->events = events;
    span->n_events += n;
    const struct attributes *last = &events[span->n_events - 1].attributes;
    const struct attribute *type = attribute_find(last, "exception.type");
    const struct attribute *message = attribute_find(last, "exception.message");
    if (span->status == SPAN_ERROR && !span->status_message && message)
        span->status_message = message->value.string.bytes;
    if (span->status == SPAN_ERROR && type && !attribute_find(&span->attributes, "error.type"))
        assembly_add_text(assembly, "error.type", type->value.string);
}

/* ---- attributes ---- */

static void add_custom(struct assembly *assembly)
{
    struct attributes custom = {.n = 0};
    logs_add_custom(&custom, assembly->arena, assembly->raw->facts, assembly->raw->n_facts,
                    assembly->settings);
    uint32_t n_own = assembly->span->attributes.n;
    for (uint32_t i = 0; i < custom.n; i++) {
        const struct attributes own = {.items = assembly->span->attributes.items, .n = n_own};
        if (!attribute_find(&own, custom.items[i].key))
            *assembly_add(assembly, custom.items[i].key) = custom.items[i];
    }
    assembly->span->attributes.n_custom = assembly->span->attributes.n - n_own;
}

void family_internal_add_said(struct assembly *assembly)
{
    if (assembly->facts[WIRE_SPAN_STATUS] && assembly->span->status != SPAN_ERROR)
        set_status(assembly);
    if (assembly->facts[WIRE_EXCEPTION])
        add_exceptions(assembly);
    if (assembly->facts[WIRE_CUSTOM])
        add_custom(assembly);
}
