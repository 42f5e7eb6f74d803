/*
 * hiredis_pipeline: what is kept per redisContext: its endpoint and database, and the commands that were sent and
 * whose replies are still to come.
 *
 * Replies come in the order of the commands, so each reply ends the oldest one. Commands that could not be recorded
 * (no operation was free) keep their place in the queue as a number, so that a reply never ends another's span.
 *
 * Context: hot. Threads: a redisContext is used by one thread at a time, which is hiredis' own rule.
 */
#ifndef OTELSHIM_HIREDIS_PIPELINE_H
#define OTELSHIM_HIREDIS_PIPELINE_H

#include "instrument/hiredis_layout.h"
#include "instrument/instrument.h"

#define HIREDIS_UNKNOWN_DATABASE (-1)
#define HIREDIS_ENDPOINT_BYTES 512u

/* Commands in the order they were sent, as counts of recorded and unrecorded ones in turn. */
#define HIREDIS_MAX_RUNS 16u
struct hiredis_queue {
    uint32_t runs[HIREDIS_MAX_RUNS];
    uint32_t n_runs;
    bool first_is_recorded;
    bool is_full; /* no operation was free: none is asked for until one has been given back */
};

/* A SELECT whose reply is still to come; what was appended after it already counts as on its database. */
#define HIREDIS_MAX_SELECTS 4u
struct hiredis_select {
    const struct operation *operation;
    int64_t database_before;
};

struct hiredis_state {
    struct hiredis_library library;
    int64_t database; /* HIREDIS_UNKNOWN_DATABASE: the context was not seen being made */
    int port;         /* 0: a UNIX socket */
    uint32_t n_selects;
    struct hiredis_select selects[HIREDIS_MAX_SELECTS];
    struct hiredis_queue queue;
    char endpoint[HIREDIS_ENDPOINT_BYTES]; /* host or path; empty: not known */
};
static_assert(sizeof(struct hiredis_state) <= CONNECTION_STATE_BYTES, "fits the entry");

static inline struct hiredis_state *hiredis_state_of(struct connection *connection)
{
    return (struct hiredis_state *)(void *)connection->state;
}

/* A new entry, whatever an earlier life of the address left behind. `endpoint` NULL: as the context has it. */
struct connection *hiredis_remember(const redisContext *c, const struct real_entry *entry,
                                    const char *endpoint, int port, int64_t database);
/* The entry of a context, made now where its making was not seen. NULL: none was free. */
struct connection *hiredis_connection_of(const redisContext *c, const struct real_entry *entry);
/* Before the context is freed. Commands without a reply end as abandoned. */
void hiredis_forget(const redisContext *c);
void hiredis_use_database(struct connection *connection, int64_t database);

/* Error number and text of the context, and errno where it was a system call. */
void hiredis_copy_error(struct facts *facts, const struct hiredis_library *library, const redisContext *c);
/* The error's text where the reply is an error reply; what it means for the span. */
enum wire_outcome hiredis_copy_reply(struct facts *facts, const struct hiredis_library *library,
                                     const redisContext *c, const void *reply);
/* A reply of +OK. */
bool hiredis_is_ok(const struct hiredis_library *library, const redisContext *c, const void *reply);

bool hiredis_has_outstanding(struct connection *connection);

/* A command is about to be appended. NULL: not recorded; say so all the same to hiredis_append_end(). */
struct operation *hiredis_append_begin(struct connection *connection, struct facts *ret_facts);
/* `database`: what it selects, or HIREDIS_NO_SELECT. Not queued: hiredis refused the command, and it failed. */
void hiredis_append_end(struct connection *connection, const redisContext *c, struct operation *operation,
                        bool is_queued, int64_t database);

/* After a call that appended protocol text. One text may hold several commands, each of which will have its reply. */
void hiredis_append_protocol(struct connection *connection, const redisContext *c, const char *text,
                             size_t bytes, bool is_queued);

/* After a call that hands out replies; `reply` as the program gave it. With nothing outstanding (SUBSCRIBE, MONITOR)
 * a reply is no span's. */
void hiredis_follow_reply(const redisContext *c, int result, void *const *reply);

/* A reply was handed to the program. NULL: it did not ask for it. */
void hiredis_end_oldest(struct connection *connection, const redisContext *c, const void *reply);
/* The context failed: no reply will come any more. */
void hiredis_fail_all(struct connection *connection, const redisContext *c);
/* Freed or connected anew by the program. */
void hiredis_abandon_all(struct connection *connection);

#endif
