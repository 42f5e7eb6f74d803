/*
 * chunk: arithmetic of the two words (H of the host, E of the exporter) that are a chunk's whole state.
 *
 * Context: loop. Pure: nothing is read or written here. The words are hostile input (shim/wire/README.md).
 */
#ifndef OTELSHIM_SOURCE_DROPBOX_CHUNK_H
#define OTELSHIM_SOURCE_DROPBOX_CHUNK_H

#include <stdbool.h>
#include <stdint.h>
#include <wire.h>

/* H and E of a chunk that was never leased. */
#define CHUNK_VIRGIN WIRE_CLOSED

enum chunk_news { CHUNK_NOTHING, CHUNK_NEW, CHUNK_CORRUPT };

struct chunk_part {
    uint64_t word;     /* state once all of the part is taken */
    uint32_t from, to; /* bytes within the chunk; equal when the chunk was only closed */
    bool is_new_lease; /* what was remembered of the chunk's earlier lease is void */
};

uint32_t chunk_bytes(uint64_t word);
uint32_t chunk_sequence(uint64_t word);

/*
 * What the host committed since `taken`, the state up to which records were handed on (never behind `acknowledged`).
 * CHUNK_CORRUPT: no honest host writes such a word.
 */
enum chunk_news chunk_compare(uint64_t host, uint64_t acknowledged, uint64_t taken,
                              struct chunk_part *ret_part);

/* State after the record that ends `to` bytes into the chunk: CLOSED only when that is the end of the part. */
uint64_t chunk_word_at(const struct chunk_part *part, uint32_t to);

/* May `word` replace `acknowledged`, `taken` being the state up to which records were handed on? Never backwards. */
bool chunk_may_acknowledge(uint64_t acknowledged, uint64_t taken, uint64_t word);

#endif
