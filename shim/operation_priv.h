/*
 * operation_priv: what operation.c and operation_text.c share: the host's own words in a slot.
 *
 * Context: hot, async-signal-safe.
 */
#ifndef OTELSHIM_OPERATION_PRIV_H
#define OTELSHIM_OPERATION_PRIV_H

#include "operation.h"

/* The host's own words in a slot. */
struct links {
    uint64_t next;              /* name of the connection's next operation; 0 none */
    uint64_t thread_slot;       /* address of the slot of the thread that opened it */
    uint64_t claims;            /* its claims then: another number means the slot has another owner now */
    struct interned *statement; /* NULL none */
    const char *whole_text;     /* of a statement that did not fit; NULL it did */
    uint64_t whole_bytes;
    uint32_t statement_at;               /* its block in the staged bytes */
    uint32_t statement_key;              /* enum wire_attribute */
    const struct operation_annex *annex; /* NULL none */
};
static_assert(sizeof(struct links) <= sizeof(((struct wire_operation_slot *)0)->host_private),
              "fits the slot");

static inline struct links *links_of(struct operation *operation)
{
    return (struct links *)operation->slot.host_private;
}

/*
 * The staged bytes with the statement whole, built behind the thread's open spans: the slot has no room for it. False:
 * the text is another one by now, or there is no room either.
 */
bool operation_stage_whole(struct thread *thread, const struct operation *operation,
                           struct wire_open_span *ret_open, uint8_t **ret_staged);

/*
 * The same, whole or not, with the annex's facts behind: `open` and `staged` are what would be written without. False: there is no
 * room.
 */
bool operation_stage_annex(struct thread *thread, const struct operation *operation,
                           struct wire_open_span *open, uint8_t **staged);

#endif
