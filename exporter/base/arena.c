/* arena: see arena.h. Blocks grow from 2 to 64 KiB: what is made for each process, its settings, is small; a batch is not. Larger wishes
 * get a block of their own. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BLOCK_BYTES (2u << 10)
#define BLOCK_BYTES (64u << 10)

struct arena_block {
    struct arena_block *next;
    size_t used, max;
    uint8_t bytes[];
};

static void free_all(struct arena_block *block)
{
    while (block) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
}

void arena_fini(struct arena *arena)
{
    free_all(arena->first);
    free_all(arena->spare);
    *arena = (struct arena){0};
}

/* Blocks of the usual size are kept, up to 1 MiB in all: a batch of 512 spans needs about that. */
void arena_reset(struct arena *arena)
{
    size_t n_kept = 0;
    for (struct arena_block *block = arena->spare; block; block = block->next)
        n_kept++;
    while (arena->first) {
        struct arena_block *block = arena->first;
        arena->first = block->next;
        if (block->max != BLOCK_BYTES || n_kept >= 16) {
            free(block);
            continue;
        }
        n_kept++;
        block->used = 0;
        block->next = arena->spare;
        arena->spare = block;
    }
    arena->bytes = 0;
    arena->annex = NULL;
}

static struct arena_block *new_block(struct arena *arena, size_t bytes)
{
    if (bytes <= BLOCK_BYTES && arena->spare) {
        struct arena_block *block = arena->spare;
        arena->spare = block->next;
        return block;
    }
    if (arena->block_bytes < BLOCK_BYTES)
        arena->block_bytes = arena->block_bytes ? 2 * arena->block_bytes : FIRST_BLOCK_BYTES;
    size_t max = bytes <= arena->block_bytes ? arena->block_bytes : bytes;
    struct arena_block *block = malloc(sizeof(*block) + max);
    if (!block)
        abort();
    block->max = max;
    block->used = 0;
    return block;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    bytes = (bytes + 7) & ~(size_t)7;
    struct arena_block *block = arena->first;
    if (!block || block->max - block->used < bytes) {
        block = new_block(arena, bytes);
        block->next = arena->first;
        arena->first = block;
    }
    void *result = block->bytes + block->used;
    block->used += bytes;
    arena->bytes += bytes;
    return result;
}

void *arena_zalloc(struct arena *arena, size_t bytes)
{
    return memset(arena_alloc(arena, bytes), 0, bytes);
}

char *arena_copy(struct arena *arena, const void *text, size_t bytes)
{
    char *copy = arena_alloc(arena, bytes + 1);
    if (bytes)
        memcpy(copy, text, bytes);
    copy[bytes] = 0;
    return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int bytes = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = arena_alloc(arena, bytes < 0 ? 1 : (size_t)bytes + 1);
    text[0] = 0;
    if (bytes > 0)
        vsnprintf(text, (size_t)bytes + 1, format, again);
    va_end(again);
    return text;
}
