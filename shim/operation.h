/*
 * operation: a span whose life is a handle's business, not a frame's: a pipelined command, an
 * asynchronous call, a transfer of a multi handle, a COPY.
 *
 * Context: hot, async-signal-safe. Operations stage in slots of the mapped file (so a kill leaves them seen in
 * flight), beyond those in a private pool; beyond that they are dropped and counted.
 * Threads: an operation may be closed by another thread than the one that opened it; the handle orders them.
 */
#ifndef OTELSHIM_OPERATION_H
#define OTELSHIM_OPERATION_H

#include "sampler.h"
#include "span.h"

/* A slot, for operation*.c alone. */
struct operation {
    struct wire_operation_slot slot;
};

/*
 * Opens a client span on `connection` (not NULL) whose parent is taken now. It becomes the last of the
 * connection's operations. NULL: not recorded. `ret_facts` (NULL: not wanted) is where to append facts until the next call of ours.
 */
struct operation *operation_open(uint16_t instrumentation, enum wire_operation kind,
                                 struct connection *connection, struct facts *ret_facts);

/* Of a name (operation.c) that is of this file; NULL when it is 0 or of another one. */
struct operation *operation_find_slowly(const struct dropbox *box, uint64_t name);
static inline struct operation *operation_find(const struct dropbox *box, uint64_t name)
{
    if (__builtin_expect(box && name >> 32 == box->generation && (uint32_t)name - 1 < box->n_operation_slots,
                         1))
        return (struct operation *)(void *)&box->operation_slots[(uint32_t)name - 1];
    return operation_find_slowly(box, name);
}

/* The oldest operation of the connection that is still open, or NULL. */
static inline struct operation *operation_oldest(const struct connection *connection)
{
    return connection && connection->n_operations
               ? operation_find(dropbox_file(), connection->first_operation)
               : NULL;
}

/* Facts can be added to it again. */
static inline struct facts operation_facts(struct operation *operation)
{
    return (struct facts){
        .base = operation->slot.staged,
        .bytes = &operation->slot.span.bytes,
        .max_bytes = WIRE_OPERATION_STAGING_BYTES,
        .always_only = !sampler_wants_all(operation->slot.span.facts.flags),
        .cut = &operation->slot.span.cut,
        .busy = &operation->slot.is_appending,
    };
}

/* What a statement leaves free in a slot for the facts that come when the operation ends. */
#define OPERATION_LATER_BYTES 320u

/* As operation_statement(), for a fact of any kind; `later_bytes` is what the facts of the end may need in the slot. */
void operation_text(struct operation *operation, struct interned *mark, enum wire_attribute key,
                    const char *text, size_t bytes, uint32_t later_bytes);

/*
 * The statement, in a block of its own that is written once per chunk. Must come before any other fact. `mark` and
 * `text` are the caller's, who gives another statement in their place another number and keeps them until the handle
 * is forgotten: what the slot has no room for is read there when the operation ends.
 */
static inline void operation_statement(struct operation *operation, struct interned *mark, const char *text,
                                       size_t bytes)
{
    operation_text(operation, mark, WIRE_DB_QUERY_TEXT, text, bytes, OPERATION_LATER_BYTES);
}

/*
 * Facts that the slot has no room for (864 bytes): they lie with the handle, which changes them until the operation ends and keeps
 * them that long, and are copied into its record. A part of 0 bytes is left out.
 */
#define OPERATION_ANNEX_FACTS 2u
struct operation_annex {
    enum wire_attribute keys[OPERATION_ANNEX_FACTS];
    struct facts_part parts[OPERATION_ANNEX_FACTS];
};
void operation_set_annex(struct operation *operation, const struct operation_annex *annex);

/* It began that long before it was opened. */
void operation_set_age(struct operation *operation, uint64_t age_ns);

/* Identity, for the headers that go out with it. */
struct span_context operation_context(const struct operation *operation);
void operation_mark_injected(struct operation *operation);

/* Ends it now and takes it out of its connection's queue. NULL is fine. */
void operation_close(struct connection *connection, struct operation *operation, enum wire_outcome outcome);

/* The same of the connection's oldest, which succeeded. Nothing where there is none, or it is the parent process's. */
void operation_close_oldest(struct connection *connection);

/* The same of one that succeeded, with one fact more: WIRE_DB_RETURNED_ROWS. */
void operation_close_with_rows(struct connection *connection, struct operation *operation, int64_t rows);

/* Ends all of the connection's operations with this outcome (handle freed, reconnected). */
void operation_close_all(struct connection *connection, enum wire_outcome outcome);

#endif
