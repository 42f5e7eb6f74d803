/*
 * record: an ended span, from its staged facts into a chunk.
 *
 * Context: hot, async-signal-safe.
 */
#ifndef OTELSHIM_RECORD_H
#define OTELSHIM_RECORD_H

#include "buffer.h"
#include "connection.h"
#include <string.h>

/*
 * Puts `fact_bytes` facts, which lie at staged + open->bytes + sizeof(struct wire_facts) already, into a block of shared
 * facts (of a connection, a statement). Only before any plain fact. `mark` gets a number if it has none.
 */
void record_seal_shared(struct wire_open_span *open, uint8_t *staged, struct interned *mark,
                        uint32_t fact_bytes);

/* The connection's shared facts likewise, with the facts copied there. No room, or nothing known: the span goes without. */
void record_copy_connection(struct wire_open_span *open, uint8_t *staged, uint32_t max_bytes,
                            const struct connection *connection);

/* The block's number and how many bytes of facts it has, as one word. */
static inline uint64_t record_identity(const struct wire_facts *block)
{
    static_assert(offsetof(struct wire_facts, number) == 8 && sizeof(*block) == 16, "they end its head");
    uint64_t words[2];
    memcpy(words, block, sizeof(words));
    return words[1];
}

/*
 * The same for a span without facts so far. At the beginning of a place (`from` 0), which whoever used it filled from there, the block is nearly always there
 * still. Its number tells; and no fact looks like it, for a fact's type makes the first word larger than any block.
 */
static inline void record_stage_connection(struct wire_open_span *open, uint8_t *staged, uint32_t from,
                                           uint32_t max_bytes, const struct connection *connection)
{
    const struct wire_facts *there = (const struct wire_facts *)(const void *)staged;
    uint32_t fact_bytes = connection->shared.fact_bytes, bytes = (uint32_t)sizeof(*there) + fact_bytes;
    bool is_there =
        record_identity(there) == record_identity(&connection->shared) && there->record.bytes == bytes;
    if (__builtin_expect(!from && fact_bytes && is_there, 1)) {
        open->n_shared = 1;
        open->bytes = bytes;
        return;
    }
    record_copy_connection(open, staged, max_bytes, connection);
}

/* Where the own facts begin among the staged ones, which shared blocks the record refers to, what was written. */
struct record_shared {
    uint32_t numbers[2];
    uint32_t from;
    uint32_t written;
};

/* Where a record goes. */
struct record_place {
    uint8_t *at;
    uint64_t lease_id;
};

/* The shared blocks that this chunk has not got yet, before the record that refers to them. */
struct record_shared record_write_shared(const struct record_place *place, const struct wire_open_span *open,
                                         const uint8_t *staged, struct interned *const marks[2]);

/* Does the chunk have this block already? */
static inline bool record_has(uint64_t lease_id, const struct wire_facts *block, const struct interned *mark)
{
    return mark && mark->lease_id == lease_id && mark->number == block->number;
}

/* Nearly always there is one block, or a statement's behind it, and the chunk has them. */
static inline struct record_shared record_refer(const struct record_place *place,
                                                const struct wire_open_span *open, const uint8_t *staged,
                                                struct interned *const marks[2])
{
    const struct wire_facts *block = (const struct wire_facts *)(const void *)staged;
    if (__builtin_expect(open->n_shared && record_has(place->lease_id, block, marks[0]), 1)) {
        uint32_t from = block->record.bytes;
        if (open->n_shared == 1)
            return (struct record_shared){.numbers = {block->number}, .from = from};
        const struct wire_facts *second = (const struct wire_facts *)(const void *)(staged + from);
        if (record_has(place->lease_id, second, marks[1]))
            return (struct record_shared){.numbers = {block->number, second->number},
                                          .from = from + second->record.bytes};
    }
    const struct record_place copy = *place; /* the usual one stays in registers */
    struct interned *const all[2] = {marks[0], marks[1]};
    return record_write_shared(&copy, open, staged, all);
}

#define RECORD_NUMBER_BYTES 16u /* one fact that is a number */

