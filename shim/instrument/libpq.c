/*
 * libpq: PostgreSQL, statements that return when the server has answered; what is known of a connection.
 *
 * Connecting: libpq_connect.c, step by step libpq_start.c. Queries that are sent (libpq_send.c) and answered
 * (libpq_async.c) in several calls; COPY: libpq_copy.c; calls about a prepared statement: libpq_statement.c; functions and
 * large objects: libpq_object.c.
 *
 *   begins   PQexec, PQexecParams, PQprepare, PQexecPrepared
 *   ends     when that call returns, by the result's status; one whose result says COPY goes on (libpq_copy.c)
 *   copied   statement and statement name, number of parameters, never a parameter; SQLSTATE, the primary message,
 *            rows; of several statements in one text what the last one returned, or the error; once per connection:
 *            host, port, address, database, role, search_path (libpq_result.c)
 *   kept     the texts of prepared statements per connection, by name (libpq_prepared.c)
 *   not read PGconn and PGresult themselves, conninfo strings, passwords, PQpass, on any call path PQconninfo
 *   traps    on Debian libpq calls itself through the PLT (PQsetClientEncoding calls PQexec): IS_INTERNAL.
 *            A PGconn can come from a call that is not interposed: its entry is made at the first use.
 *            PQcancel runs in psql's UNIX-signal handler: not interposed.
 */
#include "instrument/libpq_priv.h"

#include "count.h"
#include <string.h>

struct real_entry libpq_entry_points[N_LIBPQ_FUNCTIONS] = {LIBPQ_FUNCTIONS(ENTRY_POINT_ROW)};

const struct instrumentation instrument_libpq = {
    .name = "libpq",
    .system = "postgresql",
    .family = WIRE_DATABASE,
    .entry_points = libpq_entry_points,
    .n_entry_points = N_LIBPQ_FUNCTIONS,
};

/* By this process: a fork child has another file, and the parent's connection. */
static bool is_counted(const struct libpq_state *state)
{
    const struct dropbox *box = dropbox_file();
    return state->counted_generation && box && state->counted_generation == box->generation;
}

static void count_down(struct connection *connection)
{
    struct libpq_state *state = libpq_state_of(connection);
    if (is_counted(state))
        count_add(INSTRUMENT_libpq, WIRE_OPEN_CONNECTIONS, -1, connection);
    state->counted_generation = 0;
}

static void forget(const PGconn *conn)
{
    struct connection *connection = libpq_find_connection(conn);
    if (connection) {
        libpq_finish_queries(connection);
        count_down(connection);
        libpq_prepared_destroy(libpq_state_of(connection)->prepared);
        libpq_comment_destroy(libpq_state_of(connection)->comment);
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
        state->path_hash = libpq_hash_path(state->pq, conn);
        if (state->path_hash)
            state->attention |= LIBPQ_FOLLOWING;
        if (libpq_comment_create(&state->comment, state->pq, conn))
            state->attention |= LIBPQ_COMMENTING;
    }
    return connection;
}

static void count_up(struct connection *connection)
{
    const struct dropbox *box = dropbox_file();
    if (!box)
        return;
    count_add(INSTRUMENT_libpq, WIRE_OPEN_CONNECTIONS, 1, connection);
    libpq_state_of(connection)->counted_generation = box->generation;
}

/* New facts of a connection: what was counted under the old ones is counted down under them. */
static void describe_again(struct connection *connection, const PGconn *conn, bool is_open)
{
    struct libpq_state *state = libpq_state_of(connection);
    count_down(connection);
    libpq_describe_connection(state->pq, conn, connection);
    state->path_hash = libpq_hash_path(state->pq, conn);
    if (state->path_hash)
        state->attention |= LIBPQ_FOLLOWING;
    if (is_open)
        count_up(connection);
}

void libpq_follow_connect(struct connection *connection, const PGconn *conn)
{
    describe_again(connection, conn, libpq_is_connected(libpq_state_of(connection)->pq, conn));
}

