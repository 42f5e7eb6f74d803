/*
 * operation: see operation.h.
 *
 * A slot is named by generation << 32 | number: after a fork the child sees that the operations in its connections'
 * queues belong to the parent's file, and leaves them alone. Numbers from 1: slots of the file, then the private pool.
 */
#include "operation_priv.h"

#include "admit.h"
#include "episode.h"
#include "ids.h"
#include "record.h"
#include "sampler.h"
#include "sys.h"
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#define OVERFLOW_SLOTS 4096u

static struct {
    _Atomic(struct operation *) overflow; /* private pool, made when the file's slots are not enough */
    atomic_uint
        populated[WIRE_OPERATION_SLOTS]; /* generation of the file in which the slot's page is there */
} pool;

static struct operation *get_overflow(void)
{
    struct operation *overflow = atomic_load_explicit(&pool.overflow, memory_order_acquire);
    if (overflow)
        return overflow;
    void *made = sys_mmap(NULL, OVERFLOW_SLOTS * sizeof(struct operation), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
    if (!made)
        return NULL;
    struct operation *mine = made, *none = NULL;
    if (atomic_compare_exchange_strong(&pool.overflow, &none, mine))
        return mine;
    sys_munmap(mine, OVERFLOW_SLOTS * sizeof(struct operation));
    return none;
}

static struct operation *slot_of(const struct dropbox *box, uint32_t number)
{
    if (number <= box->n_operation_slots)
        return (struct operation *)&box->operation_slots[number - 1];
    return &atomic_load_explicit(&pool.overflow, memory_order_acquire)[number - 1 - box->n_operation_slots];
}

struct operation *operation_find_slowly(const struct dropbox *box, uint64_t name)
{
    return name && box && name >> 32 == box->generation ? slot_of(box, (uint32_t)name) : NULL;
}

static bool try_claim(struct operation *operation, uint32_t tid)
{
    uint32_t is_free = 0;
    _Atomic uint32_t *owner = (_Atomic uint32_t *)&operation->slot.owner;
    return !atomic_load_explicit(owner, memory_order_relaxed) &&
           atomic_compare_exchange_strong(owner, &is_free, tid);
}

static bool has_page(const struct dropbox *box, uint32_t number)
{
    return number > box->n_operation_slots ||
           atomic_load_explicit(&pool.populated[number - 1], memory_order_relaxed) == box->generation;
}

static bool is_populated(const struct dropbox *box, uint32_t number)
{
    if (has_page(box, number))
        return true;
    if (!dropbox_populate(&box->operation_slots[number - 1], sizeof(struct wire_operation_slot))) {
        dropbox_count(DROP_NO_MEMORY);
        return false;
    }
    atomic_store_explicit(&pool.populated[number - 1], box->generation, memory_order_relaxed);
    return true;
}

/*
 * A free slot, numbered through the file and then the private pool, searched from the thread's hint: a pipeline takes
 * them in turn, and giving one back moves the hint down to it, so that few pages are touched.
 */
static uint32_t claim(const struct dropbox *box, struct thread *thread)
{
    uint32_t in_file = box->n_operation_slots, hint = thread->operation_hint;
    if (__builtin_expect(hint < in_file && has_page(box, hint + 1) &&
                             try_claim((struct operation *)&box->operation_slots[hint], thread->tid),
                         1)) {
        thread->operation_hint = hint + 1;
        return hint + 1;
    }
    struct operation *overflow = atomic_load_explicit(&pool.overflow, memory_order_acquire);
    uint32_t n = in_file + (overflow ? OVERFLOW_SLOTS : 0);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t number = (thread->operation_hint + i) % n + 1;
        if (is_populated(box, number) && try_claim(slot_of(box, number), thread->tid)) {
            thread->operation_hint = number % n;
            return number;
        }
    }
    if (overflow || !get_overflow())
        return 0;
    thread->operation_hint = in_file;
    return claim(box, thread);
}

