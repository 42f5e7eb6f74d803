/* alike: see alike.h. */
#include "signals/spans/alike.h"

#include "base/hash.h"
#include <assert.h>

#define N_PLACES 128u /* a power of two */
#define SCOPE_PREFIX "otelshim."

/* All that name, attributes and status of a database span are made of, besides the facts. */
struct alike_key {
    uint64_t connection, statement;
    uint32_t n_bytes;
    uint16_t instrumentation;
    uint8_t operation, outcome, kind, is_raw, has_old_names, reserved[5];
};
static_assert(sizeof(struct alike_key) == 32, "no padding: it is compared and hashed as bytes");

struct alike_entry {
    struct span_likeness likeness;
    struct alike_key key;
    uint8_t bytes[]; /* the facts' */
};

/* An arena's annex. */
struct alike {
    struct alike_entry *entries[N_PLACES];
    uint64_t seen[N_PLACES];
    char scope_of[sizeof(((struct wire_instrumentation *)NULL)->name)];
    const char *scope;
};

static struct alike *annex_of(struct arena *arena)
{
    if (!arena->annex)
        arena->annex = arena_zalloc(arena, sizeof(struct alike));
    return arena->annex;
}

const char *alike_scope(struct arena *arena, const struct wire_instrumentation *row)
{
    struct alike *alike = annex_of(arena);
    if (alike->scope && memcmp(alike->scope_of, row->name, sizeof(row->name)) == 0)
        return alike->scope;
    char name[sizeof(SCOPE_PREFIX) + sizeof(row->name)] = SCOPE_PREFIX;
    size_t n = strnlen(row->name, sizeof(row->name));
    memcpy(name + sizeof(SCOPE_PREFIX) - 1, row->name, n);
    memcpy(alike->scope_of, row->name, sizeof(row->name));
    alike->scope = text_repaired(arena, name, sizeof(SCOPE_PREFIX) - 1 + n).bytes;
    return alike->scope;
}

static struct alike_key key_of(const struct raw_span *raw, const struct settings *settings)
{
    return (struct alike_key){
        .connection = raw->source.connection,
        .statement = raw->source.statement,
        .n_bytes = raw->source.n_bytes,
        .instrumentation = raw->span.instrumentation,
        .operation = raw->span.operation,
        .outcome = (uint8_t)raw->outcome,
        .kind = (uint8_t)raw->kind,
        .is_raw = settings->raw,
        .has_old_names = settings->has_old_database,
    };
}

/*
 * Spans of HTTP have the times of their phases: no two are alike. A connection's block is of one process. Where values
 * are cut to a length, it is done in the list itself.
 */
static bool may_be_alike(const struct raw_span *raw, const struct settings *settings)
{
    return raw->kind == RAW_SPAN && raw->source.bytes && raw->source.connection && raw->instrumentation &&
           raw->instrumentation->family == WIRE_DATABASE && settings->attribute_value_limit == UINT32_MAX;
}

struct span_likeness *alike_find(struct arena *arena, const struct raw_span *raw,
                                 const struct settings *settings, struct alike_place *ret_place)
{
    *ret_place = (struct alike_place){NULL, NULL, 0};
    if (!may_be_alike(raw, settings))
        return NULL;
    struct alike *alike = annex_of(arena);
    struct alike_key key = key_of(raw, settings);
    uint64_t hash = hash_bytes(hash_bytes(0, &key, sizeof(key)), raw->source.bytes, raw->source.n_bytes);
    struct alike_entry **entry = &alike->entries[hash % N_PLACES];
    *ret_place = (struct alike_place){entry, &alike->seen[hash % N_PLACES], hash};
    bool is_same = *entry && memcmp(&(*entry)->key, &key, sizeof(key)) == 0 &&
                   memcmp((*entry)->bytes, raw->source.bytes, key.n_bytes) == 0;
    return is_same ? &(*entry)->likeness : NULL;
}

void alike_remember(struct arena *arena, const struct raw_span *raw, const struct settings *settings,
                    const struct alike_place *place, struct span *span)
{
    if (!place->entry)
        return;
    if (*place->seen != place->hash) {
        *place->seen = place->hash;
        return;
    }
    struct alike_entry *entry = arena_alloc(arena, sizeof(*entry) + raw->source.n_bytes);
    *entry = (struct alike_entry){
        .likeness = {.name = span->name,
                     .status_message = span->status_message,
                     .attributes = span->attributes,
                     .kind = span->kind,
                     .status = span->status},
        .key = key_of(raw, settings),
    };
    memcpy(entry->bytes, raw->source.bytes, raw->source.n_bytes);
    *place->entry = entry;
    span->likeness = &entry->likeness;
}