/* The span of a statement, sent as `query` (NULL: not as text); it drops what is left of the ones before it. */
static inline __attribute__((always_inline)) bool begin(struct span *span, enum wire_operation operation,
                                                        PGconn *conn, const struct real_entry *entry,
                                                        const char *query, struct connection **ret_connection)
{
    if (!lifecycle_is_active())
        return false;
    struct connection *connection = libpq_connection_of(conn, entry);
    if (connection && (libpq_state_of(connection)->attention & (LIBPQ_QUEUED | LIBPQ_CONNECTING)))
        libpq_finish_before_call(connection, conn);
    if (!span_begin_query(span, INSTRUMENT_libpq, operation, conn, connection, query))
        return false;
    *ret_connection = connection;
    return true;
}

bool libpq_begin(struct span *span, enum wire_operation operation, PGconn *conn,
                 const struct real_entry *entry, struct connection **ret_connection)
{
    return begin(span, operation, conn, entry, NULL, ret_connection);
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

void libpq_keep_statement(struct libpq_state *state, const char *name, const char *text)
{
    libpq_prepared_store(&state->prepared, name, text);
    if (state->prepared)
        state->attention |= LIBPQ_FOLLOWING;
}

/* The words behind which search_path may be another one: the end of a transaction takes SET back. */
static bool may_change_path(const char *query)
{
    static const char *const words[] = {"SET", "RESET", "DISCARD", "COMMIT", "END", "ROLLBACK", "ABORT"};
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (is_first_word(query, words[i]))
            return true;
    return false;
}

void libpq_follow_query(struct connection *connection, const char *query)
{
    struct libpq_state *state = libpq_state_of(connection);
    if (!query)
        return;
    libpq_prepared_forget_unnamed(state->prepared);
    if (is_first_word(query, "DEALLOCATE") || is_first_word(query, "DISCARD"))
        libpq_prepared_forget_all(state->prepared);
    if (state->path_hash && may_change_path(query))
        state->may_change_path = true;
}

void libpq_look_at_path(struct connection *connection, const PGconn *conn)
{
    struct libpq_state *state = libpq_state_of(connection);
    state->may_change_path = false;
    if (libpq_hash_path(state->pq, conn) != state->path_hash)
        describe_again(connection, conn, is_counted(state));
}

/* After a statement that was sent as text and answered. */
static void follow(struct connection *connection, const PGconn *conn, const char *query)
{
    libpq_follow_query(connection, query);
    libpq_follow_path(connection, conn);
}

/* The statement as it goes out: with a comment at its end, or as the program wrote it. */
static inline const char *comment(struct span *span, struct connection *connection, const char *query)
{
    if (!connection || !(libpq_state_of(connection)->attention & LIBPQ_COMMENTING))
        return query;
    struct span_context context = span_context(span);
    const char *text = libpq_comment_append(libpq_state_of(connection)->comment, query, &context);
    if (text != query)
        span_mark_injected(span);
    return text;
}

/* Of a statement that was given as `text`, or prepared before as `name`. */
/* seven things to know: NOLINTNEXTLINE(readability-function-size) */
static inline __attribute__((always_inline)) void end(struct span *span, struct connection *connection,
                                                      const struct real_entry *entry, const PGconn *conn,
                                                      PGresult *result, const char *text, const char *name)
{
    const struct libpq_calls *pq = libpq_calls_for(connection, entry);
    ExecStatusType status = libpq_status_of(pq, result);
    if (status == PGRES_TUPLES_OK || !connection || !libpq_is_copy(status) ||
        !libpq_copy_begin(span, connection, status, text, name))
        libpq_end_query(span, pq, conn, result, status);
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

EXPORTED HOT PGresult *PQexec(PGconn *conn, const char *query)
{
    CALL_SITE;
    __typeof__(&PQexec) real = REAL_OF(PQexec, conn);
    struct real_entry *entry = &entry_points[ENTRY_PQexec];
    struct connection *connection;
    struct span span;
    if (IS_INTERNAL(PQexec) || !begin(&span, WIRE_CALL, conn, entry, query, &connection))
        return real(conn, query);

    PGresult *result = real(conn, comment(&span, connection, query));
    end(&span, connection, entry, conn, result, query, NULL);
    if (connection && (libpq_state_of(connection)->attention & LIBPQ_FOLLOWING))
        follow(connection, conn, query);
    return result;
}

/* eight parameters are libpq's: NOLINTNEXTLINE(readability-function-size) */
EXPORTED HOT PGresult *PQexecParams(PGconn *conn, const char *command, int nParams, const Oid *paramTypes,
                                    const char *const *paramValues, const int *paramLengths,
                                    const int *paramFormats, int resultFormat)
{
    CALL_SITE;
    __typeof__(&PQexecParams) real = REAL_OF(PQexecParams, conn);
    struct real_entry *entry = &entry_points[ENTRY_PQexecParams];
    struct connection *connection;
    struct span span;
    if (IS_INTERNAL(PQexecParams) || !begin(&span, WIRE_CALL, conn, entry, command, &connection))
        return real(conn, command, nParams, paramTypes, paramValues, paramLengths, paramFormats,
                    resultFormat);

    facts_int(&span.facts, WIRE_DB_PARAMETER_COUNT, nParams);
    PGresult *result = real(conn, comment(&span, connection, command), nParams, paramTypes, paramValues,
                            paramLengths, paramFormats, resultFormat);
    end(&span, connection, entry, conn, result, command, NULL);
    if (connection && (libpq_state_of(connection)->attention & LIBPQ_FOLLOWING))
        follow(connection, conn, command);
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
    if (IS_INTERNAL(PQprepare) || !begin(&span, WIRE_PREPARE, conn, entry, query, &connection))
        return real(conn, stmtName, query, nParams, paramTypes);

    facts_text(&span.facts, WIRE_DB_STATEMENT_NAME, stmtName);
    PGresult *result = real(conn, stmtName, query, nParams, paramTypes);
    const struct libpq_calls *pq = libpq_calls_for(connection, entry);
    ExecStatusType status = libpq_status_of(pq, result);
    libpq_end_query(&span, pq, conn, result, status);
    if (connection && status == PGRES_COMMAND_OK)
        libpq_keep_statement(libpq_state_of(connection), stmtName, query);
    else if (connection && stmtName && !*stmtName)
        libpq_prepared_forget_unnamed(libpq_state_of(connection)->prepared);
    return result;
}

/* seven parameters are libpq's: NOLINTNEXTLINE(readability-function-size) */
EXPORTED HOT PGresult *PQexecPrepared(PGconn *conn, const char *stmtName, int nParams,
                                      const char *const *paramValues, const int *paramLengths,
                                      const int *paramFormats, int resultFormat)
{
    CALL_SITE;
    __typeof__(&PQexecPrepared) real = REAL_OF(PQexecPrepared, conn);
    struct real_entry *entry = &entry_points[ENTRY_PQexecPrepared];
    struct connection *connection;
    struct span span;
    if (IS_INTERNAL(PQexecPrepared) || !begin(&span, WIRE_CALL, conn, entry, NULL, &connection))
        return real(conn, stmtName, nParams, paramValues, paramLengths, paramFormats, resultFormat);

    struct libpq_prepared prepared;
    if (connection && libpq_prepared_find(libpq_state_of(connection)->prepared, stmtName, &prepared))
        span_statement(&span, prepared.mark, prepared.text, prepared.bytes);
    facts_text(&span.facts, WIRE_DB_STATEMENT_NAME, stmtName);
    facts_int(&span.facts, WIRE_DB_PARAMETER_COUNT, nParams);
    PGresult *result = real(conn, stmtName, nParams, paramValues, paramLengths, paramFormats, resultFormat);
    end(&span, connection, entry, conn, result, NULL, stmtName);
    return result;
}
