/*
 * libpq_connect: PostgreSQL, attempts to connect that return when they are over. Step by step: libpq_start.c.
 *
 *   begins   PQconnectdb, PQconnectdbParams, PQsetdbLogin, PQreset
 *   ends     when that call returns, by the connection's state
 *   copied   what libpq says of the connection: server, address, database, role; why it failed
 *   counted  connections that are open: up when an attempt succeeds, down at PQfinish (libpq.c)
 *   traps    PQconnectdb and its like call PQconnectStart and PQconnectPoll through the PLT on Debian: IS_INTERNAL
 */
#include "instrument/libpq_priv.h"

static void end_connect(struct span *span, PGconn *conn, const struct real_entry *entry)
{
    struct connection *connection = conn ? libpq_remember(conn, entry) : NULL;
    span_connection(span, connection);
    span_end(span, libpq_copy_connect(&span->facts, libpq_calls_of(entry), conn));
    if (connection)
        libpq_follow_connect(connection, conn);
}

EXPORTED PGconn *PQconnectdb(const char *conninfo)
{
    CALL_SITE;
    __typeof__(&PQconnectdb) real = REAL(PQconnectdb);
    struct span span;
    if (IS_INTERNAL(PQconnectdb) || !span_begin(&span, INSTRUMENT_libpq, WIRE_CONNECT, NULL, NULL))
        return real(conninfo);

    PGconn *conn = real(conninfo);
    end_connect(&span, conn, &entry_points[ENTRY_PQconnectdb]);
    return conn;
}

EXPORTED PGconn *PQconnectdbParams(const char *const *keywords, const char *const *values, int expand_dbname)
{
    CALL_SITE;
    __typeof__(&PQconnectdbParams) real = REAL(PQconnectdbParams);
    struct span span;
    if (IS_INTERNAL(PQconnectdbParams) || !span_begin(&span, INSTRUMENT_libpq, WIRE_CONNECT, NULL, NULL))
        return real(keywords, values, expand_dbname);

    PGconn *conn = real(keywords, values, expand_dbname);
    end_connect(&span, conn, &entry_points[ENTRY_PQconnectdbParams]);
    return conn;
}

/* seven parameters are libpq's, not ours: NOLINTNEXTLINE(readability-function-size) */
EXPORTED PGconn *PQsetdbLogin(const char *pghost, const char *pgport, const char *pgoptions,
                              const char *pgtty, const char *dbName, const char *login, const char *pwd)
{
    CALL_SITE;
    __typeof__(&PQsetdbLogin) real = REAL(PQsetdbLogin);
    struct span span;
    if (IS_INTERNAL(PQsetdbLogin) || !span_begin(&span, INSTRUMENT_libpq, WIRE_CONNECT, NULL, NULL))
        return real(pghost, pgport, pgoptions, pgtty, dbName, login, pwd);

    PGconn *conn = real(pghost, pgport, pgoptions, pgtty, dbName, login, pwd);
    end_connect(&span, conn, &entry_points[ENTRY_PQsetdbLogin]);
    return conn;
}

EXPORTED void PQreset(PGconn *conn)
{
    CALL_SITE;
    __typeof__(&PQreset) real = REAL_OF(PQreset, conn);
    const struct real_entry *entry = &entry_points[ENTRY_PQreset];
    struct connection *connection = NULL;
    struct span span;
    if (!IS_INTERNAL(PQreset) && lifecycle_is_active())
        connection = libpq_connection_of(conn, entry);
    if (connection)
        libpq_finish_queries(connection); /* in pipeline mode, too */
    if (IS_INTERNAL(PQreset) || !span_begin(&span, INSTRUMENT_libpq, WIRE_CONNECT, conn, connection)) {
        real(conn);
        return;
    }
    real(conn);
    if (connection) {
        /* Of several hosts another one may have answered; statements belong to the old session. */
        libpq_prepared_forget_all(libpq_state_of(connection)->prepared);
        libpq_follow_connect(connection, conn);
        span_connection(&span, connection);
    }
    span_end(&span, libpq_copy_connect(&span.facts, libpq_calls_for(connection, entry), conn));
}
