/*
 * operation: see operation.h.
 *
 * A slot is named by generation << 32 | number: after a fork the child sees that the operations in its connections'
 * queues belong to the parent's file, and leaves them alone. Numbers from 1: slots of the file, then the private pool.
 */
#include "operation_priv.h"

#include "admit.h"
#include "callstack.h"
#include "episode.h"
#include "hot.h"
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

/*
 * Slots of operations that a thread has ended stay with its thread slot, for its next ones: to claim one anew is a locked
 * operation, which waits for all that the thread has stored before. Only in the first thread slots, and no more than
 * WIRE_KEPT_SLOTS, which a file has besides those for everybody. They change hands with the thread slot: the count is released
 * and acquired.
 */
#define KEEPERS 4u
#define MAX_KEPT (WIRE_KEPT_SLOTS / KEEPERS)
struct operation_kept {
    _Alignas(64) uint32_t generation; /* of the file that the numbers are of */
    uint32_t n;
    uint16_t numbers[MAX_KEPT];
};
/* By thread slot, and by file in turn: a thread may be ending an operation of the one while another makes the next. */
static struct operation_kept kept[2][KEEPERS];

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

/* The first operation of a thread in this file. One too small to have slots besides: nobody keeps any. */
static void begin_keeping(const struct dropbox *box, struct thread *thread)
{
    if (thread->slot_index >= KEEPERS || box->n_operation_slots < WIRE_OPERATION_SLOTS)
        return;
    struct operation_kept *mine = &kept[box->generation % 2][thread->slot_index];
    if (__atomic_load_n(&mine->generation, __ATOMIC_RELAXED) != box->generation) {
        __atomic_store_n(&mine->n, 0, __ATOMIC_RELEASE);
        __atomic_store_n(&mine->generation, box->generation, __ATOMIC_RELAXED);
    }
    thread->kept = mine;
}

/*
 * A free slot, numbered through the file and then the private pool, searched from the thread's hint: a pipeline takes
 * them in turn, and giving one back moves the hint down to it, so that few pages are touched.
 */
static __attribute__((noinline)) uint32_t search(const struct dropbox *box, struct thread *thread)
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
    return search(box, thread);
}

/* NULL: none is free. */
static inline struct operation *claim(const struct dropbox *box, struct thread *thread, uint32_t *ret_number)
{
    struct operation_kept *mine = thread->kept;
    uint32_t n = mine ? __atomic_load_n(&mine->n, __ATOMIC_ACQUIRE) : 0;
    if (__builtin_expect(!n, 0)) {
        if (!mine)
            begin_keeping(box, thread);
        *ret_number = search(box, thread);
        return *ret_number ? slot_of(box, *ret_number) : NULL;
    }
    *ret_number = mine->numbers[n - 1];
    __atomic_store_n(&mine->n, n - 1, __ATOMIC_RELEASE);
    struct operation *operation = (struct operation *)&box->operation_slots[*ret_number - 1];
    __atomic_store_n(&operation->slot.owner, thread->tid, __ATOMIC_RELAXED);
    return operation;
}

static void enqueue(const struct dropbox *box, struct connection *connection, struct operation *operation,
                    uint64_t name)
{
    struct operation *last =
        connection->n_operations ? operation_find(box, connection->last_operation) : NULL;
    links_of(operation)->next = 0;
    if (last) {
        links_of(last)->next = name;
    } else {
        connection->first_operation = name;
        connection->n_operations = 0;
    }
    connection->last_operation = name;
    connection->n_operations++;
}

/* Its name, 0 when the queue has not got it. */
static __attribute__((noinline)) uint64_t
dequeue_later(const struct dropbox *box, struct connection *connection, struct operation *operation)
{
    struct operation *at = operation_find(box, connection->first_operation), *before = NULL;
    uint64_t name = connection->first_operation, name_before = 0;
    for (; at && at != operation; at = operation_find(box, name)) {
        before = at;
        name_before = name;
        name = links_of(at)->next;
    }
    if (!at || !before)
        return 0;
    links_of(before)->next = links_of(at)->next;
    if (connection->last_operation == name)
        connection->last_operation = name_before;
    connection->n_operations--;
    return name;
}

static inline void take_oldest(struct connection *connection, struct operation *operation)
{
    connection->first_operation = links_of(operation)->next;
    connection->n_operations--;
}

