/*
 * span: see span.h.
 *
 * The open span is staged in the thread's slot of the mapped file; at its end it is copied into a chunk and then
 * popped ("commit, then pop": whoever reads after a kill sees it at least once, and can tell by its id).
 */
#include "span.h"

#include "callstack.h"
#include "episode.h"
#include "hot.h"
#include "ids.h"
#include "lifecycle.h"
#include "literal.h"
#include "record.h"
#include "sampler.h"
#include "sequence.h"
#include "sys.h"
#include <stdatomic.h>
#include <string.h>

/* Below this far under the top of a thread's stack an address is taken to lie on that stack. */
#define STACK_BYTES (8ull << 20)
/* What a fact can say of a longer statement's length. */
#define QUERY_MAX_BYTES UINT16_MAX

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

/* The entry on top, slot->open[depth]: its record first, then the stack without it. */
static inline __attribute__((always_inline)) void end_entry(const struct dropbox *box, struct thread *thread,
                                                            struct wire_thread_slot *slot, uint32_t depth,
                                                            const struct record_end *end)
{
    const struct wire_open_span *open = &slot->open[depth];
    record_commit(box, thread, open, slot->staged + open->from, end);
    sequence_begin(&slot->sequence);
    if (episode_has(&slot->episode, &open->facts))
        episode_note_end(&slot->episode, end->now_ns, span_is_error(end->outcome));
    atomic_store_explicit((_Atomic uint32_t *)&slot->depth, depth, memory_order_release);
    sequence_end(&slot->sequence);
}

/* One that its wrapper never ended. */
static __attribute__((noinline)) void end_as_abandoned(struct thread *thread, struct wire_thread_slot *slot,
                                                       uint64_t now_ns)
{
    const struct record_end end = {.now_ns = now_ns, .outcome = WIRE_ABANDONED};
    end_entry(dropbox_file(), thread, slot, slot->depth - 1, &end);
}

/*
 * Entries whose frame is gone: left by longjmp, a C++ throw or cancellation through a callback. A wrapper that is
 * still running has its frame above ours. Where addresses cannot tell, the same handle can: a library does not allow
 * two calls on one handle at a time.
 */
static __attribute__((noinline)) void end_abandoned(struct thread *thread, struct wire_thread_slot *slot,
                                                    uint64_t frame, const void *handle, uint64_t now_ns)
{
    uint64_t top = thread_stack_top(thread);
    while (slot->depth) {
        const struct wire_open_span *open = &slot->open[slot->depth - 1];
        bool is_gone = is_on_own_stack(frame, top) && is_on_own_stack(open->stack_pointer, top)
                           ? open->stack_pointer <= frame
                           : handle && open->handle == (uint64_t)(uintptr_t)handle;
        if (!is_gone)
            return;
        end_as_abandoned(thread, slot, now_ns);
    }
}

void span_end_abandoned(struct thread *thread, const void *frame)
{
    struct wire_thread_slot *slot = thread->slots[0];
    if (!slot->depth || thread->busy[0])
        return;
    thread->busy[0] = 1;
    fence();
    end_abandoned(thread, slot, (uint64_t)(uintptr_t)frame, NULL, thread_now_ns(thread));
    fence();
    thread->busy[0] = 0;
}

/* What span_begin() was told. */
struct span_call {
    const void *handle;
    struct connection *connection;
    const char *text; /* of a statement; NULL none */
    uint16_t instrumentation;
    uint8_t operation;
};

/* No entry left, or hardly room for facts. */
static __attribute__((noinline)) bool is_full(const struct wire_thread_slot *slot)
{
    const struct wire_open_span *top = &slot->open[slot->depth - 1];
    return slot->depth == WIRE_OPEN_SPANS || top->from + top->bytes > WIRE_STAGING_BYTES - 512;
}

/* ---- facts ---- */

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
    volatile uint32_t is_appending; /* the thread's own word is set already */
    if (open->n_shared > 1 || at + 64 > span->facts.max_bytes)
        return;
    struct facts facts = {.base = span->facts.base + at,
                          .bytes = &fact_bytes,
                          .max_bytes = span->facts.max_bytes - at,
                          .busy = &is_appending};
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

