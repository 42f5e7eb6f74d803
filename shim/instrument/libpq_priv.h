/*
 * libpq_priv: what the libpq*.c files share: the entry points, the state of a connection, queries that were sent.
 *
 * Context: hot. Threads: a PGconn is used by one thread at a time, which is libpq's own rule.
 */
#ifndef OTELSHIM_LIBPQ_PRIV_H
#define OTELSHIM_LIBPQ_PRIV_H

#include "instrument/instrument.h"
#include "instrument/libpq_prepared.h"
#include "instrument/libpq_result.h"
#include <libpq-fe.h>

/* clang-format off */
#define LIBPQ_FUNCTIONS(X)    \
    X(PQconnectdb)            \
    X(PQconnectdbParams)      \
    X(PQsetdbLogin)           \
    X(PQreset)                \
    X(PQfinish)               \
    X(PQexec)                 \
    X(PQexecParams)           \
    X(PQprepare)              \
    X(PQexecPrepared)         \
    X(PQconnectStart)         \
    X(PQconnectStartParams)   \
    X(PQconnectPoll)          \
    X(PQresetStart)           \
    X(PQresetPoll)            \
    X(PQsendQuery)            \
    X(PQsendQueryParams)      \
    X(PQsendPrepare)          \
    X(PQsendQueryPrepared)    \
    X(PQsendDescribePrepared) \
    X(PQsendDescribePortal)   \
    X(PQsendClosePrepared)    \
    X(PQsendClosePortal)      \
    X(PQgetResult)
/* clang-format on */
enum { LIBPQ_FUNCTIONS(ENTRY_POINT_NUMBER) N_LIBPQ_FUNCTIONS };

extern struct real_entry libpq_entry_points[N_LIBPQ_FUNCTIONS];
static struct real_entry *const entry_points =
    libpq_entry_points; /* what REAL_OF() and IS_INTERNAL() look into */

/* A statement longer than a fact can say is not measured to its end. */
#define LIBPQ_STATEMENT_MAX UINT16_MAX
/* One byte past what a fact takes, so that the cut is seen and falls on a UTF-8 boundary. */
#define LIBPQ_TEXT_BYTES (WIRE_STRING_MAX + 8u)

/*
 * Queries that were sent and whose results have not all been taken, in order: one, but in pipeline mode many. One
 * that is not recorded keeps its place, so that its results never end another's span.
 */
#define LIBPQ_MAX_QUEUED 1024u
struct libpq_queue {
    uint8_t is_recorded[LIBPQ_MAX_QUEUED / 8]; /* bits, round and round */
    uint32_t first;
    uint32_t n;
    uint32_t n_beyond; /* sent when it was full: not recorded, behind all others */
};

/* What the oldest query's results have said so far. */
struct libpq_answer {
    int64_t rows;
    bool has_rows;
    bool is_answered;
    bool has_failed;
    char affected[24]; /* PQcmdTuples of the last statement that had one */
};

#define LIBPQ_NAME_BYTES 192u

struct libpq_state {
    const struct libpq_calls *pq;        /* of the library that made the handle */
    struct libpq_prepared_map *prepared; /* NULL until the first prepare */
    struct libpq_queue queue;
    struct libpq_answer answer;
    struct interned text_mark; /* of `text`; another number for every statement */
    bool is_connecting;        /* the connection's only operation is an attempt to connect */
    bool is_preparing; /* PQsendPrepare, outside a pipeline: `text` is to be kept as `name` if it succeeds */
    char name[LIBPQ_NAME_BYTES];
    char text[LIBPQ_TEXT_BYTES]; /* beginning of the statement that was sent last */
};
static_assert(sizeof(struct libpq_state) <= CONNECTION_STATE_BYTES, "fits the entry");

static inline struct libpq_state *libpq_state_of(struct connection *connection)
{
    return (struct libpq_state *)(void *)connection->state;
}

/* The entry of a connection that is known, else NULL. */
struct connection *libpq_find_connection(const PGconn *conn);
/* The same, made now where its making was not seen. NULL: none was free. */
struct connection *libpq_connection_of(const PGconn *conn, const struct real_entry *entry);
/* A new entry, whatever an earlier life of the address left behind. */
struct connection *libpq_remember(const PGconn *conn, const struct real_entry *entry);

/* What a simple query, or one with parameters, does to the statements prepared before it. */
void libpq_follow_query(struct connection *connection, const char *query);

/* ---- libpq_async.c ---- */

/* The connection is about to be used for something that drops what is left of earlier queries. */
void libpq_finish_queries(struct connection *connection);
/* The same before a synchronous call: in pipeline mode it is refused, and drops nothing. */
void libpq_finish_before_call(struct connection *connection, const PGconn *conn);

#endif
