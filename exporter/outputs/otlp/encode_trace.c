/*
 * encode_trace: see encode_trace.h.
 *
 *     request ─▶ resource ─▶ scope ─▶ spans        written from the last span of the last scope to the first (writer.h)
 *
 * [protobuf-c's packer needs a tree of structs, and three quarters of what a span costs goes into building and
 * summing it up: 890 ns, against 160 here. It still decodes the answers, and tests/unit/test_encode checks every byte by it.]
 */
#include "outputs/otlp/encode_trace.h"

#include "outputs/otlp/write_scope.h"
#include "outputs/otlp/write_span.h"
#include "telemetry/resource.h"
#include <errno.h>
#include <stdlib.h>

#define NO_SPAN UINT32_MAX

/* Field number of trace_service.proto. */
enum { REQUEST_RESOURCE_SPANS = 1 };

/* Spans of one resource and scope. */
struct scope_group {
    const struct resource *resource;
    const char *scope;
    uint32_t hash, last_span;
    struct scope_group *previous; /* of the same resource */
};

struct resource_group {
    const struct resource *resource;
    struct scope_group *last;
};

/* Both tables are open-addressed, of the same size: a power of two above twice the number of spans. */
struct grouping {
    struct arena *arena;
    struct span *const *spans;
    size_t max_bytes; /* of the request */
    struct scope_group **scopes;
    struct resource_group **resources, **in_order;
    uint32_t *previous_span; /* of the same group */
    struct write_tails *tails;
    uint32_t mask, n_resources;
};

void body_fini(struct body *body)
{
    free(body->memory);
    *body = (struct body){0};
}

void body_reserve(struct body *body, size_t max_bytes)
{
    body->n_bytes = 0;
    if (max_bytes > body->max_bytes) {
        max_bytes = (max_bytes + max_bytes / 4 + 4095) & ~(size_t)4095;
        free(body->memory);
        body->memory = malloc(max_bytes);
        if (!body->memory)
            abort();
        body->max_bytes = max_bytes;
    }
    body->bytes = body->memory;
}

/* ---- groups ---- */

static uint32_t hash_pointer(const void *pointer)
{
    uint64_t bits = (uint64_t)(uintptr_t)pointer * 0x9e3779b97f4a7c15u;
    return (uint32_t)(bits >> 32);
}

static uint32_t hash_scope(const struct resource *resource, const char *scope)
{
    uint32_t hash = 2166136261u;
    for (const char *c = scope; *c; c++)
        hash = (hash ^ (uint8_t)*c) * 16777619u;
    return hash ^ hash_pointer(resource);
}

static struct resource_group *find_resource_group(struct grouping *grouping, const struct resource *resource)
{
    uint32_t slot = hash_pointer(resource) & grouping->mask;
    for (; grouping->resources[slot]; slot = (slot + 1) & grouping->mask)
        if (grouping->resources[slot]->resource == resource)
            return grouping->resources[slot];

    struct resource_group *group = arena_zalloc(grouping->arena, sizeof(*group));
    group->resource = resource;
    grouping->resources[slot] = group;
    grouping->in_order[grouping->n_resources++] = group;
    return group;
}

static struct scope_group *find_scope_group(struct grouping *grouping, const struct span *span)
{
    const char *scope = span->scope ? span->scope : "";
    uint32_t hash = hash_scope(span->resource, scope), slot = hash & grouping->mask;
    for (; grouping->scopes[slot]; slot = (slot + 1) & grouping->mask) {
        struct scope_group *known = grouping->scopes[slot];
        if (known->hash == hash && known->resource == span->resource && strcmp(known->scope, scope) == 0)
            return known;
    }
    struct resource_group *parent = find_resource_group(grouping, span->resource);
    struct scope_group *group = arena_alloc(grouping->arena, sizeof(*group));
    *group = (struct scope_group){span->resource, scope, hash, NO_SPAN, parent->last};
    parent->last = group;
    grouping->scopes[slot] = group;
    return group;
}

