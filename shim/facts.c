/* facts: see facts.h. Which facts are kept for unsampled spans is a column of wire/attributes.h. */
#include "facts.h"

#include "text.h"
#include <string.h>

/* The `when` column, by fact number. */
static const bool is_always[] = {
#define always true
#define sampled false
#define ATTRIBUTE(number, NAME, TYPE, when, name, meaning) [number] = (when),
#include <attributes.h>
#undef ATTRIBUTE
#undef always
#undef sampled
};

static void count_cut(struct facts *facts)
{
    if (facts->cut)
        (*facts->cut)++;
}

/* Keeps the compiler from moving staging stores across; the CPU sees its own stores in order. */
static void fence(void)
{
    __asm__ volatile("" ::: "memory");
}

/* Appends one fact of `bytes` payload bytes; as much of it as fits, where it may be cut. */
static void append(struct facts *facts, struct wire_fact fact, const void *value)
{
    uint32_t used = *facts->bytes;
    uint32_t room = facts->max_bytes - used;
    uint32_t need = (uint32_t)sizeof(fact) + ((fact.bytes + 7u) & ~7u);
    if (need > room) {
        count_cut(facts);
        if (room < sizeof(fact) + 64 || (fact.type != WIRE_STRING && fact.type != WIRE_BYTES))
            return;
        uint32_t fitting = (room & ~7u) - (uint32_t)sizeof(fact);
        fact.bytes = (uint16_t)(fact.type == WIRE_STRING ? text_cut(value, fitting) : fitting);
        fact.flags |= WIRE_FACT_CUT;
        need = (uint32_t)sizeof(fact) + ((fact.bytes + 7u) & ~7u);
    }
    uint8_t *at = facts->base + used;
    memcpy(at, &fact, sizeof(fact));
    memcpy(at + sizeof(fact), value, fact.bytes);
    fence();
    *facts->bytes = used + need;
}

/* A UNIX-signal handler that comes in between sees `busy` and stages elsewhere. */
static void append_guarded(struct facts *facts, enum wire_attribute key, enum wire_type type,
                           const void *value, size_t bytes)
{
    if (facts->always_only && !is_always[key])
        return;
    struct wire_fact fact = {
        .key = (uint16_t)key,
        .type = (uint8_t)type,
        .original = (uint16_t)(bytes > UINT16_MAX ? UINT16_MAX : bytes),
    };
    if (bytes > WIRE_STRING_MAX) {
        bytes = type == WIRE_STRING ? text_cut(value, WIRE_STRING_MAX) : WIRE_STRING_MAX;
        fact.flags = WIRE_FACT_CUT;
    }
    fact.bytes = (uint16_t)bytes;
    if (facts->busy)
        *facts->busy = *facts->busy + 1;
    fence();
    append(facts, fact, value);
    fence();
    if (facts->busy)
        *facts->busy = *facts->busy - 1;
}

void facts_string(struct facts *facts, enum wire_attribute key, const char *text, size_t bytes)
{
    if (text)
        append_guarded(facts, key, WIRE_STRING, text, bytes);
}

void facts_text(struct facts *facts, enum wire_attribute key, const char *text)
{
    if (text)
        append_guarded(facts, key, WIRE_STRING, text, strlen(text));
}

void facts_bytes(struct facts *facts, enum wire_attribute key, const void *data, size_t bytes)
{
    if (data)
        append_guarded(facts, key, WIRE_BYTES, data, bytes);
}

void facts_int(struct facts *facts, enum wire_attribute key, int64_t value)
{
    append_guarded(facts, key, WIRE_INT, &value, sizeof(value));
}

void facts_double(struct facts *facts, enum wire_attribute key, double value)
{
    append_guarded(facts, key, WIRE_DOUBLE, &value, sizeof(value));
}
