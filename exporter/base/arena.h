/*
 * arena: memory that is given back all at once: what a batch of spans is made of.
 *
 * Context: loop. Threads: one owner. Ownership: everything allocated lives until arena_reset() or arena_fini().
 * Errors: none; out of memory ends the exporter (it is restarted and finds everything in the drop box).
 */
#ifndef OTELSHIM_ARENA_H
#define OTELSHIM_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *first; /* in use, newest first */
    struct arena_block *spare; /* kept for reuse after a reset */
    size_t bytes;              /* allocated since the last reset */
    void *annex;               /* of its user, who finds something in it again: NULL after a reset */
    size_t block_bytes;        /* of the last block: the next is twice as large, up to 64 KiB; 0 none yet */
};

/* A zeroed struct arena is ready for use. */
void arena_fini(struct arena *arena);
/* Keeps at most one block of memory for reuse. */
void arena_reset(struct arena *arena);
/* 8-byte aligned, not cleared. */
void *arena_alloc(struct arena *arena, size_t bytes);
/* Cleared. */
void *arena_zalloc(struct arena *arena, size_t bytes);
/* A copy with a NUL behind it. */
char *arena_copy(struct arena *arena, const void *text, size_t bytes);
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
