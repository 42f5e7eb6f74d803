/*
 * thread: the only thread-local variable of the shim, and this thread's slots in the mapped file.
 *
 * Context: hot, async-signal-safe; thread_get() claims a slot at a thread's first span (cold: two system calls).
 * Ownership: struct thread belongs to its thread; a UNIX-signal handler on it sees it in any state, hence `busy`.
 */
#ifndef OTELSHIM_THREAD_H
#define OTELSHIM_THREAD_H

#include "clock.h"
#include "dropbox.h"
#include "facts.h"
#include <stdbool.h>
#include <wire.h>

/* What a thread writes open spans into. Level 0 is the thread's own; level 1 is used by a UNIX-signal handler that
 * interrupted the shim itself on level 0; level 2 has the spans that the program begins and ends by itself (custom.h). */
#define THREAD_LEVELS 3u
#define THREAD_CUSTOM 2u

/* Where a thread has leased a chunk (shim/buffer.c). All zero: none. */
struct thread_lease {
    uint64_t word;       /* H as this owner last stored it */
    uint64_t *word_at;   /* H */
    uint64_t id;         /* struct buffer_reservation's lease_id */
    uint8_t *at;         /* where the next record goes */
    uint32_t room_bytes; /* there; 0 while nothing is leased */
    uint32_t index;      /* of the chunk */
    uint32_t is_leased;
};

/* The statement of the last span that was alone on this thread (span_begin_query). All zero: none. */
struct thread_query {
    const char *text;     /* where the program had it */
    bool is_literal;      /* it cannot change there */
    uint64_t words[3];    /* the block's head and its fact's, as it was staged; words[1] 0: no block */
    struct interned mark; /* the block's */
};

/* What curl_easy_perform runs on this thread, and where its library's text lies (curl_easy.c). */
struct thread_performing {
    const void *handle; /* NULL: nothing */
    uintptr_t text_from, text_bytes;
};

struct operation_kept;
struct connection;

/* What every call needs comes first, in the order in which it needs it: few cache lines. */
struct thread {
    uint32_t generation; /* of the file everything below belongs to; another file: start over */
    uint32_t tid;        /* raw gettid() */
    struct wire_thread_slot
        *slots[THREAD_LEVELS];             /* in the file, or in the private overflow pool; NULL none yet */
    volatile uint32_t busy[THREAD_LEVELS]; /* the shim is changing this level's slot right now */
    volatile uint32_t n_custom;            /* depth of slots[THREAD_CUSTOM] */
    uint32_t slot_index;                   /* of slots[0] in the file; UINT32_MAX when in the overflow pool */
    volatile uint32_t in_record;           /* buffer: a reservation of `lease` is open */
    struct operation_kept
        *kept; /* operation.c: those that are free and this thread's already; NULL: it keeps none */
    struct thread_lease lease;
    struct connection *connection; /* connection.h: the last one that was looked for; NULL none */
    struct clock_anchor clock;
    struct thread_query query;
    uint64_t span_ids[THREAD_LEVELS]; /* counters (ids.h), one a level, as below */
    /* xoshiro256++ states, one a level: a handler that interrupted a step and was undone by its end repeated ids.
     * Reseeded when the generation changes. */
    uint64_t random[THREAD_LEVELS][4];
    uint32_t operation_hint; /* operation.c: where to look for a free slot */
    struct thread_performing performing;
    uint64_t last_probe_ns, custom_refused_ns;
    uint64_t stack_top; /* thread_stack_top(); 0 not looked up */
    bool is_in_perror;  /* instrument/stdio.c */
};

/* The variable itself; everybody but thread.c goes through the functions below. */
extern __attribute__((visibility("hidden"))) _Alignas(64) __thread struct thread thread_self;
struct thread *thread_claim(const struct dropbox *box);
int thread_claim_level(struct thread *thread);
/* slots[THREAD_CUSTOM], claimed the first time. NULL: none could be had (counted). */
struct wire_thread_slot *thread_claim_custom(struct thread *thread);

/*
 * This thread, with slots[0] claimed in the current file. Makes nothing but the claim: the file must exist.
 * NULL when no slot could be had (counted) or there is no file.
 */
static inline struct thread *thread_get_in(const struct dropbox *box)
{
    if (__builtin_expect(thread_self.generation == box->generation && thread_self.slots[0] != NULL, 1))
        return &thread_self;
    return thread_claim(box);
}

static inline struct thread *thread_get(void)
{
    const struct dropbox *box = dropbox_file();
    return box ? thread_get_in(box) : NULL;
}

/* Above every frame of this thread's own stack. */
uint64_t thread_stack_top(struct thread *thread);

/* Which of the thread's own slots this is. */
static inline uint32_t thread_level_of(const struct thread *thread, const struct wire_thread_slot *slot)
{
    uint32_t level = THREAD_LEVELS - 1;
    while (level && slot != thread->slots[level])
        level--;
    return level;
}

/* The random state to use while `slot` is being changed. */
static inline uint64_t *thread_random(struct thread *thread, const struct wire_thread_slot *slot)
{
    return thread->random[thread_level_of(thread, slot)];
}

static inline uint64_t *thread_span_ids(struct thread *thread, const struct wire_thread_slot *slot)
{
    return &thread->span_ids[thread_level_of(thread, slot)];
}

/* The time, for this thread's spans. */
static inline uint64_t thread_now_ns(struct thread *thread)
{
    return clock_thread_ns(&thread->clock);
}

/* The variable as it is, claimed or not: for code that only looks. Never NULL. */
static inline struct thread *thread_peek(void)
{
    return &thread_self;
}

/* The facts of the newest open span: of `slot` (one of the thread's own), or one that the program began. NULL: none is open. */
static inline const struct wire_span_facts *thread_newest_open(const struct thread *thread,
                                                               const struct wire_thread_slot *slot)
{
    const struct wire_span_facts *own = slot->depth ? &slot->open[slot->depth - 1].facts : NULL;
    if (!thread->n_custom)
        return own;
    const struct wire_span_facts *custom = &thread->slots[THREAD_CUSTOM]->open[thread->n_custom - 1].facts;
    return own && own->start_mono_ns > custom->start_mono_ns ? own : custom;
}

/*
 * The level to write to: 0, or 1 when a handler interrupted level 0 (its slot is claimed here); -1 when both are
 * busy (counted as NESTED).
 */
static inline int thread_level(struct thread *thread)
{
    return __builtin_expect(!thread->busy[0], 1) ? 0 : thread_claim_level(thread);
}

/*
 * `take_over` is called when a dead thread's slot changes hands, by the new owner (who may reserve and commit already),
 * while the dead one's episode, name and open spans are still in it. The slot is emptied when it returns. Set once by
 * the constructor.
 */
void thread_on_reclaim(void (*take_over)(struct thread *thread, struct wire_thread_slot *slot));

#endif
