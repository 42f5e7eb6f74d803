/*
 * encode_trace: see encode_trace.h.
 *
 * protobuf-c packs a tree of structs. The tree is allocated from an arena, its arrays sized once, nothing per span is
 * malloc'ed. Every message passes through its ..._init(): a zeroed struct without descriptor crashes the
 * packer. A oneof's `value_case` is always set, and its strings are never NULL: either mistake sends an empty value.
 *
 * How many bytes it may become at most is summed up while the tree grows [asking protobuf-c for the exact size costs
 * 5,200 of 11,600 instructions a span].
 */
#include "outputs/otlp/encode_trace.h"

#include "telemetry/resource.h"
#include "trace_service.pb-c.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Schema URL of the conventions that signals/spans follows. */
#define SCHEMA_URL "https://opentelemetry.io/schemas/1.44.0"

/* At most: tag of a field (two bytes), length or varint (ten). */
#define MAX_FIELD_BYTES ((size_t)12)

/* Where the tree grows, and how large it may become when packed. */
struct tree {
    struct arena *arena;
    size_t max_bytes;
};

/* Spans of one resource and scope. */
struct scope_group {
    const struct resource *resource;
    const char *scope;
    uint32_t hash, n_spans;
    struct scope_group *next; /* of the same resource */
    Otlp__ScopeSpans message;
    Otlp__InstrumentationScope instrumentation;
};

struct resource_group {
    const struct resource *resource;
    struct scope_group *first, **last;
    uint32_t n_scopes;
    Otlp__ResourceSpans message;
    Otlp__Resource of_resource;
};

/* Both tables are open-addressed, of the same size: a power of two above twice the number of spans. */
struct grouping {
    struct tree *tree;
    struct scope_group **scopes;
    struct resource_group **resources, **in_order;
    uint32_t mask, n_resources;
};

void body_fini(struct body *body)
{
    free(body->bytes);
    *body = (struct body){0};
}

void body_reserve(struct body *body, size_t max_bytes)
{
    body->n_bytes = 0;
    if (max_bytes <= body->max_bytes)
        return;
    max_bytes = (max_bytes + max_bytes / 4 + 4095) & ~(size_t)4095;
    free(body->bytes);
    body->bytes = malloc(max_bytes);
    if (!body->bytes)
        abort();
    body->max_bytes = max_bytes;
}

/* protobuf-c's structs are without const; packing only reads. */
static void *unconst(const void *pointer)
{
    union {
        const void *from;
        void *to;
    } cast = {.from = pointer};
    return cast.to;
}

static char *add_text(struct tree *tree, const char *text)
{
    tree->max_bytes += MAX_FIELD_BYTES + strlen(text);
    return unconst(text);
}

static Otlp__ArrayValue *make_array(struct tree *tree, const struct text *texts, uint32_t n)
{
    Otlp__ArrayValue *array = arena_alloc(tree->arena, sizeof(*array));
    Otlp__AnyValue *items = arena_alloc(tree->arena, n * sizeof(*items));
    otlp__array_value__init(array);
    array->n_values = n;
    array->values = arena_alloc(tree->arena, n * sizeof(*array->values));
    for (uint32_t i = 0; i < n; i++) {
        otlp__any_value__init(&items[i]);
        items[i].value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
        items[i].string_value = unconst(texts[i].bytes);
        array->values[i] = &items[i];
        tree->max_bytes += 2 * MAX_FIELD_BYTES + texts[i].n_bytes;
    }
    return array;
}

static void fill_any_value(struct tree *tree, Otlp__AnyValue *message, const struct attribute *attribute)
{
    tree->max_bytes += MAX_FIELD_BYTES;
    switch (attribute->type) {
    case ATTRIBUTE_STRING:
        message->value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
        message->string_value = unconst(attribute->value.string.bytes);
        tree->max_bytes += attribute->value.string.n_bytes;
        break;
    case ATTRIBUTE_INT:
        message->value_case = OTLP__ANY_VALUE__VALUE_INT_VALUE;
        message->int_value = attribute->value.integer;
        break;
    case ATTRIBUTE_DOUBLE:
        message->value_case = OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE;
        message->double_value = attribute->value.number;
        break;
    case ATTRIBUTE_BOOL:
        message->value_case = OTLP__ANY_VALUE__VALUE_BOOL_VALUE;
        message->bool_value = attribute->value.flag;
        break;
    case ATTRIBUTE_STRINGS:
        message->value_case = OTLP__ANY_VALUE__VALUE_ARRAY_VALUE;
        message->array_value =
            make_array(tree, attribute->value.strings.items, attribute->value.strings.n_items);
        break;
    }
}

