/*
 * span: see span.h.
 *
 * The open span is staged in the thread's slot of the mapped file; at its end it is copied into a chunk and then
 * popped ("commit, then pop": whoever reads after a kill sees it at least once, and can tell by its id).
 */
#include "span.h"

#include "clock.h"
#include "episode.h"
#include "ids.h"
#include "lifecycle.h"
#include "record.h"
#include "sampler.h"
#include "sys.h"
#include <stdatomic.h>
#include <string.h>
#include <sys/auxv.h>

/* Below this far under the top of a thread's stack an address is taken to lie on that stack. */
#define STACK_BYTES (8ull << 20)

static void fence(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

/* Both on this thread's own stack: then the order of addresses is the order of calls. Alternate stacks, fibers and
 * Go stacks are elsewhere (facts "interpose", trap 32). */
static bool is_on_own_stack(uint64_t address, uint64_t stack_top)
{
    return address < stack_top && stack_top - address < STACK_BYTES;
}

/* glibc and musl put a thread's control block at the top of its stack; the main thread's holds the kernel's own data. */
static uint64_t find_stack_top(struct thread *thread)
{
    if (!thread->stack_top)
        thread->stack_top = thread->tid == (uint32_t)sys_getpid()
                                ? getauxval(AT_RANDOM)
                                : (uint64_t)(uintptr_t)__builtin_thread_pointer();
    return thread->stack_top;
}

static void pop(struct wire_thread_slot *slot)
{
    slot->sequence++;
    fence();
    atomic_store_explicit((_Atomic uint32_t *)&slot->depth, slot->depth - 1, memory_order_release);
    fence();
    slot->sequence++;
}

static inline __attribute__((always_inline)) void end_entry(struct thread *thread,
                                                            struct wire_thread_slot *slot,
                                                            struct interned *const marks[2],
                                                            enum wire_outcome outcome, uint64_t now_ns)
{
    const struct wire_open_span *open = &slot->open[slot->depth - 1];
    record_commit(thread, open, slot->staged + open->from, marks, outcome, now_ns);
    episode_leave(slot, &open->facts, now_ns, span_is_error(outcome));
    pop(slot);
}

/*
 * Entries whose frame is gone: left by longjmp, a C++ throw or cancellation through a callback. A wrapper that is
 * still running has its frame above ours. Where addresses cannot tell, the same handle can: a library does not allow
 * two calls on one handle at a time.
 */
static __attribute__((noinline)) void end_abandoned(struct thread *thread, struct wire_thread_slot *slot,
                                                    uint64_t frame, const void *handle, uint64_t now_ns)
{
    static struct interned *const no_marks[2];
    uint64_t top = find_stack_top(thread);
    while (slot->depth) {
        const struct wire_open_span *open = &slot->open[slot->depth - 1];
        bool is_gone = is_on_own_stack(frame, top) && is_on_own_stack(open->stack_pointer, top)
                           ? open->stack_pointer <= frame
                           : handle && open->handle == (uint64_t)(uintptr_t)handle;
        if (!is_gone)
            return;
        end_entry(thread, slot, no_marks, WIRE_ABANDONED, now_ns);
    }
}

/* No entry left, or hardly room for facts. */
static __attribute__((noinline)) bool is_full(const struct wire_thread_slot *slot)
{
    const struct wire_open_span *top = &slot->open[slot->depth - 1];
    return slot->depth == WIRE_OPEN_SPANS || top->from + top->bytes > WIRE_STAGING_BYTES - 512;
}

/* A new entry on the slot's stack, whole before depth says so. */
static struct wire_open_span *push(struct thread *thread, struct wire_thread_slot *slot, uint64_t frame,
                                   const void *handle, struct connection *connection, uint64_t now_ns)
{
    struct wire_open_span *open = &slot->open[slot->depth];
    slot->sequence++;
    fence();
    episode_join(thread, slot, connection ? connection->n_operations : 0, now_ns, &open->facts);
    ids_make_span_id(thread_random(thread, slot), open->facts.span_id);
    open->handle = (uint64_t)(uintptr_t)handle;
    open->stack_pointer = frame;
    open->from = open == slot->open ? 0 : open[-1].from + open[-1].bytes;
    open->bytes = 0;
    open->n_shared = 0;
    open->cut = 0;
    if (connection)
        record_stage_connection(open, slot->staged + open->from, WIRE_STAGING_BYTES - open->from, connection);
    fence();
    atomic_store_explicit((_Atomic uint32_t *)&slot->depth, slot->depth + 1, memory_order_release);
    slot->sequence++;
    return open;
}

static struct facts facts_of(struct thread *thread, struct wire_thread_slot *slot,
                             struct wire_open_span *open, uint32_t level)
{
    return (struct facts){
        .base = slot->staged + open->from,
        .bytes = &open->bytes,
        .max_bytes = WIRE_STAGING_BYTES - open->from,
        .always_only = !sampler_wants_all(open->facts.flags),
        .cut = &open->cut,
        .busy = &thread->busy[level],
    };
}

/* The thread, when this call is to be recorded at all; its level in *ret_level. */
static struct thread *admit(uint32_t *ret_level)
{
    if (!lifecycle_is_active())
        return NULL;
    const struct dropbox *box = dropbox_file();
    if (__builtin_expect(!box, 0))
        box = dropbox_open();
    struct thread *thread = box && !sampler_is_off(box) ? thread_get_in(box) : NULL;
    int level = thread ? thread_level(thread) : -1;
    if (level < 0)
        return NULL;
    *ret_level = (uint32_t)level;
    return thread;
}

bool span_begin(struct span *span, uint16_t instrumentation, enum wire_operation operation,
                const void *handle, struct connection *connection)
{
    uint32_t level;
    struct thread *thread = admit(&level);
    if (!thread)
        return false;
    struct wire_thread_slot *slot = thread->slots[level];
    uint64_t frame = (uint64_t)(uintptr_t)__builtin_frame_address(0);
    thread->busy[level] = 1;
    fence();
    uint64_t now_ns = clock_mono_ns();
    if (slot->depth)
        end_abandoned(thread, slot, frame, handle, now_ns);
    if (slot->depth && is_full(slot)) {
        dropbox_count(DROP_TOO_DEEP);
        thread->busy[level] = 0;
        return false;
    }
    struct wire_open_span *open = push(thread, slot, frame, handle, connection, now_ns);
    open->facts.instrumentation = instrumentation;
    open->facts.operation = (uint8_t)operation;
    fence();
    thread->busy[level] = 0;
    span->thread = thread;
    span->open = open;
    span->connection = connection;
    span->statement = NULL;
    span->level = level;
    span->depth = slot->depth;
    span->generation = thread->generation;
    span->facts = facts_of(thread, slot, open, level);
    return true;
}

void span_connection(struct span *span, const struct connection *connection)
{
    struct wire_open_span *open = span->open;
    if (!connection || connection->shared.fact_bytes > span->facts.max_bytes - open->bytes)
        return;
    span->thread->busy[span->level] = 1;
    fence();
    memcpy(span->facts.base + open->bytes, connection->facts, connection->shared.fact_bytes);
    fence();
    open->bytes += connection->shared.fact_bytes;
    span->thread->busy[span->level] = 0;
}

void span_statement(struct span *span, struct interned *mark, const char *text, size_t bytes)
{
    struct wire_open_span *open = span->open;
    uint32_t at = open->bytes + (uint32_t)sizeof(struct wire_facts), fact_bytes = 0;
    if (open->n_shared > 1 || at + 64 > span->facts.max_bytes)
        return;
    struct facts facts = {.base = span->facts.base + at,
                          .bytes = &fact_bytes,
                          .max_bytes = span->facts.max_bytes - at,
                          .busy = FACTS_NOT_SHARED};
    span->thread->busy[span->level] = 1;
    fence();
    facts_string(&facts, WIRE_DB_QUERY_TEXT, text, bytes);
    if (fact_bytes) {
        record_seal_shared(open, span->facts.base, mark, fact_bytes);
        span->statement = mark;
    }
    fence();
    span->thread->busy[span->level] = 0;
}

struct span_context span_context_of(const struct wire_span_facts *facts)
{
    struct span_context context = {
        .flags = facts->flags & (WIRE_SPAN_SAMPLED | WIRE_SPAN_RANDOM),
        .in_process_trace = (facts->flags & WIRE_SPAN_REMOTE_PARENT) != 0,
    };
    memcpy(context.trace_id, facts->trace_id, sizeof(context.trace_id));
    memcpy(context.span_id, facts->span_id, sizeof(context.span_id));
    return context;
}

struct span_context span_context(const struct span *span)
{
    return span_context_of(&span->open->facts);
}

void span_mark_injected(struct span *span)
{
    span->open->facts.flags |= WIRE_SPAN_INJECTED;
}

/* Entries above ours were left by callbacks that never came back. */
static __attribute__((noinline)) void end_entries_above(struct thread *thread, struct wire_thread_slot *slot,
                                                        uint32_t depth, uint64_t now_ns)
{
    static struct interned *const no_marks[2];
    while (slot->depth > depth)
        end_entry(thread, slot, no_marks, WIRE_ABANDONED, now_ns);
}

void span_end(struct span *span, enum wire_outcome outcome)
{
    struct thread *thread = span->thread;
    struct wire_thread_slot *slot = thread->slots[span->level];
    const struct dropbox *box = dropbox_file();
    if (!box || thread->generation != span->generation || slot->depth < span->depth) {
        if (!box)
            thread->generation = 0; /* a fork child came back through the wrapper: process.c asks */
        return;                     /* or somebody ended us as abandoned */
    }
    uint64_t now_ns = clock_mono_ns();
    struct interned *const marks[2] = {
        span->connection ? &span->connection->interned : span->statement,
        span->connection ? span->statement : NULL,
    };
    thread->busy[span->level] = 1;
    fence();
    if (__builtin_expect(slot->depth > span->depth, 0))
        end_entries_above(thread, slot, span->depth, now_ns);
    if (span->open->cut)
        dropbox_count(DROP_FACTS_CUT);
    end_entry(thread, slot, marks, outcome, now_ns);
    fence();
    thread->busy[span->level] = 0;
    dropbox_ring(box, span_is_error(outcome), now_ns);
}

void span_take_over(struct thread *thread, struct wire_thread_slot *slot)
{
    if (slot->depth <= WIRE_OPEN_SPANS)
        end_entries_above(thread, slot, 0, clock_mono_ns());
    episode_take_over(thread, slot);
}
