/* operation_adopt: see operation_adopt.h. */
#include "operation_adopt.h"

#include "sequence.h"
#include <stdatomic.h>
#include <string.h>

static void fence(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

/* An operation is its slot (operation.c). */
static void take_identity(struct operation *operation, const struct wire_span_facts *facts)
{
    struct wire_operation_slot *slot = (struct wire_operation_slot *)(void *)operation;
    sequence_begin(&slot->sequence);
    slot->span.facts = *facts;
    sequence_end(&slot->sequence);
}

/* The operation was opened inside the span, as its child; as a member of the episode it keeps that running, until
 * operation_close() counts it down again. */
static void stay_in_episode(struct wire_thread_slot *slot, const struct wire_span_facts *facts)
{
    if (!memcmp(facts->parent_span_id, slot->episode.root.span_id, sizeof(facts->parent_span_id)))
        slot->episode.open_calls++; /* this thread's own slot */
}

/* As span.c ends an entry, but for the record. */
static void pop(struct wire_thread_slot *slot)
{
    sequence_begin(&slot->sequence);
    atomic_store_explicit((_Atomic uint32_t *)&slot->depth, slot->depth - 1, memory_order_release);
    sequence_end(&slot->sequence);
}

struct operation *operation_adopt(struct span *span, struct connection *connection, struct facts *ret_facts)
{
    struct thread *thread = span->thread;
    struct wire_thread_slot *slot = thread->slots[span->level];
    const struct wire_span_facts *facts = &span->open->facts;
    /* In a UNIX-signal handler, in a fork child, above entries that a longjmp left: operations are no place for it. */
    if (span->level || thread->generation != span->generation || slot->depth != span->depth)
        return NULL;
    struct operation *operation =
        operation_open(facts->instrumentation, (enum wire_operation)facts->operation, connection, ret_facts);
    if (!operation)
        return NULL;
    thread->busy[0] = 1;
    fence();
    take_identity(operation, facts);
    stay_in_episode(slot, facts);
    pop(slot);
    fence();
    thread->busy[0] = 0;
    *ret_facts = operation_facts(operation);
    return operation;
}
