/*
 * libpq_priv: what the libpq*.c files share: the entry points, the state of a connection, queries that were sent.
 *
 * Context: hot. Threads: a PGconn is used by one thread at a time, which is libpq's own rule.
 */
#ifndef OTELSHIM_LIBPQ_PRIV_H
#define OTELSHIM_LIBPQ_PRIV_H

#include "instrument/instrument.h"
#include "instrument/libpq_comment.h"
#include "instrument/libpq_prepared.h"
#include "instrument/libpq_queue.h"
#include "instrument/libpq_result.h"
#include <libpq-fe.h>

/* clang-format off */
#define LIBPQ_FUNCTIONS(X)                                  \
    X(PQconnectdb)                                          \
    X(PQconnectdbParams)                                    \
    X(PQsetdbLogin)                                         \
    X(PQreset)                                              \
    X(PQfinish)                                             \
    X(PQexec)                                               \
    X(PQexecParams)                                         \
    X(PQprepare)                                            \
    X(PQexecPrepared)                                       \
    X(PQdescribePrepared)                                   \
    X(PQdescribePortal)                                     \
    X(PQclosePrepared)                                      \
    X(PQclosePortal)                                        \
    X(PQconnectStart)                                       \
    X(PQconnectStartParams)                                 \
    X(PQconnectPoll)                                        \
    X(PQresetStart)                                         \
    X(PQresetPoll)                                          \
    X(PQsendQuery)                                          \
    X(PQsendQueryParams)                                    \
    X(PQsendPrepare)                                        \
    X(PQsendQueryPrepared)                                  \
    X(PQsendDescribePrepared)                               \
    X(PQsendDescribePortal)                                 \
    X(PQsendClosePrepared)                                  \
    X(PQsendClosePortal)                                    \
    X(PQgetResult)                                          \
    X(PQexitPipelineMode)                                   \
    X(PQendcopy, .failure = LIBPQ_FAILED)                   \
    X(PQfn)                                                 \
    X(lo_open, .failure = LIBPQ_FAILED)                     \
    X(lo_close, .failure = LIBPQ_FAILED)                    \
    X(lo_read, .failure = LIBPQ_FAILED)                     \
    X(lo_write, .failure = LIBPQ_FAILED)                    \
    X(lo_lseek, .failure = LIBPQ_FAILED)                    \
    X(lo_lseek64, .failure = LIBPQ_FAILED)                  \
    X(lo_creat)                                             \
    X(lo_create)                                            \
    X(lo_tell, .failure = LIBPQ_FAILED)                     \
    X(lo_tell64, .failure = LIBPQ_FAILED)                   \
    X(lo_truncate, .failure = LIBPQ_FAILED)                 \
    X(lo_truncate64, .failure = LIBPQ_FAILED)               \
    X(lo_unlink, .failure = LIBPQ_FAILED)                   \
    X(lo_import)                                            \
    X(lo_import_with_oid)                                   \
    X(lo_export, .failure = LIBPQ_FAILED)
/* clang-format on */
/* What these say of a failure; the others say 0, NULL or InvalidOid. */
#define LIBPQ_FAILED REAL_RETURNS_MINUS_1

enum { LIBPQ_FUNCTIONS(ENTRY_POINT_NUMBER) N_LIBPQ_FUNCTIONS };

extern __attribute__((visibility("hidden"))) struct real_entry libpq_entry_points[N_LIBPQ_FUNCTIONS];
static struct real_entry *const entry_points =
    libpq_entry_points; /* what REAL_OF() and IS_INTERNAL() look into */

#define LIBPQ_TUPLES_CHUNK 12 /* PGRES_TUPLES_CHUNK of 17: some rows of more */

/* A statement longer than a fact can say is not measured to its end. */
#define LIBPQ_STATEMENT_MAX UINT16_MAX
/* One byte past what a fact takes, so that the cut is seen and falls on a UTF-8 boundary. */
#define LIBPQ_TEXT_BYTES (WIRE_STRING_MAX + 8u)

/* What there is to do before or after a call on the connection; 0 nothing, which PQexec sees by one load. */
enum libpq_attention {
    LIBPQ_QUEUED = 1,     /* queries were sent, and their results not all taken */
    LIBPQ_CONNECTING = 2, /* the connection's only operation is an attempt to connect */
    LIBPQ_COMMENTING = 4, /* statements sent as text get a comment (libpq_comment.c) */
    LIBPQ_FOLLOWING = 8,  /* statements' first words matter: libpq_follow_query() */
};

/* What the oldest query's results have said so far. */
struct libpq_answer {
    int64_t rows; /* of the last statement that has any */
    bool has_rows;
    bool is_whole; /* that statement's last result was seen: the next one belongs to another statement */
    bool is_answered;
    bool is_copying;      /* the last result said COPY: the data goes to and fro now */
    bool is_copying_both; /* likewise, and no other call ends that: replication */
    bool has_failed;
    char affected[24]; /* PQcmdTuples of the last statement */
};

#define LIBPQ_NAME_BYTES 192u

