/*
 * libpq_statement: PostgreSQL, calls about a prepared statement or a portal that do not run it.
 *
 *   begins   PQdescribePrepared, PQdescribePortal, PQclosePrepared, PQclosePortal (17): spans; the PQsend… of each: an
 *            operation, as in libpq_send.c
 *   ends     when the call returns; PQgetResult
 *   copied   which of the two it is, the name; as libpq.c
 *   kept     nothing: a statement that is closed has no text any more
 *   traps    libpq's synchronous calls use the others through the PLT on Debian: internal. Debian 12's header knows
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

static PGresult *call(struct real_entry *entry, const void *call_site, PGconn *conn, const char *operation,
                      const char *name)
{
    call_fn *real = (call_fn *)real_find(entry, call_site, conn);
    struct connection *connection;
    struct span span;
    if (real_is_internal(entry, call_site) || !libpq_begin(&span, WIRE_CALL, conn, entry, &connection))
        return real(conn, name);
    copy_names(&span.facts, operation, name);
    PGresult *result = real(conn, name);
    const struct libpq_calls *pq = libpq_calls_for(connection, entry);
    libpq_end_query(&span, pq, conn, result, libpq_status_of(pq, result));
    return result;
}

static int send_call(struct real_entry *entry, const void *call_site, PGconn *conn, const char *operation,
                     const char *name)
{
    send_fn *real = (send_fn *)real_find(entry, call_site, conn);
    struct libpq_sending sending;
    if (real_is_internal(entry, call_site) || !libpq_send_begin(&sending, WIRE_CALL, conn, entry))
        return real(conn, name);
    if (sending.operation) {
        struct facts facts = operation_facts(sending.operation);
        copy_names(&facts, operation, name);
    }
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
    return call(&entry_points[ENTRY_PQdescribePrepared], call_site, conn, DESCRIBE, stmt);
}

EXPORTED PGresult *PQdescribePortal(PGconn *conn, const char *portal)
{
    CALL_SITE;
    return call(&entry_points[ENTRY_PQdescribePortal], call_site, conn, DESCRIBE, portal);
}

EXPORTED PGresult *PQclosePrepared(PGconn *conn, const char *stmt)
{
    CALL_SITE;
    PGresult *result = call(&entry_points[ENTRY_PQclosePrepared], call_site, conn, CLOSE, stmt);
    forget_statement(conn, stmt);
    return result;
}

EXPORTED PGresult *PQclosePortal(PGconn *conn, const char *portal)
{
    CALL_SITE;
    return call(&entry_points[ENTRY_PQclosePortal], call_site, conn, CLOSE, portal);
}

EXPORTED int PQsendDescribePrepared(PGconn *conn, const char *stmt)
{
    CALL_SITE;
    return send_call(&entry_points[ENTRY_PQsendDescribePrepared], call_site, conn, DESCRIBE, stmt);
}

EXPORTED int PQsendDescribePortal(PGconn *conn, const char *portal)
{
    CALL_SITE;
    return send_call(&entry_points[ENTRY_PQsendDescribePortal], call_site, conn, DESCRIBE, portal);
}

EXPORTED int PQsendClosePrepared(PGconn *conn, const char *stmt)
{
    CALL_SITE;
    int is_sent = send_call(&entry_points[ENTRY_PQsendClosePrepared], call_site, conn, CLOSE, stmt);
    if (is_sent)
        forget_statement(conn, stmt);
    return is_sent;
}

EXPORTED int PQsendClosePortal(PGconn *conn, const char *portal)
{
    CALL_SITE;
    return send_call(&entry_points[ENTRY_PQsendClosePortal], call_site, conn, CLOSE, portal);
}
