/*
 * libpq_statement: PostgreSQL, calls about a prepared statement or a portal that do not run it.
 *
 *   begins   PQdescribePrepared, PQdescribePortal, PQclosePrepared, PQclosePortal (17): spans; the PQsend… of each: an
 *            operation, as in libpq_async.c
 *   ends     when the call returns; PQgetResult
 *   copied   which of the two it is, the name; as libpq.c
 *   kept     nothing: a statement that is closed has no text any more
 *   traps    libpq's synchronous calls use the others through the PLT on Debian: IS_INTERNAL. Debian 12's header knows
 *            nothing of 17: own prototypes.
 */
#include "instrument/libpq_priv.h"

#ifndef LIBPQ_HAS_CLOSE_PREPARED
PGresult *PQclosePrepared(PGconn *conn, const char *stmt);
PGresult *PQclosePortal(PGconn *conn, const char *portal);
int PQsendClosePrepared(PGconn *conn, const char *stmt);
int PQsendClosePortal(PGconn *conn, const char *portal);
#endif

#define DESCRIBE "DESCRIBE"
#define CLOSE "CLOSE"

/* What the four synchronous calls are, and the four that send. */
typedef PGresult *call_fn(PGconn *conn, const char *name);
typedef int send_fn(PGconn *conn, const char *name);

static void copy_names(struct facts *facts, const char *operation, const char *name)
{
    facts_text(facts, WIRE_DB_OPERATION_NAME, operation);
    facts_text(facts, WIRE_DB_STATEMENT_NAME, name);
}

static PGresult *call(call_fn *real, const struct real_entry *entry, PGconn *conn, const char *operation,
                      const char *name)
{
    struct connection *connection;
    struct span span;
    if (!libpq_begin(&span, WIRE_CALL, conn, entry, &connection))
        return real(conn, name);
    copy_names(&span.facts, operation, name);
    PGresult *result = real(conn, name);
    const struct libpq_calls *pq = libpq_calls_for(connection, entry);
    libpq_end_query(&span, pq, conn, result, libpq_status_of(pq, result));
    return result;
}

static int send_call(send_fn *real, const struct real_entry *entry, PGconn *conn, const char *operation,
                     const char *name)
{
    struct libpq_sending sending;
    if (!libpq_send_begin(&sending, WIRE_CALL, conn, entry))
        return real(conn, name);
    if (sending.operation)
        copy_names(&sending.facts, operation, name);
    return libpq_send_end(&sending, conn, real(conn, name));
}

/* Whether or not the server knew it. */
static void forget_statement(const PGconn *conn, const char *name)
{
    struct connection *connection = libpq_find_connection(conn);
    if (connection)
        libpq_prepared_forget(libpq_state_of(connection)->prepared, name);
}

EXPORTED PGresult *PQdescribePrepared(PGconn *conn, const char *stmt)
{
    CALL_SITE;
    __typeof__(&PQdescribePrepared) real = REAL_OF(PQdescribePrepared, conn);
    if (IS_INTERNAL(PQdescribePrepared))
        return real(conn, stmt);
    return call(real, &entry_points[ENTRY_PQdescribePrepared], conn, DESCRIBE, stmt);
}

EXPORTED PGresult *PQdescribePortal(PGconn *conn, const char *portal)
{
    CALL_SITE;
    __typeof__(&PQdescribePortal) real = REAL_OF(PQdescribePortal, conn);
    if (IS_INTERNAL(PQdescribePortal))
        return real(conn, portal);
    return call(real, &entry_points[ENTRY_PQdescribePortal], conn, DESCRIBE, portal);
}

EXPORTED PGresult *PQclosePrepared(PGconn *conn, const char *stmt)
{
    CALL_SITE;
    __typeof__(&PQclosePrepared) real = REAL_OF(PQclosePrepared, conn);
    if (IS_INTERNAL(PQclosePrepared))
        return real(conn, stmt);
    PGresult *result = call(real, &entry_points[ENTRY_PQclosePrepared], conn, CLOSE, stmt);
    forget_statement(conn, stmt);
    return result;
}

EXPORTED PGresult *PQclosePortal(PGconn *conn, const char *portal)
{
    CALL_SITE;
    __typeof__(&PQclosePortal) real = REAL_OF(PQclosePortal, conn);
    if (IS_INTERNAL(PQclosePortal))
        return real(conn, portal);
    return call(real, &entry_points[ENTRY_PQclosePortal], conn, CLOSE, portal);
}

EXPORTED int PQsendDescribePrepared(PGconn *conn, const char *stmt)
{
    CALL_SITE;
    __typeof__(&PQsendDescribePrepared) real = REAL_OF(PQsendDescribePrepared, conn);
    if (IS_INTERNAL(PQsendDescribePrepared))
        return real(conn, stmt);
    return send_call(real, &entry_points[ENTRY_PQsendDescribePrepared], conn, DESCRIBE, stmt);
}

EXPORTED int PQsendDescribePortal(PGconn *conn, const char *portal)
{
    CALL_SITE;
    __typeof__(&PQsendDescribePortal) real = REAL_OF(PQsendDescribePortal, conn);
    if (IS_INTERNAL(PQsendDescribePortal))
        return real(conn, portal);
    return send_call(real, &entry_points[ENTRY_PQsendDescribePortal], conn, DESCRIBE, portal);
}

EXPORTED int PQsendClosePrepared(PGconn *conn, const char *stmt)
{
    CALL_SITE;
    __typeof__(&PQsendClosePrepared) real = REAL_OF(PQsendClosePrepared, conn);
    if (IS_INTERNAL(PQsendClosePrepared))
        return real(conn, stmt);
    int is_sent = send_call(real, &entry_points[ENTRY_PQsendClosePrepared], conn, CLOSE, stmt);
    if (is_sent)
        forget_statement(conn, stmt);
    return is_sent;
}

EXPORTED int PQsendClosePortal(PGconn *conn, const char *portal)
{
    CALL_SITE;
    __typeof__(&PQsendClosePortal) real = REAL_OF(PQsendClosePortal, conn);
    if (IS_INTERNAL(PQsendClosePortal))
        return real(conn, portal);
    return send_call(real, &entry_points[ENTRY_PQsendClosePortal], conn, CLOSE, portal);
}