/* Facts are multiples of 8 bytes, and few: a call for that costs as much as the copy. */
#define RECORD_FEW_BYTES 64u
static inline void record_copy_facts(uint8_t *to, const uint8_t *from, uint32_t bytes)
{
    if (__builtin_expect(bytes > RECORD_FEW_BYTES, 0)) {
        memcpy(to, from, bytes);
        return;
    }
    if (__builtin_expect(bytes < 16, 0)) {
        if (bytes)
            memcpy(to, from, 8);
        return;
    }
    for (uint32_t at = 0; at < bytes - 16; at += 16)
        memcpy(to + at, from + at, 16);
    memcpy(to + bytes - 16, from + bytes - 16, 16); /* half of it once more, perhaps */
}

/* How a span ended. */
struct record_end {
    struct interned *marks[2]; /* what its shared blocks belong to; NULL: the block is written every time */
    uint64_t now_ns;
    enum wire_outcome outcome;
    bool has_rows; /* one fact more: WIRE_DB_RETURNED_ROWS */
    int64_t rows;
};

/* Fields that fill a word together, so that they are one store: a record's head; the outcome and what is reserved behind it. */
static inline void record_store_word(struct wire_span *span, size_t offset, uint64_t word)
{
    static_assert(sizeof(struct wire_record) == 8 && offsetof(struct wire_record, kind) == 4, "one word");
    static_assert(offsetof(struct wire_span, record) == 0 &&
                      offsetof(struct wire_span, outcome) + 8 == sizeof(struct wire_span),
                  "one word each");
    memcpy((uint8_t *)span + offset, &word, sizeof(word));
}

static inline uint32_t record_max_bytes(const struct wire_open_span *open, const struct record_end *end)
{
    return (uint32_t)sizeof(struct wire_span) + open->bytes + (end->has_rows ? RECORD_NUMBER_BYTES : 0);
}

/* The span as a record, and what it refers to. Returns the bytes. */
static inline __attribute__((always_inline)) uint32_t record_write(const struct record_place *place,
                                                                   const struct wire_open_span *open,
                                                                   const uint8_t *staged,
                                                                   const struct record_end *end)
{
    struct record_shared shared = record_refer(place, open, staged, end->marks);
    uint32_t own_bytes = open->bytes - shared.from;
    struct wire_span *span = (struct wire_span *)(void *)(place->at + shared.written);
    uint8_t *to = (uint8_t *)(span + 1);
    span->facts = open->facts;
    span->end_mono_ns = end->now_ns;
    span->connection = shared.numbers[0];
    span->statement = shared.numbers[1];
    record_store_word(span, offsetof(struct wire_span, outcome), (uint8_t)end->outcome);
    record_copy_facts(to, staged + shared.from, own_bytes);
    if (end->has_rows) {
        facts_store_number(to + own_bytes, WIRE_DB_RETURNED_ROWS, WIRE_INT, (uint64_t)end->rows);
        own_bytes += RECORD_NUMBER_BYTES;
    }
    uint32_t bytes = (uint32_t)sizeof(*span) + own_bytes;
    record_store_word(span, 0, bytes | (uint64_t)WIRE_RECORD_SPAN << 32);
    return shared.written + bytes;
}

/* Not into the chunk that the thread has. */
void record_commit_slowly(struct thread *thread, const struct wire_open_span *open, const uint8_t *staged,
                          const struct record_end *end);

/* Commits the span as one record. `staged` is where its facts lie. No room in the pool: counted there. `box` is
 * dropbox_file(). */
static inline __attribute__((always_inline)) void
record_commit(const struct dropbox *box, struct thread *thread, const struct wire_open_span *open,
              const uint8_t *staged, const struct record_end *end)
{
    if (__builtin_expect(!buffer_reserve_own(box, thread, record_max_bytes(open, end)), 0)) {
        const struct record_end copy = *end; /* the usual one stays in registers */
        record_commit_slowly(thread, open, staged, &copy);
        return;
    }
    const struct record_place place = {thread->lease.at, thread->lease.id};
    uint64_t word = thread->lease.word;
    buffer_commit_own(thread, place.lease_id, word, record_write(&place, open, staged, end));
}

#endif