static void enqueue(const struct dropbox *box, struct connection *connection, struct operation *operation,
                    uint64_t name)
{
    links_of(operation)->next = 0;
    struct operation *last = operation_find(box, connection->last_operation);
    if (last && connection->n_operations) {
        links_of(last)->next = name;
    } else {
        connection->first_operation = name;
        connection->n_operations = 0;
    }
    connection->last_operation = name;
    connection->n_operations++;
}

static inline void dequeue(const struct dropbox *box, struct connection *connection,
                           struct operation *operation)
{
    struct operation *at = operation_find(box, connection->first_operation), *before = NULL;
    uint64_t name = connection->first_operation, name_before = 0;
    for (; at && at != operation; at = operation_find(box, name)) {
        before = at;
        name_before = name;
        name = links_of(at)->next;
    }
    if (!at)
        return;
    if (before)
        links_of(before)->next = links_of(at)->next;
    else
        connection->first_operation = links_of(at)->next;
    if (connection->last_operation == name)
        connection->last_operation = name_before;
    connection->n_operations--;
}

/*
 * What is open counts in its thread's slot: every operation in open_operations; in open_calls, too, while its episode is the one
 * that runs. The thread itself counts without a locked operation; whoever else closes says so in words of their own
 * (episode_take_closed()). So does a handler that interrupted it while it counted.
 */
static void count_open(struct wire_thread_slot *slot, const struct wire_span_facts *facts)
{
    slot->episode.open_operations++;
    slot->episode.open_calls += episode_has(&slot->episode, facts);
}

static void count_closed(struct wire_thread_slot *slot, const struct wire_span_facts *facts, bool is_own)
{
    bool has = episode_has(&slot->episode, facts);
    if (__builtin_expect(is_own, 1)) {
        slot->episode.open_operations--;
        slot->episode.open_calls -= has && slot->episode.open_calls;
        return;
    }
    if (has)
        __atomic_fetch_add(&slot->closed_calls, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&slot->closed_operations, 1, __ATOMIC_RELAXED);
}

static void fill(struct operation *operation, struct thread *thread, struct connection *connection)
{
    struct wire_thread_slot *slot = thread->slots[0];
    struct wire_open_span *open = &operation->slot.span;
    memset(open, 0, sizeof(*open));
    episode_join(thread, slot, slot->depth | thread->n_custom, connection->n_operations,
                 thread_now_ns(thread), &open->facts);
    ids_make_span_id(&thread->span_ids[0], open->facts.span_id);
    open->handle = (uint64_t)(uintptr_t)connection->handle;
    links_of(operation)->statement = NULL;
    links_of(operation)->whole_text = NULL;
    links_of(operation)->annex = NULL;
    links_of(operation)->thread_slot = (uint64_t)(uintptr_t)slot;
    links_of(operation)->claims = slot->claims;
    count_open(slot, &open->facts);
    record_stage_connection(open, operation->slot.staged, 0, WIRE_OPERATION_STAGING_BYTES, connection);
}

struct operation *operation_open(uint16_t instrumentation, enum wire_operation kind,
                                 struct connection *connection, struct facts *ret_facts)
{
    const struct dropbox *box;
    struct thread *thread = connection ? admit(&box) : NULL;
    if (!thread)
        return NULL;
    if (thread->busy[0]) { /* a handler that interrupted the shim: its thread's episode is being changed */
        dropbox_count(DROP_NESTED);
        return NULL;
    }
    thread->busy[0]++;
    atomic_signal_fence(memory_order_seq_cst);
    uint32_t number = claim(box, thread);
    struct operation *operation = number ? slot_of(box, number) : NULL;
    if (operation) {
        fill(operation, thread, connection);
        operation->slot.span.facts.instrumentation = instrumentation;
        operation->slot.span.facts.operation = (uint8_t)kind;
        enqueue(box, connection, operation, (uint64_t)box->generation << 32 | number);
        atomic_store_explicit((_Atomic uint32_t *)&operation->slot.is_open, 1, memory_order_release);
        *ret_facts = operation_facts(operation);
    } else {
        dropbox_count(DROP_NO_OPERATION);
    }
    atomic_signal_fence(memory_order_seq_cst);
    thread->busy[0]--;
    return operation;
}

