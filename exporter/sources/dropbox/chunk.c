/* chunk: see chunk.h. */
#include "sources/dropbox/chunk.h"

uint32_t chunk_bytes(uint64_t word)
{
    return (uint32_t)(word & WIRE_BYTES_MASK) * 8;
}

uint32_t chunk_sequence(uint64_t word)
{
    return (uint32_t)((word >> WIRE_SEQ_SHIFT) & WIRE_SEQ_MASK);
}

static bool is_next(uint32_t sequence, uint32_t other)
{
    return other == ((sequence + 1) & WIRE_SEQ_MASK);
}

static bool is_closed(uint64_t word)
{
    return (word & WIRE_CLOSED) != 0;
}

/* The bit between OWNED and the length means nothing yet. */
#define UNUSED_BIT (1ull << 12)

enum chunk_news chunk_compare(uint64_t host, uint64_t acknowledged, uint64_t taken,
                              struct chunk_part *ret_part)
{
    uint64_t word = host & WIRE_STATE_MASK;
    if (word == taken)
        return CHUNK_NOTHING;
    struct chunk_part part = {.word = word, .to = chunk_bytes(word)};
    if (part.to > WIRE_CHUNK_BYTES || (word & UNUSED_BIT))
        return CHUNK_CORRUPT;
    if (chunk_sequence(word) == chunk_sequence(taken)) {
        part.from = chunk_bytes(taken);
        if (part.to < part.from || is_closed(taken))
            return CHUNK_CORRUPT; /* went back, or a lease that was closed goes on */
    } else {
        /* leased anew: only what was closed and acknowledged to the end was free */
        if (!is_next(chunk_sequence(taken), chunk_sequence(word)) || !is_closed(taken) ||
            taken != acknowledged)
            return CHUNK_CORRUPT;
        part.is_new_lease = true;
    }
    *ret_part = part;
    return CHUNK_NEW;
}

uint64_t chunk_word_at(const struct chunk_part *part, uint32_t to)
{
    if (to >= part->to)
        return part->word;
    return (part->word & ~(WIRE_BYTES_MASK | WIRE_CLOSED)) | to / 8;
}

bool chunk_may_acknowledge(uint64_t acknowledged, uint64_t taken, uint64_t word)
{
    if (word == acknowledged || chunk_sequence(word) != chunk_sequence(taken) ||
        chunk_bytes(word) > chunk_bytes(taken) || (is_closed(word) && !is_closed(taken)))
        return false;
    if (chunk_sequence(acknowledged) != chunk_sequence(word))
        return is_next(chunk_sequence(acknowledged), chunk_sequence(word));
    return chunk_bytes(word) >= chunk_bytes(acknowledged) && !is_closed(acknowledged);
}
