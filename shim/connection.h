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

#include "facts.h"
#include <stdint.h>
#include <wire.h>

#define CONNECTION_MAX 2048u
#define CONNECTION_FACT_BYTES 1024u
#define CONNECTION_STATE_BYTES 2944u

/* Facts that are written once per chunk: (file, chunk, lease) they were last written under. 0: never. */
struct interned {
    uint64_t lease_id;
    uint32_t number; /* in its chunk; unique among everything interned in this process */
};

struct connection {
    const void *handle;
    uint16_t instrumentation;
    uint16_t reserved;
    uint32_t fact_bytes;
    uint64_t first_operation,
        last_operation;    /* operation.c: open operations of this handle in order; 0 none */
    uint32_t n_operations; /* how many */
    uint32_t reserved_operations;
    struct interned interned;
    const void *library; /* real.h: the library this handle came from; NULL unknown */
    _Alignas(8) uint8_t facts[CONNECTION_FACT_BYTES];
    _Alignas(8) uint8_t state[CONNECTION_STATE_BYTES]; /* the instrumentation's own; zero at open */
};

/* NULL: the handle was never seen being created (or the registry was full then). */
struct connection *connection_find(const void *handle);

/* The entry of `handle`, new and empty even if one was left over from an earlier life of the address. */
struct connection *connection_open(const void *handle, uint16_t instrumentation);

/* Forgets the handle; NULL and unknown handles are fine. */
void connection_close(const void *handle);

/* Empties the shared facts and returns a place to append new ones; they are written again at the next span. */
struct facts connection_facts(struct connection *connection);

/* A number for facts interned by somebody else than a connection (prepared statements). */
uint32_t connection_new_number(void);

#endif