void operation_set_age(struct operation *operation, uint64_t age_ns)
{
    operation->slot.span.facts.start_mono_ns -= age_ns;
}

struct span_context operation_context(const struct operation *operation)
{
    return span_context_of(&operation->slot.span.facts);
}

void operation_mark_injected(struct operation *operation)
{
    operation->slot.span.facts.flags |= WIRE_SPAN_INJECTED;
}

/* The thread that opened it may be another one, and may be gone. */
static void leave_episode(const struct thread *thread, struct operation *operation, uint64_t now_ns,
                          enum wire_outcome outcome)
{
    struct wire_thread_slot *slot = (struct wire_thread_slot *)(uintptr_t)links_of(operation)->thread_slot;
    const struct wire_span_facts *facts = &operation->slot.span.facts;
    if (slot->claims != links_of(operation)->claims)
        return;
    count_closed(slot, facts, thread->slots[0] == slot && thread->busy[0] == 1);
    episode_leave(slot, facts, now_ns, span_is_error(outcome));
}

static void release(struct thread *thread, const struct dropbox *box, struct operation *operation)
{
    ptrdiff_t number = operation - (struct operation *)box->operation_slots;
    if (number >= 0 && (uint64_t)number < thread->operation_hint)
        thread->operation_hint = (uint32_t)number;
    atomic_store_explicit((_Atomic uint32_t *)&operation->slot.is_open, 0, memory_order_release);
    atomic_store_explicit((_Atomic uint32_t *)&operation->slot.owner, 0, memory_order_release);
}

static void commit(const struct dropbox *box, struct thread *thread, struct connection *connection,
                   struct operation *operation, enum wire_outcome outcome, uint64_t now_ns)
{
    const struct record_end end = {.marks = {&connection->interned, links_of(operation)->statement},
                                   .now_ns = now_ns,
                                   .outcome = outcome};
    struct wire_open_span whole;
    const struct wire_open_span *open = &operation->slot.span;
    uint8_t *staged = operation->slot.staged;
    if (links_of(operation)->whole_text && operation_stage_whole(thread, operation, &whole, &staged))
        open = &whole;
    if (__builtin_expect(links_of(operation)->annex != NULL, 0)) {
        if (open != &whole)
            whole = *open;
        if (operation_stage_annex(thread, operation, &whole, &staged))
            open = &whole;
    }
    record_commit(box, thread, open, staged, &end);
}

void operation_close(struct connection *connection, struct operation *operation, enum wire_outcome outcome)
{
    const struct dropbox *box = dropbox_file();
    struct thread *thread = operation && box ? thread_get_in(box) : NULL;
    if (!thread)
        return;
    uint64_t now_ns = thread_now_ns(thread);
    thread->busy[0]++;
    atomic_signal_fence(memory_order_seq_cst);
    if (operation->slot.span.cut)
        dropbox_count(DROP_FACTS_CUT);
    commit(box, thread, connection, operation, outcome, now_ns);
    leave_episode(thread, operation, now_ns, outcome);
    dequeue(box, connection, operation);
    release(thread, box, operation);
    atomic_signal_fence(memory_order_seq_cst);
    thread->busy[0]--;
    dropbox_ring(box, span_is_error(outcome), now_ns);
}

void operation_close_all(struct connection *connection, enum wire_outcome outcome)
{
    for (uint32_t n = connection ? connection->n_operations : 0; n > 0;
         n--) /* one that cannot be closed stays */
        operation_close(connection, operation_oldest(connection), outcome);
    if (connection) {
        connection->first_operation = connection->last_operation = 0;
        connection->n_operations = 0;
    }
}
