/* facts: see facts.h. Which facts are kept for unsampled spans is a column of wire/attributes.h. */
#include "facts.h"

#include "hot.h"
#include "text.h"
#include <string.h>

static_assert(offsetof(struct wire_fact, type) == 2 && offsetof(struct wire_fact, flags) == 3 &&
                  offsetof(struct wire_fact, bytes) == 4 && offsetof(struct wire_fact, original) == 6,
              "a fact is one little-endian word");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "x86-64 and aarch64 as Linux runs them");

/* Keeps the compiler from moving staging stores across; the CPU sees its own stores in order. */
static inline void fence(void)
{
    __asm__ volatile("" ::: "memory");
}

static inline uint32_t padded(size_t bytes)
{
    return (uint32_t)(sizeof(struct wire_fact) + ((bytes + 7) & ~(size_t)7));
}

/* What does not fit whole: the beginning of a text, and nothing of a number. 0: not even that. */
static size_t cut_to_room(struct facts *facts, enum wire_type type, const void *value, uint32_t room)
{
    if (facts->cut)
        (*facts->cut)++;
    if (room < sizeof(struct wire_fact) + 64 || (type != WIRE_STRING && type != WIRE_BYTES))
        return 0;
    size_t fitting = (room & ~7u) - sizeof(struct wire_fact);
    return type == WIRE_STRING ? text_cut(value, fitting) : fitting;
}

static inline uint64_t head_of(enum wire_attribute key, enum wire_type type, size_t kept, size_t original)
{
    return (uint64_t)key | (uint64_t)type << FACT_TYPE_SHIFT | (uint64_t)kept << FACT_BYTES_SHIFT |
           (uint64_t)original << FACT_ORIGINAL_SHIFT;
}

static inline void store(struct facts *facts, uint32_t used, uint64_t head, const void *value, size_t bytes)
{
    uint8_t *at = facts->base + used;
    memcpy(at, &head, sizeof(head));
    memcpy(at + sizeof(head), value, bytes);
    fence();
    *facts->bytes = used + padded(bytes);
}

static void append_cut(struct facts *facts, enum wire_attribute key, enum wire_type type, const void *value,
                       size_t bytes)
{
    size_t kept = bytes, original = bytes > UINT16_MAX ? UINT16_MAX : bytes;
    uint32_t used = *facts->bytes, room = facts->max_bytes - used;
    if (bytes > WIRE_STRING_MAX)
        kept = type == WIRE_STRING ? text_cut(value, WIRE_STRING_MAX) : WIRE_STRING_MAX;
    if (padded(kept) > room)
        kept = cut_to_room(facts, type, value, room);
    if (kept)
        store(facts, used, head_of(key, type, kept, original) | (uint64_t)WIRE_FACT_CUT << FACT_FLAGS_SHIFT,
              value, kept);
}

/* Behind append(), so that what is short needs no registers saved. */
static __attribute__((noinline)) void append_long(struct facts *facts, enum wire_attribute key,
                                                  enum wire_type type, const void *value, size_t bytes)
{
    uint32_t used = *facts->bytes;
    if (__builtin_expect(bytes <= WIRE_STRING_MAX && padded(bytes) <= facts->max_bytes - used, 1))
        store(facts, used, head_of(key, type, bytes, bytes), value, bytes);
    else
        append_cut(facts, key, type, value, bytes);
    fence();
    *facts->busy = 0;
}

/* A UNIX-signal handler that comes in between sees `busy` and stages elsewhere. */
static inline void append(struct facts *facts, enum wire_attribute key, enum wire_type type,
                          const void *value, size_t bytes)
{
    *facts->busy = 1;
    fence();
    uint32_t used = *facts->bytes;
    uint8_t *at = facts->base + used;
    uint64_t head = head_of(key, type, bytes, bytes);
    if (facts->max_bytes - used < sizeof(head) + 16 || !facts_copy_short(at + sizeof(head), value, bytes)) {
        append_long(facts, key, type, value, bytes);
        return;
    }
    memcpy(at, &head, sizeof(head));
    fence();
    *facts->bytes = used + padded(bytes);
    fence();
    *facts->busy = 0;
}

HOT void facts_string(struct facts *facts, enum wire_attribute key, const char *text, size_t bytes)
{
    if (text && facts_wants(facts, key))
        append(facts, key, WIRE_STRING, text, bytes);
}

void facts_text(struct facts *facts, enum wire_attribute key, const char *text)
{
    if (text && facts_wants(facts, key))
        append(facts, key, WIRE_STRING, text, strlen(text));
}

void facts_bytes(struct facts *facts, enum wire_attribute key, const void *data, size_t bytes)
{
    if (data && facts_wants(facts, key))
        append(facts, key, WIRE_BYTES, data, bytes);
}

#define CUSTOM_HEAD_BYTES 2u

