/* span_samples: spans as signals/spans makes them, for tests of what encodes and sends. */
#ifndef OTELSHIM_SPAN_SAMPLES_H
#define OTELSHIM_SPAN_SAMPLES_H

#include "telemetry/batch.h"
#include <stdlib.h>
#include <string.h>

static struct resource *sample_resource(const char *service)
{
    struct resource *resource = calloc(1, sizeof(*resource));
    resource->n_references = 1;
    resource->schema_url = "https://opentelemetry.io/schemas/1.44.0";
    attribute_set_string(&resource->attributes, &resource->arena, "service.name", service);
    attribute_set_int(&resource->attributes, &resource->arena, "process.pid", 4711);
    return resource;
}

/* A span of eight attributes, `number` in its id: a libpq query, a Redis command or an HTTP request. */
static struct span *sample_span(struct arena *arena, const struct resource *resource, unsigned number)
{
    static const char *const scopes[] = {"otelshim.libpq", "otelshim.hiredis", "otelshim.libcurl"};
    struct span *span = arena_zalloc(arena, sizeof(*span));
    struct attributes *list = &span->attributes;
    memset(span->trace_id, 0x11, sizeof(span->trace_id));
    memset(span->span_id, 0x22, sizeof(span->span_id));
    memset(span->parent_span_id, 0x33, sizeof(span->parent_span_id));
    memcpy(span->span_id, &number, sizeof(number));
    span->has_parent = true;
    span->flags = 0x103;
    span->kind = SPAN_CLIENT;
    span->start_unix_ns = 1763713800000000000u + number;
    span->end_unix_ns = span->start_unix_ns + 1500000;
    span->scope = scopes[number % 3];
    span->resource = resource;
    span->name = number % 3 ? "GET" : "SELECT candles";
    attribute_set_string(list, arena, "db.system.name", "postgresql");
    attribute_set_string(list, arena, "db.query.text", "SELECT close FROM candles WHERE market = ? LIMIT ?");
    attribute_set_string(list, arena, "db.query.summary", "SELECT candles");
    attribute_set_string(list, arena, "db.namespace", "trader");
    attribute_set_string(list, arena, "server.address", "127.0.0.1");
    attribute_set_int(list, arena, "server.port", 5433);
    attribute_set_int(list, arena, "db.response.returned_rows", 200);
    attribute_set_int(list, arena, "thread.id", 4712);
    return span;
}

#endif
