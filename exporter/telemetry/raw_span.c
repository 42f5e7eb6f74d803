/* raw_span: see raw_span.h. */
#include "telemetry/raw_span.h"

const struct raw_fact *raw_facts_copy(struct arena *arena, const struct raw_fact *facts, uint32_t n_facts)
{
    struct raw_fact *copy = arena_alloc(arena, (n_facts + 1) * sizeof(*copy));
    for (uint32_t i = 0; i < n_facts; i++) {
        copy[i] = facts[i];
        if (facts[i].bytes)
            copy[i].bytes = arena_copy(arena, facts[i].bytes, facts[i].n_bytes);
    }
    return copy;
}

const struct raw_fact *raw_span_find(const struct raw_span *raw, enum wire_attribute key)
{
    for (uint32_t i = 0; i < raw->n_facts; i++)
        if (raw->facts[i].key == key)
            return &raw->facts[i];
    return NULL;
}

uint64_t raw_span_end_mono_ns(const struct raw_span *raw)
{
    bool may_say = raw->kind == RAW_SPAN && raw->instrumentation && raw->instrumentation->family == WIRE_HTTP;
    const struct raw_fact *over = may_say ? raw_span_find(raw, WIRE_HTTP_END_US) : NULL;
    if (!over || over->type != WIRE_INT || over->integer <= 0 || over->integer > INT64_MAX / 1000)
        return raw->end_mono_ns;
    uint64_t end = raw->span.start_mono_ns + (uint64_t)over->integer * 1000;
    return end < raw->end_mono_ns ? end : raw->end_mono_ns;
}
