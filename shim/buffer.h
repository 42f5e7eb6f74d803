/*
 * buffer: chunks of the mapped file: lease, reserve, commit (shim/wire/README.md, "Chunks").
 *
 * Context: hot; a lease (about every 70 spans) may make one system call when the chunk was never touched.
 * Threads: each thread its own chunk; async-signal-safe: a handler that interrupts a reservation writes SHARED.
 */
#ifndef OTELSHIM_BUFFER_H
#define OTELSHIM_BUFFER_H

#include "thread.h"
#include <stdint.h>

struct buffer_reservation {
    uint8_t *at;       /* room for `bytes` */
    uint64_t lease_id; /* names (file, chunk, lease): facts written under the same id need not be written again */
    uint64_t word;     /* private */
    uint32_t index;    /* private */
    uint32_t is_shared; /* private */
};

/*
 * Room for at most `max_bytes` (a multiple of 8, <= WIRE_RECORD_MAX + facts). False: no room, counted as NO_CHUNK.
 * Between reserve and commit nothing is visible to the exporter, whoever is killed.
 */
bool buffer_reserve(struct thread *thread, uint32_t max_bytes, struct buffer_reservation *ret_reservation);

/* Publishes the first `bytes` (a multiple of 8, at most what was reserved; 0 abandons) by one release store. */
void buffer_commit(struct thread *thread, struct buffer_reservation *reservation, uint32_t bytes);

#endif
