/*
 * hash: of bytes, a word at a time.
 *
 * For tables whose hits compare what they found: nobody can make another's entry be taken for his. Context: any; pure.
 */
#ifndef OTELSHIM_EXPORTER_HASH_H
#define OTELSHIM_EXPORTER_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HASH_FACTOR 0x9e3779b97f4a7c15ull

/* The second word disturbs the factor: one multiplication, which is what takes time, for both. */
static inline uint64_t hash_words(uint64_t hash, uint64_t word, uint64_t second)
{
    __uint128_t product = (__uint128_t)(hash ^ word) * (HASH_FACTOR ^ second);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t hash_word(uint64_t hash, uint64_t word)
{
    return hash_words(hash, word, 0);
}

static inline uint64_t hash_load64(const char *from)
{
    uint64_t word;
    memcpy(&word, from, sizeof(word));
    return word;
}

static inline uint64_t hash_load32(const char *from)
{
    uint32_t word;
    memcpy(&word, from, sizeof(word));
    return word;
}

/* The last word overlaps the one before it: no byte is looked at by itself but in texts of less than four. */
static inline uint64_t hash_bytes(uint64_t hash, const void *from, size_t n)
{
    const char *bytes = from;
    size_t at = 0;
    for (; at + 16 < n; at += 16)
        hash = hash_words(hash, hash_load64(bytes + at), hash_load64(bytes + at + 8));
    if (at + 8 < n)
        hash = hash_word(hash, hash_load64(bytes + at));
    uint64_t last = n >= 8   ? hash_load64(bytes + n - 8)
                    : n >= 4 ? hash_load32(bytes) | hash_load32(bytes + n - 4) << 32
                    : n > 0  ? (uint64_t)(uint8_t)bytes[0] << 16 | (uint64_t)(uint8_t)bytes[n / 2] << 8 |
                                  (uint8_t)bytes[n - 1]
                            : 0;
    return hash_word(hash ^ n, last);
}

#endif
