/*
 * facts: raw, bounded copies of what a call was about, in the encoding of struct wire_fact.
 *
 * Context: hot, async-signal-safe. What does not fit is cut or left out, counted in *cut; nothing fails.
 */
#ifndef OTELSHIM_FACTS_H
#define OTELSHIM_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <wire.h>

enum wire_attribute {
#define ATTRIBUTE(number, NAME, TYPE, when, name, meaning) WIRE_##NAME = (number),
#include <attributes.h>
#undef ATTRIBUTE
};

/* A place facts are appended to. `bytes` is raised only after the bytes are there: a kill leaves no half fact. */
struct facts {
    uint8_t *base;
    volatile uint32_t *bytes; /* used so far */
    uint32_t max_bytes;
    bool always_only;       /* not sampled: keep only the facts that metrics need */
    volatile uint16_t *cut; /* counts what did not fit; NULL: nobody counts */
    volatile uint32_t *
        busy; /* 1 while appending (thread.h); never NULL: any word of the owner where no signal handler asks */
};

/* Facts that are written once per chunk: (file, chunk, lease) they were last written under. 0: never. */
struct interned {
    uint64_t lease_id;
    uint32_t number; /* in its chunk; unique among everything interned in this process */
};

struct facts_part {
    const void *data;
    uint32_t bytes; /* at most WIRE_STRING_MAX */
    uint64_t whole;
};

/* At most WIRE_STRING_MAX bytes of `text`, cut on a UTF-8 boundary. NULL text: nothing. */
void facts_string(struct facts *facts, enum wire_attribute key, const char *text, size_t bytes);
/* The same for a NUL-terminated string. */
void facts_text(struct facts *facts, enum wire_attribute key, const char *text);
/* Raw bytes: cut anywhere. */
void facts_bytes(struct facts *facts, enum wire_attribute key, const void *data, size_t bytes);

/* An attribute with a key of its own: WIRE_CUSTOM. */
struct facts_custom {
    const char *key;
    const void *value;
    size_t key_bytes; /* 0: nothing is recorded */
    size_t value_bytes;
    uint8_t type; /* as WIRE_CUSTOM has it */
};
#define FACTS_KEY_MAX 255u

/* A text is cut on a UTF-8 boundary, and a key at FACTS_KEY_MAX bytes; `key` then has more than those. */
void facts_custom(struct facts *facts, const struct facts_custom *custom);
/*
 * The beginning of something that is `whole` bytes long: as many of `bytes` as leave `later_bytes` of room. That it is cut is no
 * loss, and not counted.
 */
void facts_beginning(struct facts *facts, enum wire_attribute key, const struct facts_part *part,
                     uint32_t later_bytes);
void facts_double(struct facts *facts, enum wire_attribute key, double value);

/* Facts that lie encoded already, in a row of words: all of them, or those in front that there is room for. Each is wanted. */
void facts_encoded(struct facts *facts, const uint64_t *words, uint32_t n_words);

/* What a fact of so many bytes takes, at most. */
static inline uint32_t facts_size(size_t bytes)
{
    size_t kept = bytes < WIRE_STRING_MAX ? bytes : WIRE_STRING_MAX;
    return (uint32_t)(sizeof(struct wire_fact) + ((kept + 7) & ~(size_t)7));
}

/* The `when` column, by fact number. */
static const bool facts_is_always[] = {
#define always true
#define sampled false
#define ATTRIBUTE(number, NAME, TYPE, when, name, meaning) [number] = (when),
#include <attributes.h>
#undef ATTRIBUTE
#undef always
#undef sampled
};

static inline bool facts_wants(const struct facts *facts, enum wire_attribute key)
{
    return facts_is_always[key] || !facts->always_only;
}

/* struct wire_fact as one word, so that it is one store. */
#define FACT_TYPE_SHIFT 16
#define FACT_FLAGS_SHIFT 24
#define FACT_BYTES_SHIFT 32
#define FACT_ORIGINAL_SHIFT 48

/* The first word of a fact that is whole. */
static inline uint64_t facts_head(enum wire_attribute key, enum wire_type type, size_t bytes)
{
    return (uint64_t)key | (uint64_t)type << FACT_TYPE_SHIFT | (uint64_t)bytes << FACT_BYTES_SHIFT |
           (uint64_t)bytes << FACT_ORIGINAL_SHIFT;
}

/* A number as a fact at `at`: 16 bytes. */
static inline void facts_store_number(uint8_t *at, enum wire_attribute key, enum wire_type type,
                                      uint64_t value)
{
    uint64_t words[2] = {facts_head(key, type, 8), value};
    memcpy(at, words, sizeof(words));
}

/* Eight bytes: nothing to measure, nothing to cut. A UNIX-signal handler that comes in between sees `busy`, and stages
 * elsewhere. */
static inline void facts_number(struct facts *facts, enum wire_attribute key, enum wire_type type,
                                uint64_t value)
{
    if (!facts_wants(facts, key))
        return;
    *facts->busy = 1;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    uint32_t used = *facts->bytes;
    if (__builtin_expect(facts->max_bytes - used < 16, 0)) {
        if (facts->cut)
            (*facts->cut)++;
    } else {
        facts_store_number(facts->base + used, key, type, value);
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        *facts->bytes = used + 16;
    }
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    *facts->busy = 0;
}

/* Most are short, and a call costs as much as the copy: two words that overlap. False: not so short, or hardly anything. */
static inline bool facts_copy_short(uint8_t *to, const char *from, size_t bytes)
{
    if (bytes - 8 <= 8) {
        uint64_t first, last;
        memcpy(&first, from, 8);
        memcpy(&last, from + bytes - 8, 8);
        memcpy(to, &first, 8);
        memcpy(to + bytes - 8, &last, 8);
    } else if (bytes - 4 <= 4) {
        uint32_t first, last;
        memcpy(&first, from, 4);
        memcpy(&last, from + bytes - 4, 4);
        memcpy(to, &first, 4);
        memcpy(to + bytes - 4, &last, 4);
    } else {
        return false;
    }
    return true;
}

/* Such a fact at `at`, of 4 to 16 bytes: there is room for as many. What it takes. */
static inline uint32_t facts_store_short(uint8_t *at, uint64_t head, const char *value, size_t bytes)
{
    memcpy(at, &head, sizeof(head));
    (void)facts_copy_short(at + sizeof(head), value, bytes);
    return (uint32_t)sizeof(head) + (((uint32_t)bytes + 7) & ~7u);
}

static inline void facts_int(struct facts *facts, enum wire_attribute key, int64_t value)
{
    facts_number(facts, key, WIRE_INT, (uint64_t)value);
}

#endif