/* Nearly always the oldest. Of the last one's name nobody asks once there is none. */
static inline uint64_t dequeue(const struct dropbox *box, struct connection *connection,
                               struct operation *operation)
{
    uint64_t name = connection->first_operation;
    if (__builtin_expect(operation_find(box, name) != operation, 0))
        return dequeue_later(box, connection, operation);
    take_oldest(connection, operation);
    return name;
}

/*
 * What is open counts in its thread's slot: every operation in open_operations; in open_calls, too, while its episode is the one
 * that runs. The thread itself counts without a locked operation; whoever else closes says so in words of their own
 * (episode_take_closed()). So does a handler that interrupted it while it counted.
 */
static __attribute__((noinline, cold)) void count_closed_elsewhere(struct wire_thread_slot *slot, bool has)
{
    if (has)
        __atomic_fetch_add(&slot->closed_calls, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&slot->closed_operations, 1, __ATOMIC_RELAXED);
}

static void fill(struct operation *operation, struct thread *thread, struct connection *connection)
{
    struct wire_thread_slot *slot = thread->slots[0];
    struct wire_open_span *open = &operation->slot.span;
    open->bytes = 0; /* what else there is nobody writes in a slot, or it is written below */
    open->n_shared = 0;
    open->cut = 0;
    bool has_joined = episode_join(thread, slot, slot->depth | thread->n_custom, connection->n_operations,
                                   thread_now_ns(thread), &open->facts);
    ids_make_span_id(&thread->span_ids[0], open->facts.span_id);
    open->handle = (uint64_t)(uintptr_t)connection->handle;
    links_of(operation)->statement = NULL;
    links_of(operation)->whole_text = NULL;
    links_of(operation)->annex = NULL;
    links_of(operation)->thread_slot = (uint64_t)(uintptr_t)slot;
    links_of(operation)->claims = slot->claims;
    slot->episode.open_operations++;
    slot->episode.open_calls += has_joined;
    record_stage_connection(open, operation->slot.staged, 0, WIRE_OPERATION_STAGING_BYTES, connection);
}

HOT struct operation *operation_open(uint16_t instrumentation, enum wire_operation kind,
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
    thread->busy[0] = 1;
    atomic_signal_fence(memory_order_seq_cst);
    uint32_t number;
    struct operation *operation = claim(box, thread, &number);
    if (operation) {
        fill(operation, thread, connection);
        operation->slot.span.facts.instrumentation = instrumentation;
        operation->slot.span.facts.operation = (uint8_t)kind;
        enqueue(box, connection, operation, (uint64_t)box->generation << 32 | number);
        atomic_store_explicit((_Atomic uint32_t *)&operation->slot.is_open, 1, memory_order_release);
        if (ret_facts)
            *ret_facts = operation_facts(operation);
    } else {
        dropbox_count(DROP_NO_OPERATION);
    }
    atomic_signal_fence(memory_order_seq_cst);
    thread->busy[0] = 0;
    return operation;
}

void operation_set_age(struct operation *operation, uint64_t age_ns)
{
    operation->slot.span.facts.start_mono_ns -= age_ns;
}

HOT struct span_context operation_context(const struct operation *operation)
{
    return span_context_of(&operation->slot.span.facts);
}

HOT void operation_mark_injected(struct operation *operation)
{
    operation->slot.span.facts.flags |= WIRE_SPAN_INJECTED;
}

/* The thread that opened it may be another one, and may be gone. `is_inner`: in a handler that interrupted the shim. */
static inline __attribute__((always_inline)) void leave_episode(const struct thread *thread,
                                                                struct operation *operation,
                                                                const struct record_end *end, bool is_inner)
{
    struct wire_thread_slot *slot = (struct wire_thread_slot *)(uintptr_t)links_of(operation)->thread_slot;
    if (slot->claims != links_of(operation)->claims)
        return;
    bool has = episode_has(&slot->episode, &operation->slot.span.facts);
    if (__builtin_expect(thread->slots[0] == slot && !is_inner, 1)) {
        slot->episode.open_operations--;
        slot->episode.open_calls -= has && slot->episode.open_calls;
    } else {
        count_closed_elsewhere(slot, has);
    }
    if (!has)
        return; /* of no episode, or of one that is over */
    sequence_begin(&slot->sequence);
    episode_note_end(&slot->episode, end->now_ns, span_is_error(end->outcome));
    sequence_end(&slot->sequence);
}

