/*
 * libpq: PostgreSQL, calls that return when the server has answered.
 *
 * Queries that are sent and answered in several calls: libpq_async.c; connecting in several calls: libpq_start.c.
 *
 *   begins   PQconnectdb, PQconnectdbParams, PQsetdbLogin, PQreset (attempts to connect); PQexec, PQexecParams,
 *            PQprepare, PQexecPrepared
 *   ends     when that call returns, by the connection's state or the result's status
 *   copied   statement and statement name, number of parameters, never a parameter; SQLSTATE, the primary message,
 *            rows; once per connection: host, port, database, role (libpq_result.c)
 *   kept     the texts of prepared statements per connection, by name (libpq_prepared.c)
 *   not read PGconn and PGresult themselves, conninfo strings, passwords, PQpass, PQconninfo
 *   traps    on Debian libpq calls itself through the PLT (PQsetClientEncoding calls PQexec): IS_INTERNAL.
 *            A PGconn can come from a call that is not interposed: its entry is made at the first use.
 *            PQcancel runs in psql's UNIX-signal handler: not interposed.
 */
#include "instrument/libpq_priv.h"
#include <string.h>

struct real_entry libpq_entry_points[N_LIBPQ_FUNCTIONS] = {LIBPQ_FUNCTIONS(ENTRY_POINT_ROW)};

const struct instrumentation instrument_libpq = {
    .name = "libpq",
    .system = "postgresql",
    .family = WIRE_DATABASE,
    .entry_points = libpq_entry_points,
    .n_entry_points = N_LIBPQ_FUNCTIONS,
};

struct connection *libpq_find_connection(const PGconn *conn)
{
    struct connection *connection = connection_find(conn);
    return connection && connection->instrumentation == INSTRUMENT_libpq ? connection : NULL;
}

static void forget(const PGconn *conn)
{
    struct connection *connection = libpq_find_connection(conn);
    if (connection) {
        libpq_finish_queries(connection);
        libpq_prepared_destroy(libpq_state_of(connection)->prepared);
    }
    connection_close(conn);
}

struct connection *libpq_remember(const PGconn *conn, const struct real_entry *entry)
{
    forget(conn);
    struct connection *connection = connection_open(conn, INSTRUMENT_libpq);
    if (connection) {
        struct libpq_state *state = libpq_state_of(connection);
        connection->library = entry->library;
        state->pq = libpq_calls_of(entry);
        libpq_describe_connection(state->pq, conn, connection);
    }
    return connection;
}

struct connection *libpq_connection_of(const PGconn *conn, const struct real_entry *entry)
{
    struct connection *connection = libpq_find_connection(conn);
    return connection || !conn ? connection : libpq_remember(conn, entry);
}

static const struct libpq_calls *calls_of(struct connection *connection, const struct real_entry *entry)
{
    /* A connection that another thread finishes meanwhile, which libpq forbids, has lost its state. */
    const struct libpq_calls *pq = connection ? libpq_state_of(connection)->pq : NULL;
    return pq ? pq : libpq_calls_of(entry);
}

/* Begins the span of a call on a connection. False: not recorded, *ret_connection untouched. */
static inline __attribute__((always_inline)) bool begin(struct span *span, enum wire_operation operation,
                                                        PGconn *conn, const struct real_entry *entry,
                                                        struct connection **ret_connection)
{
    if (!lifecycle_is_active())
        return false;
    struct connection *connection = libpq_connection_of(conn, entry);
    if (connection && operation == WIRE_CONNECT)
        libpq_finish_queries(connection);
    else if (connection)
        libpq_finish_before_call(connection, conn);
    if (!span_begin(span, INSTRUMENT_libpq, operation, conn, connection))
        return false;
    *ret_connection = connection;
    return true;
}

static void end_connect(struct span *span, PGconn *conn, const struct real_entry *entry)
{
    if (conn)
        span_connection(span, libpq_remember(conn, entry));
    span_end(span, libpq_copy_connect(&span->facts, libpq_calls_of(entry), conn));
}

static bool is_word_end(char c)
{
    return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_');
}

static bool is_first_word(const char *statement, const char *upper_word)
{
    while (*statement == ' ' || (*statement >= '\t' && *statement <= '\r'))
        statement++;
    for (; *upper_word; upper_word++, statement++)
        if ((*statement & ~0x20) != *upper_word)
            return false;
    return is_word_end(*statement);
}

void libpq_follow_query(struct connection *connection, const char *query)
{
    struct libpq_prepared_map *prepared = connection ? libpq_state_of(connection)->prepared : NULL;
    if (!prepared || !query)
        return;
    libpq_prepared_forget_unnamed(prepared);
    if (is_first_word(query, "DEALLOCATE") || is_first_word(query, "DISCARD"))
        libpq_prepared_forget_all(prepared);
}

static void copy_statement(struct span *span, const char *text)
{
    if (text)
        facts_string(&span->facts, WIRE_DB_QUERY_TEXT, text, strnlen(text, LIBPQ_STATEMENT_MAX));
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
    struct real_entry *entry = &entry_points[ENTRY_PQreset];
    struct connection *connection;
    struct span span;
    if (IS_INTERNAL(PQreset) || !begin(&span, WIRE_CONNECT, conn, entry, &connection)) {
        real(conn);
        return;
    }
    real(conn);
    if (connection) {
        /* Of several hosts another one may have answered; statements belong to the old session. */
        libpq_prepared_forget_all(libpq_state_of(connection)->prepared);
        libpq_describe_connection(calls_of(connection, entry), conn, connection);
        span_connection(&span, connection);
    }
    span_end(&span, libpq_copy_connect(&span.facts, calls_of(connection, entry), conn));
}

