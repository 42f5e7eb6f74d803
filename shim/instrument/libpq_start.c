/*
 * libpq_start: PostgreSQL, connecting in several calls: drivers with an event loop.
 *
 *   begins   PQconnectStart, PQconnectStartParams when they return, for the connection has no handle before: what
 *            they do themselves (looking up the host's name) is not in it; PQresetStart
 *   ends     PQconnectPoll, PQresetPoll when they return PGRES_POLLING_OK or PGRES_POLLING_FAILED; the start itself
 *            when that failed
 *   copied   as libpq.c; server, database and role again at the end: of several hosts another one may have answered
 *   traps    PQconnectdb and its like use these through the PLT on Debian: IS_INTERNAL
 */
#include "instrument/libpq_priv.h"

/* Over, one way or the other. */
static void end_connect(struct connection *connection, const PGconn *conn)
{
    struct libpq_state *state = libpq_state_of(connection);
    struct operation *operation = operation_oldest(connection);
    state->attention &= ~(uint32_t)LIBPQ_CONNECTING;
    if (operation) {
        struct facts facts = operation_facts(operation);
        libpq_copy_server(&facts, state->pq, conn);
        operation_close(connection, operation, libpq_copy_connect(&facts, state->pq, conn));
    }
    libpq_follow_connect(connection, conn);
}

static void begin_connect(struct connection *connection)
{
    struct facts facts;
    (void)operation_open(INSTRUMENT_libpq, WIRE_CONNECT, connection, &facts);
    libpq_state_of(connection)->attention |= LIBPQ_CONNECTING;
}

static PGconn *follow_start(PGconn *conn, const struct real_entry *entry)
{
    struct connection *connection = conn && lifecycle_is_active() ? libpq_remember(conn, entry) : NULL;
    if (!connection)
        return conn;
    const struct libpq_calls *pq = libpq_state_of(connection)->pq;
    begin_connect(connection);
    if (pq->PQstatus && pq->PQstatus(conn) == CONNECTION_BAD)
        end_connect(connection, conn);
    return conn;
}

static PostgresPollingStatusType follow_poll(const PGconn *conn, PostgresPollingStatusType status)
{
    struct connection *connection = libpq_find_connection(conn);
    if (connection && (libpq_state_of(connection)->attention & LIBPQ_CONNECTING) &&
        (status == PGRES_POLLING_OK || status == PGRES_POLLING_FAILED))
        end_connect(connection, conn);
    return status;
}

EXPORTED PGconn *PQconnectStart(const char *conninfo)
{
    CALL_SITE;
    __typeof__(&PQconnectStart) real = REAL(PQconnectStart);
    PGconn *conn = real(conninfo);
    return IS_INTERNAL(PQconnectStart) ? conn : follow_start(conn, &entry_points[ENTRY_PQconnectStart]);
}

EXPORTED PGconn *PQconnectStartParams(const char *const *keywords, const char *const *values,
                                      int expand_dbname)
{
    CALL_SITE;
    __typeof__(&PQconnectStartParams) real = REAL(PQconnectStartParams);
    PGconn *conn = real(keywords, values, expand_dbname);
    if (IS_INTERNAL(PQconnectStartParams))
        return conn;
    return follow_start(conn, &entry_points[ENTRY_PQconnectStartParams]);
}

EXPORTED PostgresPollingStatusType PQconnectPoll(PGconn *conn)
{
    CALL_SITE;
    __typeof__(&PQconnectPoll) real = REAL_OF(PQconnectPoll, conn);
    PostgresPollingStatusType status = real(conn);
    return IS_INTERNAL(PQconnectPoll) ? status : follow_poll(conn, status);
}

EXPORTED int PQresetStart(PGconn *conn)
{
    CALL_SITE;
    __typeof__(&PQresetStart) real = REAL_OF(PQresetStart, conn);
    struct connection *connection = NULL;
    if (!IS_INTERNAL(PQresetStart) && lifecycle_is_active())
        connection = libpq_connection_of(conn, &entry_points[ENTRY_PQresetStart]);
    if (!connection)
        return real(conn);
    libpq_finish_queries(connection);
    libpq_prepared_forget_all(libpq_state_of(connection)->prepared);
    begin_connect(connection);
    int is_started = real(conn);
    if (!is_started)
        end_connect(connection, conn);
    return is_started;
}

EXPORTED PostgresPollingStatusType PQresetPoll(PGconn *conn)
{
    CALL_SITE;
    __typeof__(&PQresetPoll) real = REAL_OF(PQresetPoll, conn);
    PostgresPollingStatusType status = real(conn);
    return IS_INTERNAL(PQresetPoll) ? status : follow_poll(conn, status);
}
