/*
 * buffer: see buffer.h. A chunk's state is the pair of words (H, E); who may store which is in shim/wire/README.md.
 *
 *   first half of the pool    OWNED: one thread each, committed by one release store
 *   second half               SHARED: taken for one record by compare-and-swap, by threads that found no chunk to own
 *                             and by UNIX-signal handlers that interrupted a record
 */
#include "buffer.h"

#include "clock.h"
#include "dropbox_priv.h"
#include "sys.h"

#include <errno.h>

#define NESTED_SHARED 1u /* the interrupted record keeps the thread's mark */
#define PLAIN_SHARED 2u

/* Records that a thread without a chunk writes shared before it looks for one to own again. */
#define SHARED_RUN 16u
/* Owners are asked after at most so often: with 500 threads it costs 60 µs. */
#define RECLAIM_GAP_NS 1000000u
#define UID_GAP_NS 1000000000u
/* Leases without asking for a page again, once /dev/shm was full. */
#define POPULATE_PAUSE 256u

enum lease_result { LEASE_FOUND, LEASE_FULL, LEASE_NO_MEMORY };

/* A handler on the same thread sees these stores in this order; other threads need not. */
static void fence(void)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static uint32_t bytes_of(uint64_t word)
{
    return (uint32_t)(word & WIRE_BYTES_MASK) * 8;
}

static uint64_t *word_of(const struct dropbox *box, uint32_t index)
{
    return &box->chunk_lines[index].word;
}

static uint64_t tid_bits(const struct thread *thread)
{
    return (uint64_t)thread->tid << WIRE_TID_SHIFT;
}

/* H of a chunk after a lease: the next sequence number, no bytes. */
static uint64_t next_lease(uint64_t word)
{
    return (((word >> WIRE_SEQ_SHIFT) + 1) & WIRE_SEQ_MASK) << WIRE_SEQ_SHIFT;
}

