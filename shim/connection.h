/*
 * connection: what is known of a library handle (CURL, PGconn, redisContext) between its calls.
 *
 * A registry from handle to one slab entry: facts that every span of the handle shares (written once per chunk) and
 * the instrumentation's own state. Handles are keys, never dereferenced here.
 *
 * Context: connection_find() hot, the others cold (connection_open() may make the slab: one mmap per process).
 * Threads: any thread may find, open and close; one handle's entry is used by one thread at a time, which is the
 * libraries' own rule. Bounded: beyond CONNECTION_MAX live handles open() returns NULL (counted) and spans of the
 * handle go without shared facts.
 */
#ifndef OTELSHIM_CONNECTION_H
#define OTELSHIM_CONNECTION_H

#include "thread.h"
#include <stdint.h>
#include <string.h>
#include <wire.h>

#define CONNECTION_MAX 2048u
#define CONNECTION_FACT_BYTES 1024u
#define CONNECTION_STATE_BYTES 2928u

struct connection {
    const void *handle; /* of a closed entry: the entry's own address, which is nobody's handle */
    uint16_t instrumentation;
    uint16_t reserved[3];
    uint64_t first_operation,
        last_operation;    /* operation.c: open operations of this handle in order; 0 none */
    uint32_t n_operations; /* how many */
    uint32_t is_appending; /* for facts.h; nobody asks */
    struct interned interned;
    const void *library;      /* real.h: the library this handle came from; NULL unknown */
    struct wire_facts shared; /* heads the facts that follow; its record.bytes is set when it is staged */
    _Alignas(8) uint8_t facts[CONNECTION_FACT_BYTES];
    _Alignas(8) uint8_t state[CONNECTION_STATE_BYTES]; /* the instrumentation's own; zero at open */
};

/* Past the thread's last one. */
struct connection *connection_find_slowly(const void *handle);

/*
 * NULL: the handle was never seen being created (or the registry was full then). A thread nearly always asks for the handle
 * that it asked for before. Entries are never unmapped, and one that was closed has no handle.
 */
static inline struct connection *connection_find(const void *handle)
{
    struct connection *last = thread_self.connection;
    if (__builtin_expect(last && __atomic_load_n(&last->handle, __ATOMIC_RELAXED) == handle, 1))
        return last;
    return connection_find_slowly(handle);
}

/* The entry of `handle`, new and empty even if one was left over from an earlier life of the address. */
struct connection *connection_open(const void *handle, uint16_t instrumentation);

/* Forgets the handle; NULL and unknown handles are fine. */
void connection_close(const void *handle);

/* Shows every open entry of an instrumentation, other threads' too: `visit` reads its state as atomic words, and may go
 * on only where that says it is the caller's. Cold: walks the whole index. */
void connection_visit(uint16_t instrumentation,
                      void (*visit)(struct connection *connection, const void *argument),
                      const void *argument);

/* Empties the shared facts and returns a place to append new ones; they are written again at the next span. */
struct facts connection_facts(struct connection *connection);

/* The shared facts as a block at `at`; returns its bytes. */
static inline uint32_t connection_copy_block(const struct connection *connection, uint8_t *at)
{
    struct wire_facts *block = (struct wire_facts *)(void *)at;
    uint32_t bytes = (uint32_t)sizeof(*block) + connection->shared.fact_bytes;
    memcpy(block, &connection->shared, bytes); /* the facts lie behind their head */
    block->record.bytes = bytes;
    return bytes;
}

/* A number for facts interned by somebody else than a connection (prepared statements). */
uint32_t connection_new_number(void);

#endif
