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
    uint8_t *at;        /* room for `bytes` */
    uint64_t lease_id;  /* names (file, chunk, lease): facts written under it need not be written again */
    uint64_t word;      /* private */
    uint32_t index;     /* private */
    uint32_t is_shared; /* private */
};

#define BUFFER_GENERATION_SHIFT 38 /* lease id: generation : 26 | chunk : 12 | seq : 26 */
#define BUFFER_INDEX_SHIFT 26

static inline void buffer_fill(struct buffer_reservation *reservation, const struct dropbox *box,
                               uint32_t index, uint64_t word)
{
    reservation->at = box->chunks + (size_t)index * WIRE_CHUNK_BYTES + (word & WIRE_BYTES_MASK) * 8;
    reservation->lease_id = (uint64_t)box->generation << BUFFER_GENERATION_SHIFT |
                            (uint64_t)index << BUFFER_INDEX_SHIFT | word >> WIRE_SEQ_SHIFT;
    reservation->word = word;
    reservation->index = index;
    reservation->is_shared = 0;
}

bool buffer_reserve_slowly(struct thread *thread, uint32_t max_bytes,
                           struct buffer_reservation *ret_reservation);
void buffer_commit_slowly(struct thread *thread, const struct buffer_reservation *reservation,
                          uint32_t bytes);

/*
 * Room for at most `max_bytes` (a multiple of 8, <= WIRE_RECORD_MAX + facts). False: no room, counted as NO_CHUNK.
 * Between reserve and commit nothing is visible to the exporter, whoever is killed.
 */
static inline bool buffer_reserve(struct thread *thread, uint32_t max_bytes,
                                  struct buffer_reservation *ret_reservation)
{
    const struct dropbox *box = dropbox_file();
    const struct thread_lease *mine = &thread->lease;
    if (__builtin_expect(!box || box->generation != thread->generation || thread->in_record ||
                             !mine->is_leased ||
                             (mine->word & WIRE_BYTES_MASK) * 8 + max_bytes > WIRE_CHUNK_BYTES,
                         0))
        return buffer_reserve_slowly(thread, max_bytes, ret_reservation);
    thread->in_record = 1; /* a handler before this found no mark, and left the lease as it was or moved it */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (__builtin_expect(
            !mine->is_leased || (mine->word & WIRE_BYTES_MASK) * 8 + max_bytes > WIRE_CHUNK_BYTES, 0)) {
        thread->in_record = 0;
        return buffer_reserve_slowly(thread, max_bytes, ret_reservation);
    }
    buffer_fill(ret_reservation, box, mine->index, mine->word);
    return true;
}

/* Publishes the first `bytes` (a multiple of 8, at most what was reserved; 0 abandons) by one release store. */
static inline void buffer_commit(struct thread *thread, const struct buffer_reservation *reservation,
                                 uint32_t bytes)
{
    const struct dropbox *box = dropbox_file();
    if (__builtin_expect(!box || reservation->is_shared ||
                             box->generation != reservation->lease_id >> BUFFER_GENERATION_SHIFT,
                         0)) {
        buffer_commit_slowly(thread, reservation, bytes);
        return;
    }
    uint64_t word = reservation->word + bytes / 8;
    __atomic_store_n(&box->chunk_lines[reservation->index].word, word, __ATOMIC_RELEASE);
    thread->lease.word = word;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    thread->in_record = 0;
}

#endif