static Otlp__KeyValue **make_attributes(struct tree *tree, const struct attributes *list)
{
    struct pair {
        Otlp__KeyValue key_value;
        Otlp__AnyValue value;
    };
    if (!list->n)
        return NULL;
    Otlp__KeyValue **pointers = arena_alloc(tree->arena, list->n * sizeof(*pointers));
    struct pair *pairs = arena_alloc(tree->arena, list->n * sizeof(*pairs));
    for (uint32_t i = 0; i < list->n; i++) {
        struct pair *pair = &pairs[i];
        otlp__key_value__init(&pair->key_value);
        pair->key_value.key = add_text(tree, list->items[i].key);
        pair->key_value.value = &pair->value;
        otlp__any_value__init(&pair->value);
        fill_any_value(tree, &pair->value, &list->items[i]);
        pointers[i] = &pair->key_value;
    }
    tree->max_bytes += 2 * MAX_FIELD_BYTES * list->n;
    return pointers;
}

static void fill_events(struct tree *tree, Otlp__Span *message, const struct span *span)
{
    message->n_events = span->n_events;
    message->events = arena_alloc(tree->arena, span->n_events * sizeof(*message->events));
    Otlp__Span__Event *events = arena_alloc(tree->arena, span->n_events * sizeof(*events));
    for (uint32_t i = 0; i < span->n_events; i++) {
        const struct span_event *event = &span->events[i];
        otlp__span__event__init(&events[i]);
        events[i].time_unix_nano = event->time_unix_ns;
        events[i].name = add_text(tree, event->name);
        events[i].n_attributes = event->attributes.n;
        events[i].attributes = make_attributes(tree, &event->attributes);
        events[i].dropped_attributes_count = event->attributes.n_dropped;
        message->events[i] = &events[i];
    }
    tree->max_bytes += 3 * MAX_FIELD_BYTES * span->n_events;
}

static Otlp__Span *make_span(struct tree *tree, const struct span *span)
{
    Otlp__Span *message = arena_alloc(tree->arena, sizeof(*message));
    tree->max_bytes += 32 + 16 * MAX_FIELD_BYTES; /* ids; every field that is no text */
    otlp__span__init(message);
    message->trace_id = (ProtobufCBinaryData){16, unconst(span->trace_id)};
    message->span_id = (ProtobufCBinaryData){8, unconst(span->span_id)};
    if (span->has_parent) /* a root has no bytes here, not eight zeros */
        message->parent_span_id = (ProtobufCBinaryData){8, unconst(span->parent_span_id)};
    if (span->trace_state)
        message->trace_state = add_text(tree, span->trace_state);
    message->flags = span->flags;
    message->name = add_text(tree, span->name);
    message->kind = (Otlp__Span__SpanKind)span->kind;
    message->start_time_unix_nano = span->start_unix_ns;
    message->end_time_unix_nano = span->end_unix_ns;
    message->n_attributes = span->attributes.n;
    message->attributes = make_attributes(tree, &span->attributes);
    message->dropped_attributes_count = span->attributes.n_dropped;
    message->dropped_events_count = span->n_dropped_events;
    if (span->n_events)
        fill_events(tree, message, span);
    if (span->status != SPAN_UNSET) {
        message->status = arena_alloc(tree->arena, sizeof(*message->status));
        otlp__status__init(message->status);
        message->status->code = (Otlp__Status__StatusCode)span->status;
        if (span->status == SPAN_ERROR && span->status_message)
            message->status->message = add_text(tree, span->status_message);
    }
    return message;
}

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

    struct resource_group *group = arena_zalloc(grouping->tree->arena, sizeof(*group));
    group->resource = resource;
    group->last = &group->first;
    otlp__resource_spans__init(&group->message);
    otlp__resource__init(&group->of_resource);
    group->message.resource = &group->of_resource;
    grouping->tree->max_bytes += 3 * MAX_FIELD_BYTES;
    if (resource) {
        group->of_resource.n_attributes = resource->attributes.n;
        group->of_resource.attributes = make_attributes(grouping->tree, &resource->attributes);
        group->of_resource.dropped_attributes_count = resource->attributes.n_dropped;
        if (resource->schema_url)
            group->message.schema_url = add_text(grouping->tree, resource->schema_url);
    }
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
    struct scope_group *group = arena_zalloc(grouping->tree->arena, sizeof(*group));
    struct resource_group *parent = find_resource_group(grouping, span->resource);
    group->resource = span->resource;
    group->scope = scope;
    group->hash = hash;
    otlp__scope_spans__init(&group->message);
    otlp__instrumentation_scope__init(&group->instrumentation);
    group->instrumentation.name = add_text(grouping->tree, scope);
    group->instrumentation.version = add_text(grouping->tree, OTELSHIM_VERSION);
    group->message.scope = &group->instrumentation;
    grouping->tree->max_bytes += 2 * MAX_FIELD_BYTES;
    group->message.schema_url = add_text(grouping->tree, SCHEMA_URL);
    grouping->scopes[slot] = group;
    *parent->last = group;
    parent->last = &group->next;
    parent->n_scopes++;
    return group;
}