/* `number` 0: not known. A handler that interrupted this very place keeps none. */
static inline void release(struct thread *thread, const struct dropbox *box, struct operation *operation,
                           uint32_t number, bool is_inner)
{
    struct operation_kept *mine = thread->kept;
    bool is_in_file = number - 1 < box->n_operation_slots;
    atomic_store_explicit((_Atomic uint32_t *)&operation->slot.is_open, 0, memory_order_release);
    if (__builtin_expect(is_in_file && mine && mine->n < MAX_KEPT && !is_inner, 1)) {
        mine->numbers[mine->n] = (uint16_t)number;
        __atomic_store_n(&mine->n, mine->n + 1, __ATOMIC_RELEASE);
        return;
    }
    if (is_in_file && number - 1 < thread->operation_hint)
        thread->operation_hint = number - 1;
    atomic_store_explicit((_Atomic uint32_t *)&operation->slot.owner, 0, memory_order_release);
}

/* With what the slot had no room for. */
static __attribute__((noinline)) void commit_whole(const struct dropbox *box, struct thread *thread,
                                                   struct operation *operation, const struct record_end *end)
{
    const struct links *links = links_of(operation);
    struct wire_open_span open = operation->slot.span;
    uint8_t *staged = operation->slot.staged;
    if (links->whole_text)
        (void)operation_stage_whole(thread, operation, &open, &staged);
    if (links->annex)
        (void)operation_stage_annex(thread, operation, &open, &staged);
    record_commit(box, thread, &open, staged, end);
}

static inline __attribute__((always_inline)) void commit(const struct dropbox *box, struct thread *thread,
                                                         struct operation *operation,
                                                         const struct record_end *end)
{
    const struct links *links = links_of(operation);
    if (__builtin_expect(links->whole_text || links->annex, 0)) {
        const struct record_end copy = *end; /* so that the usual one stays in registers */
        commit_whole(box, thread, operation, &copy);
        return;
    }
    record_commit(box, thread, &operation->slot.span, operation->slot.staged, end);
}

/* `name`: of the oldest, which it is; 0: of whichever. `box` is dropbox_file(). */
static inline __attribute__((always_inline)) void close(const struct dropbox *box,
                                                        struct connection *connection,
                                                        struct operation *operation, uint64_t name,
                                                        struct record_end end)
{
    struct thread *thread = operation && box ? thread_get_in(box) : NULL;
    if (!thread)
        return;
    bool has_failed = span_is_error(end.outcome);
    end.now_ns = thread_now_ns(thread);
    end.marks[0] = &connection->interned;
    end.marks[1] = links_of(operation)->statement;
    if (__builtin_expect(has_failed, 0))
        callstack_copy(box, thread, operation->slot.span.facts.span_id, end.now_ns);
    uint32_t n_busy = thread->busy[0];
    thread->busy[0] = n_busy + 1;
    atomic_signal_fence(memory_order_seq_cst);
    if (__builtin_expect(operation->slot.span.cut, 0))
        dropbox_count(DROP_FACTS_CUT);
    commit(box, thread, operation, &end);
    leave_episode(thread, operation, &end, n_busy);
    if (name)
        take_oldest(connection, operation);
    else
        name = dequeue(box, connection, operation);
    release(thread, box, operation, (uint32_t)name, n_busy);
    atomic_signal_fence(memory_order_seq_cst);
    thread->busy[0] = n_busy;
    dropbox_ring(box, has_failed, end.now_ns);
}

HOT void operation_close(struct connection *connection, struct operation *operation,
                         enum wire_outcome outcome)
{
    close(dropbox_file(), connection, operation, 0, (struct record_end){.outcome = outcome});
}

HOT void operation_close_with_rows(struct connection *connection, struct operation *operation, int64_t rows)
{
    close(dropbox_file(), connection, operation, 0,
          (struct record_end){.outcome = WIRE_OK, .has_rows = true, .rows = rows});
}

HOT void operation_close_all(struct connection *connection, enum wire_outcome outcome)
{
    for (uint32_t n = connection ? connection->n_operations : 0; n > 0;
         n--) /* one that cannot be closed stays */
        operation_close(connection, operation_oldest(connection), outcome);
    if (connection) {
        connection->first_operation = connection->last_operation = 0;
        connection->n_operations = 0;
    }
}

HOT void operation_close_oldest(struct connection *connection)
{
    const struct dropbox *box = dropbox_file();
    uint64_t name = connection->first_operation;
    struct operation *operation = connection->n_operations ? operation_find(box, name) : NULL;
    close(box, connection, operation, name, (struct record_end){.outcome = WIRE_OK});
}
