/* text_cache: see text_cache.h. */
#include "signals/spans/text_cache.h"

#include "base/hash.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static uint64_t hash_text(const char *text, size_t bytes, uint64_t variant)
{
    return hash_bytes(0x243f6a8885a308d3ull ^ variant, text, bytes);
}

const void *text_cache_find(struct text_cache *cache, const char *text, size_t bytes, uint64_t variant)
{
    uint64_t hash = hash_text(text, bytes, variant);
    struct text_cache_entry *set = cache->sets[hash % TEXT_CACHE_SETS];
    for (struct text_cache_entry *entry = set; entry < set + TEXT_CACHE_WAYS; entry++) {
        bool is_like =
            entry->used && entry->hash == hash && entry->text_bytes == bytes && entry->variant == variant;
        if (!is_like || memcmp(entry->memory + entry->value_bytes, text, bytes) != 0)
            continue;
        entry->used = ++cache->now;
        return entry->memory;
    }
    return NULL;
}

void *text_cache_put(struct text_cache *cache, const char *text, size_t bytes, uint64_t variant,
                     size_t value_bytes)
{
    uint64_t hash = hash_text(text, bytes, variant);
    struct text_cache_entry *set = cache->sets[hash % TEXT_CACHE_SETS], *oldest = set;
    for (struct text_cache_entry *entry = set; entry < set + TEXT_CACHE_WAYS; entry++)
        if (entry->used < oldest->used)
            oldest = entry;
    if (oldest->max_memory < value_bytes + bytes) {
        free(oldest->memory);
        oldest->memory = malloc(value_bytes + bytes);
        if (!oldest->memory)
            abort(); /* as the arena does */
        oldest->max_memory = value_bytes + bytes;
    }
    memcpy(oldest->memory + value_bytes, text, bytes);
    oldest->hash = hash;
    oldest->variant = variant;
    oldest->value_bytes = value_bytes;
    oldest->text_bytes = bytes;
    oldest->used = ++cache->now;
    return oldest->memory;
}
