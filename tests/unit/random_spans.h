/* random_spans: spans of any shape a struct can have, from a seed. */
#ifndef OTELSHIM_RANDOM_SPANS_H
#define OTELSHIM_RANDOM_SPANS_H

#include "telemetry/resource.h"
#include "telemetry/span.h"
#include <stdlib.h>
#include <string.h>

static uint64_t random_state;

static uint64_t random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

static uint32_t random_below(uint32_t n)
{
    return (uint32_t)(random_bits() >> 32) % n;
}

/* Numbers of every length: as varints take one to ten bytes. Zero often. */
static uint64_t random_number(void)
{
    return random_below(4) ? random_bits() >> random_below(64) : 0;
}

/* Around the lengths at which a length takes another byte, and a few bytes. */
static uint32_t random_length(void)
{
    switch (random_below(12)) {
    case 0:
        return 0;
    case 1:
        return 120 + random_below(16);
    case 2:
        return random_below(40) ? random_below(600) : 16370 + random_below(30);
    default:
        return random_below(24);
    }
}

static char *random_text(struct arena *arena)
{
    uint32_t n = random_length();
    char *text = arena_alloc(arena, n + 1);
    memset(text, 'a' + (int)random_below(26), n);
    text[n] = 0;
    return text;
}

static const char *random_text_or_null(struct arena *arena)
{
    return random_below(3) ? random_text(arena) : NULL;
}

static void random_value(struct arena *arena, struct attribute *attribute)
{
    attribute->type = (enum attribute_type)random_below(5);
    if (attribute->type == ATTRIBUTE_STRING) {
        attribute->value.string.bytes = random_text(arena);
        attribute->value.string.n_bytes = (uint32_t)strlen(attribute->value.string.bytes);
    } else if (attribute->type == ATTRIBUTE_INT) {
        attribute->value.integer = (int64_t)random_number();
    } else if (attribute->type == ATTRIBUTE_DOUBLE) {
        attribute->value.number = (double)(int64_t)random_number() / 3;
    } else if (attribute->type == ATTRIBUTE_BOOL) {
        attribute->value.flag = random_below(2);
    } else {
        uint32_t n = random_below(4);
        struct text *items = arena_alloc(arena, (n + 1) * sizeof(*items));
        for (uint32_t i = 0; i < n; i++) {
            items[i].bytes = random_text(arena);
            items[i].n_bytes = (uint32_t)strlen(items[i].bytes);
        }
        attribute->value.strings.items = items;
        attribute->value.strings.n_items = n;
    }
}

static void random_attributes(struct arena *arena, struct attributes *list)
{
    list->n = list->max = random_below(12);
    list->items = arena_zalloc(arena, (list->n + 1) * sizeof(*list->items));
    list->n_dropped = (uint32_t)random_number();
    for (uint32_t i = 0; i < list->n; i++) {
        list->items[i].key = random_text(arena);
        random_value(arena, &list->items[i]);
    }
}

static struct span *random_span(struct arena *arena)
{
    static const char *const scopes[] = {"otelshim.libpq", "otelshim.hiredis", "otelshim.libcurl", "", NULL};
    struct span *span = arena_zalloc(arena, sizeof(*span));
    memset(span->trace_id, (int)random_below(256), sizeof(span->trace_id));
    memset(span->span_id, (int)random_below(256), sizeof(span->span_id));
    span->has_parent = random_below(2);
    span->flags = (uint32_t)random_number();
    span->name = random_text(arena);
    span->kind = (enum span_kind)random_below(6);
    span->start_unix_ns = random_number();
    span->end_unix_ns = random_number();
    random_attributes(arena, &span->attributes);
    span->n_events = random_below(3) ? 0 : random_below(5);
    span->events = arena_zalloc(arena, (span->n_events + 1) * sizeof(*span->events));
    for (uint32_t i = 0; i < span->n_events; i++) {
        span->events[i].name = random_text(arena);
        span->events[i].time_unix_ns = random_number();
        random_attributes(arena, &span->events[i].attributes);
    }
    span->n_dropped_events = (uint32_t)random_number();
    span->status = (enum span_status)random_below(3);
    span->status_message = random_text_or_null(arena);
    span->trace_state = random_text_or_null(arena);
    span->scope = scopes[random_below(5)];
    return span;
}

/* Its attributes live in `arena`. */
static void random_resource(struct arena *arena, struct resource *ret_resource)
{
    *ret_resource = (struct resource){.n_references = 1, .schema_url = random_text_or_null(arena)};
    random_attributes(arena, &ret_resource->attributes);
}

#endif