/* The first word of a statement's fact, but for its lengths; what was cut has a flag, and is never the same. */
#define QUERY_HEAD ((uint32_t)WIRE_DB_QUERY_TEXT | (uint32_t)WIRE_STRING << 16)

static inline bool is_same(const struct wire_fact *fact, const char *text)
{
    size_t bytes = fact->bytes;
    return strncmp(text, (const char *)(fact + 1), bytes) == 0 && !text[bytes];
}

/* The thread's own block lies there, and has this text. `words`: its head, and its fact's. */
static inline bool is_block_of(const struct thread_query *query, const uint64_t *words, const char *text)
{
    return words[1] == query->words[1] && words[0] == query->words[0] && words[2] == query->words[2] &&
           (query->is_literal || is_same((const struct wire_fact *)(const void *)(words + 2), text));
}

/* An earlier span's fact lies there, or what looks like one, and has this text. */
static bool is_fact_of(const uint64_t *words, const char *text)
{
    const struct wire_fact *fact = (const struct wire_fact *)(const void *)words;
    return (uint32_t)words[0] == QUERY_HEAD && fact->bytes <= WIRE_STRING_MAX && is_same(fact, text);
}

/* The text goes into a block, which the spans after this one find. */
static void stage_block(struct span *span, const char *text, size_t bytes)
{
    struct thread_query *query = &span->thread->query;
    const uint8_t *block = span->facts.base + span->open->bytes;
    query->mark = (struct interned){0};
    span_statement(span, &query->mark, text, bytes);
    if (!span->statement)
        return;
    memcpy(query->words, block, sizeof(query->words));
    query->is_literal = literal_is(text, bytes);
}

/* Not the thread's block. For the second time the same text is worth one. */
static __attribute__((noinline)) void stage_query(struct span *span, const char *text)
{
    struct thread_query *query = &span->thread->query;
    const uint64_t *there = (const uint64_t *)(const void *)(span->facts.base + span->open->bytes);
    bool is_again = query->text == text;
    bool is_first = span->depth == 1 && !span->level && span->open->bytes < WIRE_STAGING_BYTES / 4;
    size_t bytes = strnlen(text, QUERY_MAX_BYTES);
    query->text = text;
    if (is_again && is_first && !query->words[1] && is_fact_of(there, text)) {
        stage_block(span, text, bytes);
        return;
    }
    facts_string(&span->facts, WIRE_DB_QUERY_TEXT, text, bytes);
    if (is_first || !is_again)
        query->words[1] = 0;
}

/*
 * The address told that it is worth looking; the bytes decide. They are looked at with `busy` set, for a handler's span
 * would begin where they lie, and only by the first span on the thread's stack: the mark is the thread's.
 */
static inline bool take_block(struct span *span, struct thread *thread, const char *text)
{
    struct wire_open_span *open = &thread->slots[0]->open[0];
    uint32_t bytes = open->bytes;
    const uint64_t *there = (const uint64_t *)(const void *)(thread->slots[0]->staged + bytes);
    if (thread->query.text != text || !thread->query.words[1] || !is_block_of(&thread->query, there, text))
        return false;
    open->bytes = bytes + (uint32_t)there[0];
    open->n_shared++;
    span->statement = &thread->query.mark;
    return true;
}

/* ---- begin ---- */

/* A new entry on the slot's stack, whole before depth says so. */
static inline __attribute__((always_inline)) struct wire_open_span *
push(struct span *span, struct wire_thread_slot *slot, uint32_t from, const struct span_call *call,
     uint64_t now_ns)
{
    struct thread *thread = span->thread;
    uint32_t depth = span->depth - 1, level = span->level;
    struct wire_open_span *open = &slot->open[depth];
    /* Alone: nothing to look at. */
    uint32_t n_open = __builtin_constant_p(depth) ? depth : depth | thread->n_custom;
    sequence_begin(&slot->sequence);
    episode_join(thread, slot, n_open, call->connection ? call->connection->n_operations : 0, now_ns,
                 &open->facts);
    ids_make_span_id(&thread->span_ids[level], open->facts.span_id);
    open->facts.instrumentation = call->instrumentation;
    open->facts.operation = call->operation;
    open->handle = (uint64_t)(uintptr_t)call->handle;
    open->stack_pointer = (uint64_t)(uintptr_t)span;
    open->from = from;
    open->bytes = 0;
    open->n_shared = 0;
    open->cut = 0;
    if (call->connection)
        record_stage_connection(open, slot->staged + from, from, WIRE_STAGING_BYTES - from, call->connection);
    fence();
    atomic_store_explicit((_Atomic uint32_t *)&slot->depth, depth + 1, memory_order_release);
    sequence_end(&slot->sequence);
    return open;
}

