/*
 * text_cache: what was found out lately about texts that come again and again (statements, URLs).
 *
 * 64 sets of 4: a text can be in one set only, and takes the place of the one of that set that was used longest ago.
 * A hash is enough to miss; to hit, the text is compared, so that nobody can make another's text be taken for his.
 *
 * Context: loop. A zeroed struct is an empty cache. Ownership: values belong to the cache and hold until the next put.
 */
#ifndef OTELSHIM_TEXT_CACHE_H
#define OTELSHIM_TEXT_CACHE_H

#include <stddef.h>
#include <stdint.h>

#define TEXT_CACHE_SETS 64u
#define TEXT_CACHE_WAYS 4u

struct text_cache_entry {
    uint64_t hash, variant;
    uint64_t used; /* `now` of the last use; 0 empty */
    char *memory;  /* value, then text */
    size_t max_memory, value_bytes, text_bytes;
};

struct text_cache {
    struct text_cache_entry sets[TEXT_CACHE_SETS][TEXT_CACHE_WAYS];
    uint64_t now;
};

/* `variant` is part of the key. NULL: not there. */
const void *text_cache_find(struct text_cache *cache, const char *text, size_t bytes, uint64_t variant);

/* Memory for the value of a text that is not there, 8-byte aligned, to be filled in at once. */
void *text_cache_put(struct text_cache *cache, const char *text, size_t bytes, uint64_t variant,
                     size_t value_bytes);

#endif