/* How much of the value fits behind the key: of a text what the room and WIRE_STRING_MAX leave, of others all or (SIZE_MAX) nothing. */
static __attribute__((noinline)) size_t fit_custom(const struct facts_custom *custom, size_t key_bytes,
                                                   uint32_t room)
{
    size_t head = CUSTOM_HEAD_BYTES + key_bytes, most = room & ~7u;
    most = most < sizeof(struct wire_fact) ? 0 : most - sizeof(struct wire_fact);
    most = most < WIRE_STRING_MAX ? most : WIRE_STRING_MAX;
    if (head + custom->value_bytes <= most)
        return custom->value_bytes;
    return custom->type == WIRE_STRING && most >= head + 16 ? text_cut(custom->value, most - head) : SIZE_MAX;
}

static inline void store_custom(struct facts *facts, const struct facts_custom *custom, size_t key_bytes,
                                size_t kept)
{
    uint32_t used = *facts->bytes;
    uint8_t *at = facts->base + used;
    size_t bytes = CUSTOM_HEAD_BYTES + key_bytes + kept,
           original = CUSTOM_HEAD_BYTES + key_bytes + custom->value_bytes;
    uint64_t word = head_of(WIRE_CUSTOM, WIRE_BYTES, bytes, original > UINT16_MAX ? UINT16_MAX : original);
    if (kept < custom->value_bytes)
        word |= (uint64_t)WIRE_FACT_CUT << FACT_FLAGS_SHIFT;
    memcpy(at, &word, sizeof(word));
    at += sizeof(word);
    at[0] = custom->type;
    at[1] = (uint8_t)key_bytes;
    memcpy(at + CUSTOM_HEAD_BYTES, custom->key, key_bytes);
    if (kept == sizeof(uint64_t)) /* a number: no call for that */
        memcpy(at + CUSTOM_HEAD_BYTES + key_bytes, custom->value, sizeof(uint64_t));
    else if (kept)
        memcpy(at + CUSTOM_HEAD_BYTES + key_bytes, custom->value, kept);
    fence();
    *facts->bytes = used + padded(bytes);
}

void facts_custom(struct facts *facts, const struct facts_custom *custom)
{
    size_t key_bytes =
        custom->key_bytes <= FACTS_KEY_MAX ? custom->key_bytes : text_cut(custom->key, FACTS_KEY_MAX);
    if (!key_bytes || !facts_wants(facts, WIRE_CUSTOM))
        return;
    *facts->busy = 1;
    fence();
    uint32_t room = facts->max_bytes - *facts->bytes;
    size_t kept = custom->value_bytes, bytes = CUSTOM_HEAD_BYTES + key_bytes + kept;
    if (__builtin_expect(bytes > WIRE_STRING_MAX || padded(bytes) > room, 0))
        kept = fit_custom(custom, key_bytes, room);
    if (__builtin_expect(kept != custom->value_bytes, 0) && facts->cut)
        (*facts->cut)++;
    if (__builtin_expect(kept != SIZE_MAX, 1))
        store_custom(facts, custom, key_bytes, kept);
    fence();
    *facts->busy = 0;
}

void facts_beginning(struct facts *facts, enum wire_attribute key, const struct facts_part *part,
                     uint32_t later_bytes)
{
    uint32_t used = *facts->bytes, taken = used + (uint32_t)sizeof(struct wire_fact) + later_bytes;
    size_t room = taken < facts->max_bytes ? (facts->max_bytes - taken) & ~7u : 0;
    size_t kept = part->bytes < room ? part->bytes : room;
    size_t original = part->whole > UINT16_MAX ? UINT16_MAX : part->whole;
    uint64_t flags = kept < part->whole ? (uint64_t)WIRE_FACT_CUT << FACT_FLAGS_SHIFT : 0;
    if (!kept || !facts_wants(facts, key))
        return;
    *facts->busy = 1;
    fence();
    store(facts, used, head_of(key, WIRE_BYTES, kept, original) | flags, part->data, kept);
    fence();
    *facts->busy = 0;
}

/* The words of those in front that fit; what is left out is counted. */
static __attribute__((noinline, cold)) uint32_t cut_encoded(struct facts *facts, const uint64_t *words,
                                                            uint32_t n_words)
{
    uint32_t room = (facts->max_bytes - *facts->bytes) / 8, n_fitting = 0;
    for (uint32_t at = 0; at < n_words;) {
        const struct wire_fact *fact = (const struct wire_fact *)(const void *)(words + at);
        at += padded(fact->bytes) / 8;
        if (at <= room)
            n_fitting = at;
        else if (facts->cut)
            (*facts->cut)++;
    }
    return n_fitting;
}

HOT void facts_encoded(struct facts *facts, const uint64_t *words, uint32_t n_words)
{
    *facts->busy = 1;
    fence();
    uint32_t used = *facts->bytes;
    if (__builtin_expect(n_words * 8 > facts->max_bytes - used, 0))
        n_words = cut_encoded(facts, words, n_words);
    uint8_t *to = facts->base + used;
    uint32_t left = n_words;
    for (; left >= 2; left -= 2, words += 2, to += 16)
        memcpy(to, words, 16);
    if (left)
        memcpy(to, words, 8);
    fence();
    *facts->bytes = used + n_words * 8;
    fence();
    *facts->busy = 0;
}

void facts_double(struct facts *facts, enum wire_attribute key, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    facts_number(facts, key, WIRE_DOUBLE, bits);
}