static void start_grouping(struct grouping *grouping, uint32_t n_spans, struct tree *tree)
{
    uint32_t n_slots = 8;
    while (n_slots < 2 * n_spans)
        n_slots *= 2;
    *grouping = (struct grouping){.tree = tree, .mask = n_slots - 1};
    grouping->scopes = arena_zalloc(tree->arena, n_slots * sizeof(*grouping->scopes));
    grouping->resources = arena_zalloc(tree->arena, n_slots * sizeof(*grouping->resources));
    grouping->in_order = arena_alloc(tree->arena, n_spans * sizeof(*grouping->in_order));
}

/* Which group each span belongs to. Neighbours nearly always share one. */
static struct scope_group **group_spans(struct grouping *grouping, struct span *const *spans,
                                        uint32_t n_spans)
{
    struct scope_group **group_of = arena_alloc(grouping->tree->arena, n_spans * sizeof(*group_of));
    for (uint32_t i = 0; i < n_spans; i++) {
        bool is_same =
            i && spans[i]->resource == spans[i - 1]->resource && spans[i]->scope == spans[i - 1]->scope;
        group_of[i] = is_same ? group_of[i - 1] : find_scope_group(grouping, spans[i]);
        group_of[i]->n_spans++;
    }
    return group_of;
}

static void fill_request(Otlp__ExportTraceServiceRequest *request, const struct grouping *grouping)
{
    struct arena *arena = grouping->tree->arena;
    request->n_resource_spans = grouping->n_resources;
    request->resource_spans = arena_alloc(arena, grouping->n_resources * sizeof(*request->resource_spans));
    for (uint32_t i = 0; i < grouping->n_resources; i++) {
        struct resource_group *resource = grouping->in_order[i];
        resource->message.scope_spans =
            arena_alloc(arena, resource->n_scopes * sizeof(*resource->message.scope_spans));
        for (struct scope_group *scope = resource->first; scope; scope = scope->next) {
            scope->message.spans = arena_alloc(arena, scope->n_spans * sizeof(*scope->message.spans));
            resource->message.scope_spans[resource->message.n_scope_spans++] = &scope->message;
        }
        request->resource_spans[i] = &resource->message;
    }
}

int encode_trace(struct span *const *spans, uint32_t n_spans, size_t max_bytes, struct arena *arena,
                 struct body *ret_body)
{
    struct tree tree = {.arena = arena};
    struct grouping grouping;
    start_grouping(&grouping, n_spans, &tree);
    struct scope_group **group_of = group_spans(&grouping, spans, n_spans);
    Otlp__ExportTraceServiceRequest request = OTLP__EXPORT_TRACE_SERVICE_REQUEST__INIT;
    fill_request(&request, &grouping);
    for (uint32_t i = 0; i < n_spans; i++) {
        Otlp__ScopeSpans *message = &group_of[i]->message;
        message->spans[message->n_spans++] = make_span(&tree, spans[i]);
    }
    if (tree.max_bytes > max_bytes) {
        tree.max_bytes = otlp__export_trace_service_request__get_packed_size(&request);
        if (tree.max_bytes > max_bytes)
            return -EMSGSIZE;
    }
    body_reserve(ret_body, tree.max_bytes);
    ret_body->n_bytes = otlp__export_trace_service_request__pack(&request, ret_body->bytes);
    assert(ret_body->n_bytes <= tree.max_bytes);
    return 0;
}
