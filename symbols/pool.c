/* pool: memory that lives until symbols_close(); see symbols_priv.h. */
#include "symbols_priv.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES (16u << 10)

struct pool_block {
    struct pool_block *next;
    size_t used, bytes;
    _Alignas(16) uint8_t data[];
};

void *pool_alloc(struct pool *pool, size_t bytes)
{
    struct pool_block *block = pool->first;
    if (bytes > SIZE_MAX / 2)
        return NULL;
    bytes = (bytes + 15) & ~(size_t)15;
    if (!block || block->bytes - block->used < bytes) {
        size_t size = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
        block = calloc(1, sizeof(*block) + size);
        if (!block)
            return NULL;
        block->bytes = size;
        block->next = pool->first;
        pool->first = block;
    }
    block->used += bytes;
    return block->data + block->used - bytes;
}

char *pool_copy(struct pool *pool, const char *text, size_t bytes)
{
    char *copy = pool_alloc(pool, bytes + 1);
    if (copy)
        memcpy(copy, text, bytes);
    return copy;
}

void pool_fini(struct pool *pool)
{
    while (pool->first) {
        struct pool_block *block = pool->first;
        pool->first = block->next;
        free(block);
    }
}
