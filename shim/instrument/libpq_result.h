/*
 * libpq_result: what libpq itself says of a connection or a result, through the accessors of the same library.
 *
 * Context: hot; libpq_calls_of() is cold at the first call of a library. No accessor used here allocates or blocks,
 * but PQconninfo (libpq_comment.c).
 */
#ifndef OTELSHIM_LIBPQ_RESULT_H
#define OTELSHIM_LIBPQ_RESULT_H

#include "instrument/instrument.h"
#include <libpq-fe.h>

/* Accessors that every libpq since 8.0 has, PQconninfo of 9.3, PQhostaddr of 12 and PQpipelineStatus of 14. A pointer is
 * NULL where the library has none. */
/* clang-format off */
#define LIBPQ_ACCESSORS(X)\
    X(PQdb)               \
    X(PQuser)             \
    X(PQhost)             \
    X(PQport)             \
    X(PQhostaddr)         \
    X(PQstatus)           \
    X(PQerrorMessage)     \
    X(PQresultStatus)     \
    X(PQresultErrorField) \
    X(PQntuples)          \
    X(PQcmdTuples)        \
    X(PQparameterStatus)  \
    X(PQconninfo)         \
    X(PQconninfoFree)     \
    X(PQisnonblocking)    \
    X(PQpipelineStatus)
/* clang-format on */

struct libpq_calls {
#define LIBPQ_ACCESSOR(name) __typeof__(&name) name;
    LIBPQ_ACCESSORS(LIBPQ_ACCESSOR)
#undef LIBPQ_ACCESSOR
};

/* The accessors of the library that `entry` was resolved to. Never NULL. */
const struct libpq_calls *libpq_calls_of(const struct real_entry *entry);

/* Server, port, address, database, search_path and role, raw. */
void libpq_copy_server(struct facts *facts, const struct libpq_calls *pq, const PGconn *conn);
/* The same into the facts that all spans of the connection share. */
void libpq_describe_connection(const struct libpq_calls *pq, const PGconn *conn,
                               struct connection *connection);
/* Tells one search_path from another; 0: the server does not report it. */
uint64_t libpq_hash_path(const struct libpq_calls *pq, const PGconn *conn);

bool libpq_is_connected(const struct libpq_calls *pq, const PGconn *conn);
/* Commands may be sent before the results of earlier ones have come. */
bool libpq_is_pipelined(const struct libpq_calls *pq, const PGconn *conn);

/* What came of an attempt to connect, which is over. `conn` may be NULL: libpq had no memory. */
enum wire_outcome libpq_copy_connect(struct facts *facts, const struct libpq_calls *pq, const PGconn *conn);

/* Data are to be copied now, and then come the command's own results. */
static inline bool libpq_is_copy(ExecStatusType status)
{
    return status == PGRES_COPY_OUT || status == PGRES_COPY_IN || status == PGRES_COPY_BOTH;
}

static inline bool libpq_is_failure(ExecStatusType status)
{
    return status == PGRES_BAD_RESPONSE || status == PGRES_FATAL_ERROR || status == PGRES_PIPELINE_ABORTED;
}

static inline ExecStatusType libpq_status_of(const struct libpq_calls *pq, const PGresult *result)
{
    if (!result)
        return PGRES_FATAL_ERROR;
    return pq->PQresultStatus ? pq->PQresultStatus(result) : PGRES_COMMAND_OK;
}

/* Why it failed: SQLSTATE, status, message; of a NULL result the connection has them. */
void libpq_copy_failure(struct facts *facts, const struct libpq_calls *pq, const PGconn *conn,
                        const PGresult *result);

/* The same of a call that drops its result: the connection's message is the server's then, which may quote values. */
void libpq_copy_silent_failure(struct facts *facts, const struct libpq_calls *pq, const PGconn *conn);

/* The end of a query's span where its result has no rows. */
void libpq_end_without_rows(struct span *span, const struct libpq_calls *pq, const PGconn *conn,
                            PGresult *result, ExecStatusType status);

/* Ends the span of a query by its result, whose status was read; NULL is a failure whose reason the connection has. */
static inline void libpq_end_query(struct span *span, const struct libpq_calls *pq, const PGconn *conn,
                                   PGresult *result, ExecStatusType status)
{
    if (__builtin_expect(status != PGRES_TUPLES_OK || !pq->PQntuples, 0)) {
        libpq_end_without_rows(span, pq, conn, result, status);
        return;
    }
    span_end_with_rows(span, pq->PQntuples(result));
}

#endif
