/*
 * span: what is being timed on this thread, from a call's begin to its return.
 *
 * Context: hot. No malloc, no locks, no system calls after warm-up; errno is left as found. Async-signal-safe.
 * Threads: a span belongs to the thread that began it and ends there, in the same frame. What outlives a frame is
 * an operation (operation.h).
 */
#ifndef OTELSHIM_SPAN_H
#define OTELSHIM_SPAN_H

#include "connection.h"
#include "facts.h"
#include "thread.h"
#include <string.h>
#include <wire.h>

struct span {
    struct facts facts; /* append what the call is about: facts_string(&span.facts, WIRE_…, …) */
    struct thread *thread;
    struct wire_open_span *open;
    struct connection *connection;
    struct interned *statement;
    uint32_t level;
    uint32_t depth;
    uint32_t generation; /* of the file: a fork child that comes back through the wrapper has another */
};

/* Identity of a span as it goes on the wire. */
struct span_context {
    uint8_t trace_id[16];
    uint8_t span_id[8];
    uint8_t flags;         /* WIRE_SPAN_SAMPLED | WIRE_SPAN_RANDOM */
    bool in_process_trace; /* the trace is the one of TRACEPARENT: its tracestate goes along */
};

/*
 * Begins a client span. False, with *span untouched, when nothing is to be recorded: the shim is inert, not admitted,
 * after the end of the process, or no slot is free (counted). The caller then only calls the real function.
 * `handle` is the library's handle, NULL where there is none yet (a connect); `connection` its entry or NULL.
 * The first begin of a process makes the file and starts the exporter.
 */
bool span_begin(struct span *span, uint16_t instrumentation, enum wire_operation operation,
                const void *handle, struct connection *connection);

/*
 * span_begin() of a statement that is sent as `text`, NUL-terminated; NULL: none. The same text at the same place again, as in a loop,
 * is not copied: it is still staged, and written once per chunk. No more of another is measured than a fact can say.
 */
bool span_begin_query(struct span *span, uint16_t instrumentation, enum wire_operation operation,
                      const void *handle, struct connection *connection, const char *text);

/* For a handle that the call itself created (NULL: it failed): its facts become facts of this span too. */
void span_connection(struct span *span, const struct connection *connection);

/* Facts of a prepared statement, written once per chunk. Must come before any other fact. `mark` is the caller's, and
 * lives as long as the statement. */
void span_statement(struct span *span, struct interned *mark, const char *text, size_t bytes);

struct span_context span_context(const struct span *span);
/* The same of any span's fixed facts. */
struct span_context span_context_of(const struct wire_span_facts *facts);

/* The context went out with the call. */
static inline void span_mark_injected(struct span *span)
{
    span->open->facts.flags |= WIRE_SPAN_INJECTED;
}

/* Counts as an error in the root span, and rings the bell urgently. */
static inline bool span_is_error(enum wire_outcome outcome)
{
    return outcome == WIRE_FAILED || outcome == WIRE_REFUSED;
}

/* Ends the span now: one record, then the stack entry goes. */
void span_end(struct span *span, enum wire_outcome outcome);

/* The same of a query that went well and returned so many rows: a fact less to stage. */
void span_end_with_rows(struct span *span, int64_t rows);

/* Ends what was left on the thread by frames that are gone, as seen from `frame`: what is open then is the thread's own doing. */
void span_end_abandoned(struct thread *thread, const void *frame);

/* A dead thread's slot changes hands (thread_on_reclaim): its open spans end as abandoned, its episode is closed. */
void span_take_over(struct thread *thread, struct wire_thread_slot *slot);

#endif
