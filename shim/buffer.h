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

/* Past the usual case; a full pool counts as NO_CHUNK, or as `full`. */
bool buffer_reserve_slowly(struct thread *thread, uint32_t max_bytes,
                           struct buffer_reservation *ret_reservation);
bool buffer_reserve_as(struct thread *thread, uint32_t max_bytes, enum wire_drop full,
                       struct buffer_reservation *ret_reservation);
void buffer_commit_slowly(struct thread *thread, const struct buffer_reservation *reservation,
                          uint32_t bytes);
/* Of a chunk that was the thread's own: the file is another one now. */
void buffer_commit_moved(struct thread *thread, uint64_t lease_id, uint64_t word, uint32_t bytes);

/*
 * Is there room in the chunk that is the thread's own? The usual case: a record may be written to thread->lease.at then, and
 * buffer_commit_own() publishes it. `box` is dropbox_file().
 */
static inline bool buffer_reserve_own(const struct dropbox *box, struct thread *thread, uint32_t max_bytes)
{
    if (__builtin_expect(!box || box->generation != thread->generation || thread->in_record, 0))
        return false;
    thread->in_record = 1; /* a handler before this found no mark, and left the lease as it was or moved it */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (__builtin_expect(max_bytes <= thread->lease.room_bytes, 1))
        return true;
    thread->in_record = 0;
    return false;
}

/* buffer_reserve() for a record that is no span: a full pool counts as `full`. `box` is dropbox_file(). */
static inline bool buffer_reserve_in_as(const struct dropbox *box, struct thread *thread, uint32_t max_bytes,
                                        enum wire_drop full, struct buffer_reservation *ret_reservation)
{
    const struct thread_lease *mine = &thread->lease;
    if (__builtin_expect(!buffer_reserve_own(box, thread, max_bytes), 0)) {
        struct buffer_reservation slow; /* so that the usual one stays in registers */
        bool is_reserved = full == DROP_NO_CHUNK ? buffer_reserve_slowly(thread, max_bytes, &slow)
                                                 : buffer_reserve_as(thread, max_bytes, full, &slow);
        if (!is_reserved)
            return false;
        *ret_reservation = slow;
        return true;
    }
    ret_reservation->at = mine->at;
    ret_reservation->lease_id = mine->id;
    ret_reservation->word = mine->word;
    ret_reservation->index = mine->index;
    ret_reservation->is_shared = 0;
    return true;
}

/* The same for who has asked for the file just now. */
static inline bool buffer_reserve_in(const struct dropbox *box, struct thread *thread, uint32_t max_bytes,
                                     struct buffer_reservation *ret_reservation)
{
    return buffer_reserve_in_as(box, thread, max_bytes, DROP_NO_CHUNK, ret_reservation);
}

/*
 * Room for at most `max_bytes` (a multiple of 8, <= WIRE_RECORD_MAX + facts). False: no room, counted as NO_CHUNK.
 * Between reserve and commit nothing is visible to the exporter, whoever is killed.
 */
static inline bool buffer_reserve(struct thread *thread, uint32_t max_bytes,
                                  struct buffer_reservation *ret_reservation)
{
    return buffer_reserve_in(dropbox_file(), thread, max_bytes, ret_reservation);
}

/* The exporter's CPU has read what lay there before: to fetch a line back takes 40 to 180 ns, about a call's time. */
#define BUFFER_AHEAD_BYTES 256u
static inline void buffer_prefetch(const uint8_t *line)
{
#ifdef __x86_64__
    __asm__ volatile("prefetchw %0" : : "m"(*line)); /* does nothing where the CPU lacks it */
#else
    __builtin_prefetch(line, 1);
#endif
}

/*
 * Publishes the first `bytes` (a multiple of 8, at most what was reserved; 0 abandons) of what buffer_reserve_own() gave, by one
 * release store. `lease_id` and `word` are what thread->lease had then.
 */
static inline void buffer_commit_own(struct thread *thread, uint64_t lease_id, uint64_t word, uint32_t bytes)
{
    /* Asked again: a UNIX-signal handler may have forked meanwhile. The child leaves its parent's file alone. */
    const struct dropbox *box = dropbox_file();
    struct thread_lease *mine = &thread->lease;
    if (__builtin_expect(!box || box->generation != thread->generation || mine->id != lease_id, 0)) {
        buffer_commit_moved(thread, lease_id, word, bytes);
        return;
    }
    word += bytes / 8;
    __atomic_store_n(mine->word_at, word, __ATOMIC_RELEASE);
    mine->word = word;
    mine->at += bytes;
    mine->room_bytes -= bytes;
    for (uint32_t ahead = BUFFER_AHEAD_BYTES; ahead < 2 * BUFFER_AHEAD_BYTES; ahead += 64)
        buffer_prefetch(mine->at + ahead);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    thread->in_record = 0;
}

/* The same of any reservation. */
static inline void buffer_commit(struct thread *thread, const struct buffer_reservation *reservation,
                                 uint32_t bytes)
{
    if (__builtin_expect(!reservation->is_shared, 1)) {
        buffer_commit_own(thread, reservation->lease_id, reservation->word, bytes);
        return;
    }
    const struct buffer_reservation slow = *reservation;
    buffer_commit_slowly(thread, &slow, bytes);
}

#endif