static bool swap(uint64_t *at, uint64_t from, uint64_t to)
{
    return __atomic_compare_exchange_n(at, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static void fill(struct buffer_reservation *reservation, const struct dropbox *box, uint32_t index,
                 uint64_t word)
{
    reservation->at = box->chunks + (size_t)index * WIRE_CHUNK_BYTES + bytes_of(word);
    reservation->lease_id = (uint64_t)box->generation << BUFFER_GENERATION_SHIFT |
                            (uint64_t)index << BUFFER_INDEX_SHIFT | word >> WIRE_SEQ_SHIFT;
    reservation->word = word;
    reservation->index = index;
    reservation->is_shared = 0;
}

/* ---- leasing ---- */
/* Pages for a chunk nobody has leased yet: before the claim, so that there is no claim to undo. */
static bool touch_chunk(struct dropbox_image *image, uint32_t index)
{
    uint32_t pause = __atomic_load_n(&image->populate_pause, __ATOMIC_RELAXED);
    if (pause) {
        __atomic_store_n(&image->populate_pause, pause - 1, __ATOMIC_RELAXED);
        return false;
    }
    if (dropbox_map_populate(image, image->box.chunks + (size_t)index * WIRE_CHUNK_BYTES, WIRE_CHUNK_BYTES))
        return true;
    __atomic_store_n(&image->populate_pause, POPULATE_PAUSE, __ATOMIC_RELAXED);
    return false;
}

/* Leases the lowest free chunk of [from, to) with these owner bits. */
static enum lease_result lease(const struct dropbox *box, uint32_t from, uint32_t to, uint64_t owner_bits,
                               uint32_t *ret_index, uint64_t *ret_word)
{
    bool is_short = false;
    for (uint32_t i = from; i < to; i++) {
        uint64_t word = __atomic_load_n(word_of(box, i), __ATOMIC_RELAXED);
        /* Acquire: the exporter has read the bytes that we are about to overwrite. */
        if (!(word & WIRE_CLOSED) || __atomic_load_n(&box->acknowledged[i], __ATOMIC_ACQUIRE) != word)
            continue;
        if (!(word >> WIRE_SEQ_SHIFT) && (is_short || !touch_chunk(dropbox_image(box), i))) {
            is_short = true;
            continue;
        }
        uint64_t leased = next_lease(word) | owner_bits;
        if (swap(word_of(box, i), word, leased)) {
            *ret_index = i;
            *ret_word = leased;
            return LEASE_FOUND;
        }
    }
    return is_short ? LEASE_NO_MEMORY : LEASE_FULL;
}

/* Closes every chunk whose owner's tid is gone: what it committed stays, and once acknowledged it is free. */
static bool reclaim_chunks(const struct dropbox *box)
{
    struct dropbox_image *image = dropbox_image(box);
    uint64_t now_ns = clock_mono_ns();
    uint64_t last_ns = __atomic_load_n(&image->reclaimed_ns, __ATOMIC_RELAXED);
    if (now_ns - last_ns < RECLAIM_GAP_NS || !swap(&image->reclaimed_ns, last_ns, now_ns))
        return false;
    bool has_closed = false;
    for (uint32_t i = 0; i < box->n_chunks; i++) {
        uint64_t word = __atomic_load_n(word_of(box, i), __ATOMIC_ACQUIRE);
        uint32_t tid = (uint32_t)(word >> WIRE_TID_SHIFT & WIRE_TID_MASK);
        if (tid && sys_tgkill(image->pid, tid, 0) == -ESRCH)
            has_closed |= swap(word_of(box, i), word, (word & WIRE_STATE_MASK) | WIRE_CLOSED);
    }
    return has_closed;
}

/* ---- shared records ---- */
/* Takes an open shared chunk with room, or leases one. The bits of the owner leave the word with the commit. */
static enum lease_result take_shared(const struct dropbox *box, const struct thread *thread,
                                     uint32_t max_bytes, struct buffer_reservation *reservation)
{
    struct dropbox_image *image = dropbox_image(box);
    uint32_t from = box->n_chunks / 2, n = box->n_chunks - from;
    uint32_t hint = __atomic_load_n(&image->shared_hint, __ATOMIC_RELAXED);
    uint64_t owner_bits = WIRE_BUSY | tid_bits(thread);
    for (uint32_t k = 0; k < n; k++) {
        uint32_t i = from + (hint + k) % n;
        uint64_t word = __atomic_load_n(word_of(box, i), __ATOMIC_RELAXED);
        if (word & (WIRE_CLOSED | WIRE_BUSY | WIRE_OWNED))
            continue;
        if (bytes_of(word) + max_bytes > WIRE_CHUNK_BYTES) {
            (void)swap(word_of(box, i), word, word | WIRE_CLOSED);
        } else if (swap(word_of(box, i), word, word | owner_bits)) {
            __atomic_store_n(&image->shared_hint, i - from, __ATOMIC_RELAXED);
            fill(reservation, box, i, word);
            return LEASE_FOUND;
        }
    }
    uint32_t index;
    uint64_t word;
    enum lease_result result = lease(box, from, box->n_chunks, owner_bits, &index, &word);
    if (result == LEASE_FOUND) {
        __atomic_store_n(&image->shared_hint, index - from, __ATOMIC_RELAXED);
        fill(reservation, box, index, word & WIRE_STATE_MASK);
    }
    return result;
}

/* What is asked for, and how it counts when the pool is full. */
struct need {
    uint32_t max_bytes;
    enum wire_drop full;
};

static bool reserve_shared(const struct dropbox *box, struct thread *thread, const struct need *need,
                           uint32_t how, struct buffer_reservation *reservation)
{
    enum lease_result result = take_shared(box, thread, need->max_bytes, reservation);
    if (result != LEASE_FOUND && reclaim_chunks(box))
        result = take_shared(box, thread, need->max_bytes, reservation);
    reservation->is_shared = how;
    if (result == LEASE_FOUND)
        return true;
    dropbox_count(result == LEASE_NO_MEMORY ? DROP_NO_MEMORY : need->full);
    if (how == PLAIN_SHARED)
        thread->in_record = 0;
    return false;
}

/* ---- owned chunks ---- */
/* No tid any more: the chunk is nobody's until the exporter has acknowledged it. */
static void close_lease(const struct dropbox *box, struct thread *thread)
{
    uint64_t word = (thread->lease.word & WIRE_STATE_MASK) | WIRE_CLOSED;
    __atomic_store_n(word_of(box, thread->lease.index), word, __ATOMIC_RELEASE);
    thread->lease.is_leased = 0;
    thread->lease.room_bytes = 0;
    thread->lease.index = 0;
}

static bool lease_owned(const struct dropbox *box, struct thread *thread)
{
    uint32_t index;
    uint64_t word;
    if (lease(box, 0, box->n_chunks / 2, WIRE_OWNED | tid_bits(thread), &index, &word) != LEASE_FOUND)
        return false;
    struct buffer_reservation whole;
    fill(&whole, box, index, word);
    thread->lease = (struct thread_lease){
        .word = word,
        .word_at = word_of(box, index),
        .id = whole.lease_id,
        .at = whole.at,
        .room_bytes = WIRE_CHUNK_BYTES,
        .index = index,
        .is_leased = 1,
    };
    return true;
}

/* Asking for the uid is a system call: once a second, not once a chunk. A file made for another uid is for the next
 * span: this one's slot lies in this file. */
static void look_at_uid(uint64_t now_ns)
{
    static uint64_t looked_ns; /* relaxed atomic, any thread */
    if (now_ns - __atomic_load_n(&looked_ns, __ATOMIC_RELAXED) < UID_GAP_NS)
        return;
    __atomic_store_n(&looked_ns, now_ns, __ATOMIC_RELAXED);
    (void)dropbox_reopen_if_moved();
}

/* About every 70 spans. `lease.index` counts down, while nothing is leased, to the next attempt to own a chunk. */
static bool __attribute__((noinline))
lease_and_reserve(const struct dropbox *box, struct thread *thread, const struct need *need,
                  struct buffer_reservation *reservation)
{
    if (thread->lease.is_leased)
        close_lease(box, thread);
    if (thread->lease.index) {
        thread->lease.index--;
        if (take_shared(box, thread, need->max_bytes, reservation) == LEASE_FOUND) {
            reservation->is_shared = PLAIN_SHARED;
            return true;
        }
    }
    uint64_t now_ns = clock_mono_ns();
    dropbox_probe_exporter(now_ns);
    look_at_uid(now_ns);
    if (!lease_owned(box, thread) && !(reclaim_chunks(box) && lease_owned(box, thread))) {
        thread->lease.index = SHARED_RUN - 1;
        return reserve_shared(box, thread, need, PLAIN_SHARED, reservation);
    }
    fill(reservation, box, thread->lease.index, thread->lease.word);
    reservation->is_shared = 0;
    return true;
}

/* Of the file the thread's state belongs to. NULL: this is a fork child in the middle of its parent's record. */
static const struct dropbox *box_of(uint32_t generation)
{
    const struct dropbox *box = dropbox_file();
    if (__builtin_expect(box && box->generation == generation, 1))
        return box;
    return dropbox_of_generation(generation);
}

bool buffer_reserve_as(struct thread *thread, uint32_t max_bytes, enum wire_drop full,
                       struct buffer_reservation *ret_reservation)
{
    const struct dropbox *box = box_of(thread->generation);
    const struct need need = {.max_bytes = max_bytes, .full = full};
    if (!box || max_bytes > WIRE_CHUNK_BYTES)
        return false;
    if (thread->in_record)
        return reserve_shared(box, thread, &need, NESTED_SHARED, ret_reservation);
    thread->in_record = 1;
    fence();
    if (max_bytes > thread->lease.room_bytes)
        return lease_and_reserve(box, thread, &need, ret_reservation);
    fill(ret_reservation, box, thread->lease.index, thread->lease.word);
    return true;
}

bool buffer_reserve_slowly(struct thread *thread, uint32_t max_bytes,
                           struct buffer_reservation *ret_reservation)
{
    return buffer_reserve_as(thread, max_bytes, DROP_NO_CHUNK, ret_reservation);
}

void buffer_commit_slowly(struct thread *thread, const struct buffer_reservation *reservation, uint32_t bytes)
{
    uint32_t generation = (uint32_t)(reservation->lease_id >> BUFFER_GENERATION_SHIFT);
    const struct dropbox *box = box_of(generation);
    if (!box)
        return;
    uint64_t word = reservation->word + bytes / 8;
    __atomic_store_n(word_of(box, reservation->index), word, __ATOMIC_RELEASE);
    if (reservation->is_shared == NESTED_SHARED || thread->generation != generation)
        return;
    if (!reservation->is_shared) {
        thread->lease.word = word;
        thread->lease.at = reservation->at + bytes;
        thread->lease.room_bytes -= bytes;
    }
    fence();
    thread->in_record = 0;
}

void buffer_commit_moved(struct thread *thread, uint64_t lease_id, uint64_t word, uint32_t bytes)
{
    const struct buffer_reservation reservation = {
        .at = thread->lease.at,
        .lease_id = lease_id,
        .word = word,
        .index = (uint32_t)(lease_id >> BUFFER_INDEX_SHIFT) % WIRE_MAX_CHUNKS,
    };
    buffer_commit_slowly(thread, &reservation, bytes);
}