/* The call's span. The caller has set the level's `busy`. Inlined where level and depth are constants. */
/* six things to know, and the settings: NOLINTNEXTLINE(readability-function-size) */
static inline __attribute__((always_inline)) void begin(uint32_t live, struct span *span,
                                                        struct thread *thread, uint32_t level, uint32_t depth,
                                                        const struct span_call *call, uint64_t now_ns)
{
    struct wire_thread_slot *slot = thread->slots[level];
    uint32_t from = depth ? slot->open[depth - 1].from + slot->open[depth - 1].bytes : 0;
    span->thread = thread;
    span->connection = call->connection;
    span->statement = NULL;
    span->level = level;
    span->depth = depth + 1;
    span->generation = thread->generation;
    struct wire_open_span *open = push(span, slot, from, call, now_ns);
    span->open = open;
    span->facts.base = slot->staged + from;
    span->facts.bytes = &open->bytes;
    span->facts.max_bytes = WIRE_STAGING_BYTES - from;
    span->facts.always_only = !sampler_wants_all_under(live, open->facts.flags);
    span->facts.cut = &open->cut;
    span->facts.busy = &thread->busy[level];
    bool is_staged = !call->text || (!level && !depth && take_block(span, thread, call->text));
    fence();
    thread->busy[level] = 0;
    if (__builtin_expect(!is_staged, 0))
        stage_query(span, call->text);
}

/* Inside another span of this thread, one that the program began by itself, or in a UNIX-signal handler that interrupted the shim itself. */
static __attribute__((noinline)) bool begin_above(uint32_t live, struct span *span, struct thread *thread,
                                                  const struct span_call *call)
{
    int level = thread_level(thread);
    if (level < 0)
        return false;
    struct wire_thread_slot *slot = thread->slots[level];
    thread->busy[level] = 1;
    fence();
    uint64_t now_ns = thread_now_ns(thread);
    if (slot->depth)
        end_abandoned(thread, slot, (uint64_t)(uintptr_t)span, call->handle, now_ns);
    if (slot->depth && is_full(slot)) {
        dropbox_count(DROP_TOO_DEEP);
        thread->busy[level] = 0;
        return false;
    }
    begin(live, span, thread, (uint32_t)level, slot->depth, call, now_ns);
    return true;
}

static inline __attribute__((always_inline)) bool begin_call(struct span *span, const struct span_call *call)
{
    if (!lifecycle_is_active())
        return false;
    const struct dropbox *box = dropbox_file();
    if (__builtin_expect(!box, 0))
        box = dropbox_open_for_span();
    struct thread *thread = box ? thread_get_in(box) : NULL;
    uint32_t live = thread ? sampler_live(box) : WIRE_LIVE_OFF;
    if (__builtin_expect(live & WIRE_LIVE_OFF, 0))
        return false;
    if (__builtin_expect(thread->busy[0] | thread->n_custom || thread->slots[0]->depth, 0)) {
        const struct span_call copy = *call; /* so that the usual call stays in registers */
        return begin_above(live, span, thread, &copy);
    }
    thread->busy[0] = 1;
    fence();
    begin(live, span, thread, 0, 0, call, thread_now_ns(thread));
    return true;
}

HOT bool span_begin(struct span *span, uint16_t instrumentation, enum wire_operation operation,
                    const void *handle, struct connection *connection)
{
    const struct span_call call = {handle, connection, NULL, instrumentation, (uint8_t)operation};
    return begin_call(span, &call);
}