static void start_grouping(struct grouping *grouping, uint32_t n_spans)
{
    struct arena *arena = grouping->arena;
    uint32_t n_slots = 8;
    while (n_slots < 2 * n_spans)
        n_slots *= 2;
    grouping->mask = n_slots - 1;
    grouping->scopes = arena_zalloc(arena, n_slots * sizeof(*grouping->scopes));
    grouping->resources = arena_zalloc(arena, n_slots * sizeof(*grouping->resources));
    grouping->in_order = arena_alloc(arena, n_spans * sizeof(*grouping->in_order));
    grouping->tails = arena_zalloc(arena, sizeof(*grouping->tails));
    grouping->previous_span = arena_alloc(arena, n_spans * sizeof(*grouping->previous_span));
}

/* Which group each span belongs to. Neighbours nearly always share one. */
static void group_spans(struct grouping *grouping, uint32_t n_spans)
{
    struct span *const *spans = grouping->spans;
    struct scope_group *group = NULL;
    start_grouping(grouping, n_spans);
    for (uint32_t i = 0; i < n_spans; i++) {
        if (!group || spans[i]->resource != spans[i - 1]->resource || spans[i]->scope != spans[i - 1]->scope)
            group = find_scope_group(grouping, spans[i]);
        grouping->previous_span[i] = group->last_span;
        group->last_span = i;
    }
}

/* ---- bytes ---- */

/* NULL: it has become too large. */
static uint8_t *write_scope_spans(struct writer *writer, uint8_t *at, const struct grouping *grouping,
                                  const struct scope_group *group)
{
    size_t before = writer_bytes(writer, at);
    at = write_text(writer, at, OF_SCOPE_SCHEMA_URL, SCHEMA_URL);
    for (uint32_t i = group->last_span; i != NO_SPAN; i = grouping->previous_span[i]) {
        at = write_span(writer, at, OF_SCOPE_ITEMS, grouping->spans[i], grouping->tails);
        if (writer_bytes(writer, at) > grouping->max_bytes)
            return NULL;
    }
    at = write_scope(writer, at, group->scope);
    at = writer_reserve(writer, at, WRITER_MAX_FIELD_BYTES);
    return put_message(writer, at, OF_RESOURCE_SCOPES, before);
}

static uint8_t *write_resource_spans(struct writer *writer, uint8_t *at, const struct grouping *grouping,
                                     const struct resource_group *of)
{
    size_t before = writer_bytes(writer, at);
    at = write_text(writer, at, OF_RESOURCE_SCHEMA_URL, of->resource ? of->resource->schema_url : NULL);
    for (const struct scope_group *group = of->last; group && at; group = group->previous)
        at = write_scope_spans(writer, at, grouping, group);
    if (!at)
        return NULL;
    at = write_resource(writer, at, of->resource);
    at = writer_reserve(writer, at, WRITER_MAX_FIELD_BYTES);
    return put_message(writer, at, REQUEST_RESOURCE_SPANS, before);
}

int encode_trace(struct span *const *spans, uint32_t n_spans, size_t max_bytes, struct arena *arena,
                 struct body *ret_body)
{
    struct grouping grouping = {.arena = arena, .spans = spans, .max_bytes = max_bytes};
    group_spans(&grouping, n_spans);
    struct writer writer = {ret_body->memory, ret_body->max_bytes};
    uint8_t *at = writer_reserve(&writer, writer_end(&writer), WRITER_MAX_FIELD_BYTES);
    for (uint32_t i = grouping.n_resources; i-- > 0 && at;)
        at = write_resource_spans(&writer, at, &grouping, grouping.in_order[i]);
    bool is_whole = at && writer_bytes(&writer, at) <= max_bytes;
    size_t n_bytes = is_whole ? writer_bytes(&writer, at) : 0;
    *ret_body = (struct body){is_whole ? at : NULL, n_bytes, writer.memory, writer.max_bytes};
    return is_whole ? 0 : -EMSGSIZE;
}