EXPORTED void PQfinish(PGconn *conn)
{
    CALL_SITE;
    __typeof__(&PQfinish) real = REAL_OF(PQfinish, conn);
    /* Before the real call: once it has freed the memory, another thread may be given the same address. */
    if (conn && !IS_INTERNAL(PQfinish))
        forget(conn);
    real(conn);
}

EXPORTED PGresult *PQexec(PGconn *conn, const char *query)
{
    CALL_SITE;
    __typeof__(&PQexec) real = REAL_OF(PQexec, conn);
    struct real_entry *entry = &entry_points[ENTRY_PQexec];
    struct connection *connection;
    struct span span;
    if (IS_INTERNAL(PQexec) || !begin(&span, WIRE_CALL, conn, entry, &connection))
        return real(conn, query);

    copy_statement(&span, query);
    PGresult *result = real(conn, query);
    libpq_end_query(&span, calls_of(connection, entry), conn, result);
    if (connection && libpq_state_of(connection)->prepared)
        libpq_follow_query(connection, query);
    return result;
}

/* eight parameters are libpq's: NOLINTNEXTLINE(readability-function-size) */
EXPORTED PGresult *PQexecParams(PGconn *conn, const char *command, int nParams, const Oid *paramTypes,
                                const char *const *paramValues, const int *paramLengths,
                                const int *paramFormats, int resultFormat)
{
    CALL_SITE;
    __typeof__(&PQexecParams) real = REAL_OF(PQexecParams, conn);
    struct real_entry *entry = &entry_points[ENTRY_PQexecParams];
    struct connection *connection;
    struct span span;
    if (IS_INTERNAL(PQexecParams) || !begin(&span, WIRE_CALL, conn, entry, &connection))
        return real(conn, command, nParams, paramTypes, paramValues, paramLengths, paramFormats,
                    resultFormat);

    copy_statement(&span, command);
    facts_int(&span.facts, WIRE_DB_PARAMETER_COUNT, nParams);
    PGresult *result =
        real(conn, command, nParams, paramTypes, paramValues, paramLengths, paramFormats, resultFormat);
    libpq_end_query(&span, calls_of(connection, entry), conn, result);
    libpq_follow_query(connection, command);
    return result;
}

EXPORTED PGresult *PQprepare(PGconn *conn, const char *stmtName, const char *query, int nParams,
                             const Oid *paramTypes)
{
    CALL_SITE;
    __typeof__(&PQprepare) real = REAL_OF(PQprepare, conn);
    struct real_entry *entry = &entry_points[ENTRY_PQprepare];
    struct connection *connection;
    struct span span;
    if (IS_INTERNAL(PQprepare) || !begin(&span, WIRE_PREPARE, conn, entry, &connection))
        return real(conn, stmtName, query, nParams, paramTypes);

    copy_statement(&span, query);
    facts_text(&span.facts, WIRE_DB_STATEMENT_NAME, stmtName);
    PGresult *result = real(conn, stmtName, query, nParams, paramTypes);
    const struct libpq_calls *pq = calls_of(connection, entry);
    bool is_prepared = result && pq->PQresultStatus && pq->PQresultStatus(result) == PGRES_COMMAND_OK;
    libpq_end_query(&span, pq, conn, result);
    if (connection && is_prepared)
        libpq_prepared_store(&libpq_state_of(connection)->prepared, stmtName, query);
    else if (connection && stmtName && !*stmtName)
        libpq_prepared_forget_unnamed(libpq_state_of(connection)->prepared);
    return result;
}

/* seven parameters are libpq's: NOLINTNEXTLINE(readability-function-size) */
EXPORTED PGresult *PQexecPrepared(PGconn *conn, const char *stmtName, int nParams,
                                  const char *const *paramValues, const int *paramLengths,
                                  const int *paramFormats, int resultFormat)
{
    CALL_SITE;
    __typeof__(&PQexecPrepared) real = REAL_OF(PQexecPrepared, conn);
    struct real_entry *entry = &entry_points[ENTRY_PQexecPrepared];
    struct connection *connection;
    struct span span;
    if (IS_INTERNAL(PQexecPrepared) || !begin(&span, WIRE_CALL, conn, entry, &connection))
        return real(conn, stmtName, nParams, paramValues, paramLengths, paramFormats, resultFormat);

    struct libpq_prepared prepared;
    if (connection && libpq_prepared_find(libpq_state_of(connection)->prepared, stmtName, &prepared))
        span_statement(&span, prepared.mark, prepared.text, prepared.bytes);
    facts_text(&span.facts, WIRE_DB_STATEMENT_NAME, stmtName);
    facts_int(&span.facts, WIRE_DB_PARAMETER_COUNT, nParams);
    PGresult *result = real(conn, stmtName, nParams, paramValues, paramLengths, paramFormats, resultFormat);
    libpq_end_query(&span, calls_of(connection, entry), conn, result);
    return result;
}