/* six things to know: NOLINTNEXTLINE(readability-function-size) */
HOT bool span_begin_query(struct span *span, uint16_t instrumentation, enum wire_operation operation,
                          const void *handle, struct connection *connection, const char *text)
{
    const struct span_call call = {handle, connection, text, instrumentation, (uint8_t)operation};
    return begin_call(span, &call);
}

/* ---- end ---- */

HOT struct span_context span_context_of(const struct wire_span_facts *facts)
{
    struct span_context context = {
        .flags = facts->flags & (WIRE_SPAN_SAMPLED | WIRE_SPAN_RANDOM),
        .in_process_trace = (facts->flags & WIRE_SPAN_REMOTE_PARENT) != 0,
    };
    memcpy(context.trace_id, facts->trace_id, sizeof(context.trace_id));
    memcpy(context.span_id, facts->span_id, sizeof(context.span_id));
    return context;
}

HOT struct span_context span_context(const struct span *span)
{
    return span_context_of(&span->open->facts);
}

/* Entries above ours were left by callbacks that never came back. */
static __attribute__((noinline)) void end_entries_above(struct thread *thread, struct wire_thread_slot *slot,
                                                        uint32_t depth, uint64_t now_ns)
{
    while (slot->depth > depth)
        end_as_abandoned(thread, slot, now_ns);
}

/* Level and depth are constants where the span is the only one. */
/* six things to know: NOLINTNEXTLINE(readability-function-size) */
static inline __attribute__((always_inline)) void end(const struct dropbox *box, struct span *span,
                                                      uint32_t level, uint32_t depth, struct record_end how)
{
    struct thread *thread = span->thread;
    how.marks[0] = span->connection ? &span->connection->interned : span->statement;
    how.marks[1] = span->connection ? span->statement : NULL;
    end_entry(box, thread, thread->slots[level], depth, &how);
    fence();
    thread->busy[level] = 0;
    dropbox_ring(box, span_is_error(how.outcome), how.now_ns);
}

/* Not the only span of its thread, something was lost, or it failed. */
static __attribute__((noinline)) void end_above(const struct dropbox *box, struct span *span,
                                                struct record_end how)
{
    struct thread *thread = span->thread;
    struct wire_thread_slot *slot = thread->slots[span->level];
    if (slot->depth < span->depth)
        return; /* somebody ended us as abandoned */
    how.now_ns = thread_now_ns(thread);
    if (span_is_error(how.outcome))
        callstack_copy(box, thread, span->open->facts.span_id, how.now_ns);
    thread->busy[span->level] = 1;
    fence();
    if (slot->depth > span->depth)
        end_entries_above(thread, slot, span->depth, how.now_ns);
    if (span->open->cut)
        dropbox_count(DROP_FACTS_CUT);
    end(box, span, span->level, span->depth - 1, how);
}

static inline __attribute__((always_inline)) void end_call(struct span *span, struct record_end how)
{
    struct thread *thread = span->thread;
    const struct dropbox *box = dropbox_file();
    if (__builtin_expect(!box || thread->generation != span->generation, 0)) {
        if (!box)
            thread->generation = 0; /* a fork child came back through the wrapper: process.c asks */
        return;
    }
    const struct wire_thread_slot *slot = thread->slots[0];
    bool is_only = span->open == &slot->open[0] && slot->depth == 1 && !slot->open[0].cut;
    if (__builtin_expect(!is_only || span_is_error(how.outcome), 0)) {
        end_above(box, span, how);
        return;
    }
    how.now_ns = thread_now_ns(thread);
    thread->busy[0] = 1;
    fence();
    end(box, span, 0, 0, how);
}

HOT void span_end(struct span *span, enum wire_outcome outcome)
{
    end_call(span, (struct record_end){.outcome = outcome});
}

HOT void span_end_with_rows(struct span *span, int64_t rows)
{
    end_call(span, (struct record_end){.outcome = WIRE_OK, .has_rows = true, .rows = rows});
}

void span_take_over(struct thread *thread, struct wire_thread_slot *slot)
{
    if (slot->depth <= WIRE_OPEN_SPANS)
        end_entries_above(thread, slot, 0, thread_now_ns(thread));
    episode_take_over(thread, slot);
}