struct libpq_state {
    const struct libpq_calls *pq; /* of the library that made the handle */
    uint32_t attention;           /* enum libpq_attention */
    uint32_t counted_generation;  /* of the file in which the connection was counted as open; 0 it was not */
    struct libpq_prepared_map *prepared; /* NULL until the first prepare */
    struct libpq_comment_room *comment;  /* NULL without LIBPQ_COMMENTING */
    struct libpq_queue queue;
    struct libpq_answer answer;
    struct interned text_mark; /* of `text`; another number for every statement */
    uint64_t path_hash;        /* of search_path, which servers report from 18 on; 0 it is not known */
    bool may_change_path;      /* a statement that was sent begins with SET or the like */
    bool is_preparing; /* PQsendPrepare, outside a pipeline: `text` is to be kept as `name` if it succeeds */
    uint32_t text_bytes;   /* of the statement that was sent last; more than `text` holds, where it was cut */
    const char *text_from; /* where the program had it; NULL: it was cut */
    bool is_literal;       /* it cannot change there; asked when the text came again (is_judged) */
    bool is_judged;
    char name[LIBPQ_NAME_BYTES];
    char text[LIBPQ_TEXT_BYTES]; /* beginning of the statement that was sent last */
};
static_assert(sizeof(struct libpq_state) <= CONNECTION_STATE_BYTES, "fits the entry");

static inline struct libpq_state *libpq_state_of(struct connection *connection)
{
    return (struct libpq_state *)(void *)connection->state;
}

/* A new entry, whatever an earlier life of the address left behind. */
struct connection *libpq_remember(const PGconn *conn, const struct real_entry *entry);

/* The entry of a connection that is known, else NULL. */
static inline struct connection *libpq_find_connection(const PGconn *conn)
{
    struct connection *connection = connection_find(conn);
    return connection && connection->instrumentation == INSTRUMENT_libpq ? connection : NULL;
}

/* The same, made now where its making was not seen. NULL: none was free. */
static inline struct connection *libpq_connection_of(const PGconn *conn, const struct real_entry *entry)
{
    struct connection *connection = libpq_find_connection(conn);
    return __builtin_expect(connection || !conn, 1) ? connection : libpq_remember(conn, entry);
}

/* The accessors of the connection's library; of the entry point's where the connection is not followed. */
static inline const struct libpq_calls *libpq_calls_for(struct connection *connection,
                                                        const struct real_entry *entry)
{
    /* A connection that another thread finishes meanwhile, which libpq forbids, has lost its state. */
    const struct libpq_calls *pq = connection ? libpq_state_of(connection)->pq : NULL;
    return __builtin_expect(pq != NULL, 1) ? pq : libpq_calls_of(entry);
}

/* Begins the span of a call on a connection. False: not recorded, *ret_connection untouched. */
bool libpq_begin(struct span *span, enum wire_operation operation, PGconn *conn,
                 const struct real_entry *entry, struct connection **ret_connection);

/* ---- libpq_connect.c ---- */

/* The attempt to connect is over: the shared facts are those of the server that answered, and the connection is
 * counted as open, once, or no longer. */
void libpq_follow_connect(struct connection *connection, const PGconn *conn);

/* ---- libpq.c ---- */

/* What a statement sent as text does to the statements prepared before it, and may do to search_path. */
void libpq_follow_query(struct connection *connection, const char *query);
/* The text of a statement that was prepared. */
void libpq_keep_statement(struct libpq_state *state, const char *name, const char *text);
/* It is over: the facts of the connection's next spans. */
void libpq_look_at_path(struct connection *connection, const PGconn *conn);
static inline void libpq_follow_path(struct connection *connection, const PGconn *conn)
{
    if (__builtin_expect(libpq_state_of(connection)->may_change_path, 0))
        libpq_look_at_path(connection, conn);
}

/* ---- libpq_copy.c ---- */

/*
 * A call has returned a result that says COPY: its span goes on as an operation, until the results that come after the
 * data were taken. False: nothing was done, and the caller ends the span.
 */
bool libpq_copy_begin(struct span *span, struct connection *connection, ExecStatusType status,
                      const char *text, const char *name);

/* ---- libpq_async.c ---- */

/* The connection is about to be used for something that drops what is left of earlier queries. */
void libpq_finish_queries(struct connection *connection);
/* The same before a synchronous call, where LIBPQ_QUEUED or LIBPQ_CONNECTING: in pipeline mode it is refused, and drops
 * nothing. */
void libpq_finish_before_call(struct connection *connection, const PGconn *conn);
/* What was sent and not answered is over. */
void libpq_finish_queued(struct connection *connection);
/* The oldest query is over. */
void libpq_finish_oldest(struct connection *connection);
/* Of the oldest query, NULL none: it failed, and this is the first to say so. */
void libpq_follow_failure(struct connection *connection, const PGconn *conn, const PGresult *result);

/* The same of a call that drops the result. */
void libpq_follow_silent_failure(struct connection *connection, const PGconn *conn);

/* ---- libpq_send.c ---- */

/* A query that is being sent. */
struct libpq_sending {
    struct connection *connection;
    struct libpq_state *state;
    struct operation *operation; /* NULL: not recorded, but counted */
};

/* False: nothing is followed. */
bool libpq_send_begin(struct libpq_sending *sending, enum wire_operation kind, const PGconn *conn,
                      const struct real_entry *entry);
/* The text stays with the connection: an operation has no room for all of a long one. */
void libpq_send_statement(struct libpq_state *state, struct operation *operation, const char *text);
/* Returns `is_sent`. A query that could be sent outside a pipeline means that the ones before it were through. */
int libpq_send_end(const struct libpq_sending *sending, const PGconn *conn, int is_sent);

static inline void libpq_enqueue(struct libpq_state *state, bool is_recorded)
{
    libpq_queue_append(&state->queue, is_recorded);
    state->attention |= LIBPQ_QUEUED;
}

#endif
