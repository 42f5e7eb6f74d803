/* custom: see custom.h. */
#include "custom.h"

#include "admit.h"
#include "dropbox_priv.h"
#include "episode.h"
#include "ids.h"
#include "instrument/instrument.h"
#include "record.h"
#include "sequence.h"
#include "span.h"
#include <stdatomic.h>

/* Less room is none: name and kind of a span must find some. */
#define MIN_ROOM_BYTES 160u

static void fence(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

static uint64_t id_of(const struct wire_open_span *open)
{
    uint64_t id;
    memcpy(&id, open->facts.span_id, sizeof(id));
    return id;
}

/* The slot, to be changed until leave(). NULL: there is none, or a UNIX-signal handler came in between (counted). */
static struct wire_thread_slot *enter(struct thread *thread)
{
    struct wire_thread_slot *slot = thread->slots[THREAD_CUSTOM];
    if (thread->busy[THREAD_CUSTOM]) {
        dropbox_count(DROP_NESTED);
        return NULL;
    }
    if (__builtin_expect(!slot, 0) && !(slot = thread_claim_custom(thread)))
        return NULL;
    thread->busy[THREAD_CUSTOM] = 1;
    fence();
    return slot;
}

static void leave(struct thread *thread)
{
    fence();
    thread->busy[THREAD_CUSTOM] = 0;
}

/* ---- the stack ---- */

static void set_depth(struct thread *thread, struct wire_thread_slot *slot, uint32_t depth)
{
    fence();
    atomic_store_explicit((_Atomic uint32_t *)&slot->depth, depth, memory_order_release);
    thread->n_custom = depth;
}

/* The one on top: its record first, then the stack without it. */
static void end_top(const struct dropbox *box, struct thread *thread, struct wire_thread_slot *slot,
                    enum wire_outcome outcome, uint64_t now_ns)
{
    uint32_t depth = slot->depth - 1;
    const struct wire_open_span *open = &slot->open[depth];
    const struct record_end end = {.now_ns = now_ns, .outcome = outcome};
    if (open->cut)
        dropbox_count(DROP_FACTS_CUT);
    record_commit(box, thread, open, slot->staged + open->from, &end);
    sequence_begin(&slot->sequence);
    set_depth(thread, slot, depth);
    sequence_end(&slot->sequence);
}

static uint32_t end_of_facts(const struct wire_thread_slot *slot)
{
    if (!slot->depth)
        return 0;
    const struct wire_open_span *top = &slot->open[slot->depth - 1];
    return top->from + top->bytes;
}

static bool is_full(const struct wire_thread_slot *slot)
{
    return slot->depth == WIRE_OPEN_SPANS || end_of_facts(slot) > WIRE_STAGING_BYTES - MIN_ROOM_BYTES;
}

/*
 * A program that forgets to end a span, in a loop, must not go blind at the 32nd. Those that were begun no further out than the
 * caller stands now may have been forgotten, so where there is no room they are ended. (Always, it would end what a
 * helper function begins for its caller.)
 */
static bool has_room(const struct dropbox *box, struct thread *thread, struct wire_thread_slot *slot,
                     uint64_t frame, uint64_t now_ns)
{
    if (__builtin_expect(!is_full(slot), 1))
        return true;
    while (slot->depth && slot->open[slot->depth - 1].stack_pointer <= frame)
        end_top(box, thread, slot, WIRE_ABANDONED, now_ns);
    if (!is_full(slot))
        return true;
    dropbox_count(DROP_TOO_DEEP);
    return false;
}

static struct wire_open_span *push(struct thread *thread, struct wire_thread_slot *slot, uint64_t frame,
                                   uint64_t now_ns)
{
    struct wire_open_span *open = &slot->open[slot->depth];
    uint32_t from = end_of_facts(slot);
    sequence_begin(&slot->sequence);
    memset(open, 0, sizeof(*open));
    episode_join_custom(thread, now_ns, &open->facts);
    ids_make_span_id(&thread->span_ids[THREAD_CUSTOM], open->facts.span_id);
    open->facts.instrumentation = INSTRUMENT_api;
    open->stack_pointer = frame;
    open->from = from;
    set_depth(thread, slot, slot->depth + 1);
    sequence_end(&slot->sequence);
    return open;
}

/* ---- facts ---- */

/* Where facts of the slot's entry go, while the slot is entered: `busy` is a word that nobody asks. */
static struct facts facts_of(const struct dropbox *box, struct wire_thread_slot *slot, uint32_t index,
                             volatile uint32_t *busy)
{
    struct wire_open_span *open = &slot->open[index];
    uint32_t end = index + 1 < slot->depth ? open[1].from : WIRE_STAGING_BYTES;
    return (struct facts){.base = slot->staged + open->from,
                          .bytes = &open->bytes,
                          .max_bytes = end - open->from,
                          .always_only = !sampler_wants_all_in(box, open->facts.flags),
                          .cut = &open->cut,
                          .busy = busy};
}

/* Room for `bytes` more of an entry that has others above it: they move up, as far as there is room for them. */
static void make_room(struct wire_thread_slot *slot, uint32_t index, uint32_t bytes)
{
    struct wire_open_span *open = &slot->open[index];
    if (index + 1 >= slot->depth || open->from + open->bytes + bytes <= open[1].from)
        return;
    uint32_t from = open[1].from, end = end_of_facts(slot), by = open->from + open->bytes + bytes - from;
    by = by < WIRE_STAGING_BYTES - end ? by : (WIRE_STAGING_BYTES - end) & ~7u;
    sequence_begin(&slot->sequence);
    memmove(slot->staged + from + by, slot->staged + from, end - from);
    for (uint32_t i = index + 1; i < slot->depth; i++)
        slot->open[i].from += by;
    sequence_end(&slot->sequence);
}

static uint32_t find(const struct wire_thread_slot *slot, uint64_t id)
{
    for (uint32_t i = slot ? slot->depth : 0; i > 0; i--)
        if (id_of(&slot->open[i - 1]) == id)
            return i - 1;
    return UINT32_MAX;
}

/* ---- begin and end ---- */

uint64_t custom_begin(const char *name, int kind, const struct attribute_list *list, const void *frame)
{
    const struct dropbox *box;
    struct thread *thread = admit(&box);
    if (!thread)
        return 0;
    span_end_abandoned(thread, frame);
    struct wire_thread_slot *slot = enter(thread);
    if (!slot)
        return 0;
    uint64_t now_ns = thread_now_ns(thread), id = 0;
    if (has_room(box, thread, slot, (uint64_t)(uintptr_t)frame, now_ns)) {
        volatile uint32_t busy;
        struct wire_open_span *open = push(thread, slot, (uint64_t)(uintptr_t)frame, now_ns);
        struct facts facts = facts_of(box, slot, slot->depth - 1, &busy);
        facts_string(&facts, WIRE_SPAN_NAME, name ? name : "", attribute_text_bytes(name));
        if (kind > OTELSHIM_INTERNAL && kind <= OTELSHIM_CONSUMER)
            facts_int(&facts, WIRE_SPAN_KIND, kind);
        attribute_list_copy(&facts, list);
        id = id_of(open);
    }
    leave(thread);
    return id;
}

/* Open on another thread? Looked for only where somebody made a mistake, or ended a span twice. */
static bool is_open_elsewhere(const struct dropbox *box, uint64_t id)
{
    uint32_t n = __atomic_load_n(&dropbox_image(box)->n_touched_slots, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < n; i++) {
        const struct wire_thread_slot *slot = &box->thread_slots[i];
        uint32_t depth = __atomic_load_n(&slot->depth, __ATOMIC_ACQUIRE);
        for (uint32_t k = 0; k < depth && k < WIRE_OPEN_SPANS; k++)
            if (__atomic_load_n((const uint64_t *)(const void *)slot->open[k].facts.span_id,
                                __ATOMIC_RELAXED) == id)
                return true;
    }
    return false;
}

/* This thread in the file that there is; NULL: it has no span open there. In a fork child what its parent had open is none of its. */
static struct thread *get_own(const struct dropbox **ret_box)
{
    struct thread *thread = thread_peek();
    *ret_box = dropbox_file();
    if (!*ret_box)
        thread->generation = 0; /* process.c asks: the child has left what it was forked in */
    return *ret_box && thread->generation == (*ret_box)->generation && lifecycle_is_active() ? thread : NULL;
}

void custom_end(uint64_t id)
{
    const struct dropbox *box;
    struct thread *thread = id ? get_own(&box) : NULL;
    if (!thread)
        return;
    uint32_t index = find(thread->slots[THREAD_CUSTOM], id);
    if (index == UINT32_MAX) {
        if (is_open_elsewhere(box, id))
            dropbox_count(DROP_FOREIGN_SPAN);
        return;
    }
    struct wire_thread_slot *slot = enter(thread);
    if (!slot)
        return;
    uint64_t now_ns = thread_now_ns(thread);
    while (slot->depth > index + 1)
        end_top(box, thread, slot, WIRE_ABANDONED, now_ns);
    enum wire_outcome outcome = (enum wire_outcome)slot->open[index].handle;
    end_top(box, thread, slot, outcome, now_ns);
    leave(thread);
    dropbox_ring(box, span_is_error(outcome), now_ns);
}

/* ---- what is said of an open span ---- */

/* What to append to it. */
struct addition {
    const struct attribute_list *list; /* NULL: an exception, or a status */
    const char *type, *message;        /* of an exception; of a status: the description */
    int status;                        /* 0: leave it */
};

static void append(struct facts *facts, const struct addition *what, uint64_t age_ns)
{
    if (what->list)
        attribute_list_copy(facts, what->list);
    if (what->type) {
        facts_string(facts, WIRE_EXCEPTION, what->type, attribute_text_bytes(what->type));
        facts_string(facts, WIRE_EXCEPTION_MESSAGE, what->message, attribute_text_bytes(what->message));
        facts_int(facts, WIRE_EXCEPTION_US, (int64_t)(age_ns / 1000));
    }
}

static uint32_t size_of(const struct addition *what)
{
    if (what->list)
        return what->list->size;
    return facts_size(attribute_text_bytes(what->type)) + facts_size(attribute_text_bytes(what->message)) +
           2 * RECORD_NUMBER_BYTES;
}

static void add_to_own(const struct dropbox *box, struct thread *thread, uint32_t index,
                       const struct addition *what)
{
    struct wire_thread_slot *slot = enter(thread);
    if (!slot)
        return;
    volatile uint32_t busy;
    make_room(slot, index, size_of(what));
    struct facts facts = facts_of(box, slot, index, &busy);
    append(&facts, what, thread_now_ns(thread) - slot->open[index].facts.start_mono_ns);
    if (what->status) {
        facts_int(&facts, WIRE_SPAN_STATUS, what->status);
        if (!what->type)
            facts_string(&facts, WIRE_SPAN_STATUS_DESCRIPTION, what->message,
                         attribute_text_bytes(what->message));
        slot->open[index].handle = what->status == OTELSHIM_STATUS_ERROR ? WIRE_FAILED : WIRE_OK;
    }
    leave(thread);
}

/* A library call that is being made: we are in a callback of it, and its wrapper waits. */
static void add_to_call(const struct dropbox *box, struct thread *thread, const struct addition *what)
{
    struct wire_thread_slot *slot = thread->slots[0];
    if (thread->busy[0]) {
        dropbox_count(DROP_NESTED);
        return;
    }
    volatile uint32_t busy;
    struct facts facts = facts_of(box, slot, slot->depth - 1, &busy);
    thread->busy[0] = 1;
    fence();
    append(&facts, what, thread_now_ns(thread) - slot->open[slot->depth - 1].facts.start_mono_ns);
    fence();
    thread->busy[0] = 0;
}

static void add(uint64_t id, const struct addition *what, const void *frame)
{
    const struct dropbox *box;
    struct thread *thread = id ? get_own(&box) : NULL;
    if (!thread || !thread->slots[0])
        return;
    if (id == OTELSHIM_CURRENT) {
        span_end_abandoned(thread, frame);
        const struct wire_thread_slot *calls = thread->slots[0];
        const struct wire_span_facts *open = thread_newest_open(thread, calls);
        if (open && calls->depth && open == &calls->open[calls->depth - 1].facts)
            add_to_call(box, thread, what);
        else if (open)
            add_to_own(box, thread, thread->n_custom - 1, what);
        return;
    }
    uint32_t index = find(thread->slots[THREAD_CUSTOM], id);
    if (index != UINT32_MAX)
        add_to_own(box, thread, index, what);
}

bool custom_look(uint64_t id, uint8_t ret_trace_id[16], uint64_t *ret_age_ns)
{
    const struct dropbox *box;
    struct thread *thread = id ? get_own(&box) : NULL;
    if (!thread || !thread->n_custom || thread->busy[THREAD_CUSTOM])
        return false;
    const struct wire_thread_slot *slot = thread->slots[THREAD_CUSTOM];
    uint32_t index = id == OTELSHIM_CURRENT ? thread->n_custom - 1 : find(slot, id);
    if (index == UINT32_MAX)
        return false;
    const struct wire_span_facts *facts = &slot->open[index].facts;
    uint64_t now_ns = thread_now_ns(thread);
    memcpy(ret_trace_id, facts->trace_id, sizeof(facts->trace_id));
    *ret_age_ns = now_ns > facts->start_mono_ns ? now_ns - facts->start_mono_ns : 0;
    return true;
}

void custom_set(uint64_t id, const struct attribute_list *list, const void *frame)
{
    const struct addition what = {.list = list};
    add(id, &what, frame);
}

void custom_set_error(uint64_t id, const char *type, const char *message, const void *frame)
{
    const struct addition what = {
        .type = type ? type : "", .message = message, .status = OTELSHIM_STATUS_ERROR};
    add(id, &what, frame);
}

void custom_set_status(uint64_t id, int status, const char *description, const void *frame)
{
    const struct addition what = {.message = description, .status = status};
    if (status == OTELSHIM_STATUS_OK || status == OTELSHIM_STATUS_ERROR)
        add(id, &what, frame);
}
