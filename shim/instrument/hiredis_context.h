/*
 * hiredis_context: what is kept per redisContext: its endpoint and peer, the database, what commands that were sent will
 * change, whether it counts as an open connection.
 *
 * Context: hot. Threads: a redisContext is used by one thread at a time, which is hiredis' own rule.
 */
#ifndef OTELSHIM_HIREDIS_CONTEXT_H
#define OTELSHIM_HIREDIS_CONTEXT_H

#include "instrument/hiredis_effect_format.h"
#include "instrument/hiredis_layout.h"
#include "instrument/instrument.h"

#define HIREDIS_UNKNOWN_DATABASE (-1)
#define HIREDIS_ENDPOINT_BYTES 512u
#define HIREDIS_PEER_BYTES 112u /* a sockaddr_un */

/* Commands in the order they were sent, as counts of recorded and unrecorded ones in turn. */
#define HIREDIS_MAX_RUNS 16u
struct hiredis_queue {
    uint32_t runs[HIREDIS_MAX_RUNS];
    uint32_t n_runs;
    bool first_is_recorded;
    bool is_full; /* no operation was free: none is asked for until one has been given back */
};

/* A SELECT, EXEC or RESET whose reply is still to come; what was sent after it already counts as on its database. */
#define HIREDIS_MAX_EXPECTED 8u
struct hiredis_expected {
    const void *key; /* its operation or span */
    enum hiredis_verb verb;
    int64_t database_before;
};

struct hiredis_callback;

struct hiredis_state {
    struct hiredis_library library;
    int64_t database;        /* HIREDIS_UNKNOWN_DATABASE: the context was not seen being made */
    int64_t queued_database; /* of a SELECT inside MULTI; HIREDIS_NO_DATABASE none */
    int port;                /* 0: a UNIX socket */
    uint32_t opened_in;      /* counts as open in the file of this generation; 0: not yet, or no more */
    uint32_t serial;         /* of this life of the address */
    uint32_t n_expected;
    bool is_in_multi;
    bool is_subscribed; /* arrays may be messages */
    bool is_closing;    /* redisAsyncDisconnect: freed behind its last reply */
    struct hiredis_expected expected[HIREDIS_MAX_EXPECTED];
    struct hiredis_queue queue;             /* of a pipeline */
    struct hiredis_callback *ended, *spare; /* hiredis_callback.h */
    uint32_t n_spare;
    char endpoint[HIREDIS_ENDPOINT_BYTES]; /* host or path; empty: not known */
    uint32_t peer_bytes;                   /* 0: not known */
    uint8_t peer[HIREDIS_PEER_BYTES];      /* a sockaddr */
};
static_assert(sizeof(struct hiredis_state) <= CONNECTION_STATE_BYTES, "fits the entry");

static inline struct hiredis_state *hiredis_state_of(struct connection *connection)
{
    return (struct hiredis_state *)(void *)connection->state;
}

/* A new entry, whatever an earlier life of the address left behind. `endpoint` NULL: as the context has it. */
struct connection *hiredis_remember(const redisContext *c, const struct real_entry *entry,
                                    const char *endpoint, int port, int64_t database);
/* The entry of a context, NULL none. */
static inline struct connection *hiredis_find_connection(const redisContext *c)
{
    struct connection *connection = connection_find(c);
    return connection && connection->instrumentation == INSTRUMENT_hiredis ? connection : NULL;
}
/* The same, made now where its making was not seen. NULL: none was free. */
struct connection *hiredis_connection_of(const redisContext *c, const struct real_entry *entry);
/* Before the context is freed. Commands without a reply end as failed, or as abandoned where nothing had failed. */
void hiredis_forget(const redisContext *c);

/* It is connected: counts as open, once. Cold: asks the kernel for the peer. */
void hiredis_note_open(struct connection *connection);
/* A reply has come: it is connected. */
static inline void hiredis_note_reply(struct connection *connection)
{
    if (__builtin_expect(!hiredis_state_of(connection)->opened_in, 0))
        hiredis_note_open(connection);
}
/* Not open any more. Nothing for a child that inherited it by fork. */
void hiredis_note_closed(struct connection *connection);

/* Connected anew: nothing of what was sent before holds. */
void hiredis_reset(struct connection *connection);

/* A command was sent that changes how those behind it are to be read. `key`: its operation or span, NULL not recorded. */
void hiredis_follow_sent(struct connection *connection, const void *key, struct hiredis_effect effect);
/* Its reply. `key` must not be NULL. */
void hiredis_follow_answered(struct connection *connection, const redisContext *c, const void *key,
                             const void *reply);

/* Error number and text of the context, and errno where it was a system call. */
void hiredis_copy_error(struct facts *facts, const struct hiredis_library *library, const redisContext *c);
/* The text of an error reply, and of the first entry of EXEC's reply that is one; what it means for the span. `type` is
 * hiredis_reply_type(). */
enum wire_outcome hiredis_copy_error_reply(struct facts *facts, const struct hiredis_library *library,
                                           const redisContext *c, const void *reply, int type);
static inline enum wire_outcome hiredis_copy_reply(struct facts *facts, const struct hiredis_library *library,
                                                   const redisContext *c, const void *reply, int type,
                                                   enum hiredis_verb verb)
{
    if (__builtin_expect(type != REDIS_REPLY_ERROR && verb != HIREDIS_EXEC, 1))
        return WIRE_OK;
    return hiredis_copy_error_reply(facts, library, c, reply, type);
}

#endif
