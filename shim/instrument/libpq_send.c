/*
 * libpq_send: PostgreSQL, queries that are sent now and whose results are taken later (libpq_async.c says how they end).
 *
 *   begins   PQsendQuery, PQsendQueryParams, PQsendPrepare, PQsendQueryPrepared: an operation each (those about a
 *            prepared statement: libpq_statement.c)
 *   copied   as libpq.c
 *   traps    libpq's synchronous calls use these through the PLT on Debian: IS_INTERNAL
 */
#include "instrument/libpq_priv.h"

#include "literal.h"

#include <string.h>

/* Inlined, as those below, where statements come as text; the others go by libpq_send_begin(). */
static inline __attribute__((always_inline)) bool begin(struct libpq_sending *sending,
                                                        enum wire_operation kind, const PGconn *conn,
                                                        const struct real_entry *entry)
{
    struct connection *connection = lifecycle_is_active() ? libpq_connection_of(conn, entry) : NULL;
    struct operation *operation = NULL;
    if (!connection)
        return false;
    struct libpq_state *state = libpq_state_of(connection);
    if (__builtin_expect(state->attention & LIBPQ_CONNECTING, 0)) /* its end was not seen */
        libpq_finish_queries(connection);
    if (__builtin_expect(libpq_queue_may_record(&state->queue), 1))
        operation = operation_open(INSTRUMENT_libpq, kind, connection, NULL);
    else
        dropbox_count(DROP_NO_OPERATION);
    *sending = (struct libpq_sending){.connection = connection, .state = state, .operation = operation};
    return true;
}

bool libpq_send_begin(struct libpq_sending *sending, enum wire_operation kind, const PGconn *conn,
                      const struct real_entry *entry)
{
    return begin(sending, kind, conn, entry);
}

/* The bytes decide, unless they cannot change: which is asked when the text comes for the second time. */
static __attribute__((noinline)) bool is_same(struct libpq_state *state, const char *text)
{
    if (strncmp(text, state->text, sizeof(state->text)) != 0)
        return false;
    if (!state->is_judged)
        state->is_literal = literal_is(text, state->text_bytes);
    state->is_judged = true;
    return true;
}

/* The statement that was sent before, whole, and again at the same place. */
static inline bool is_again(struct libpq_state *state, const char *text)
{
    return text && text == state->text_from && (state->is_literal || is_same(state, text));
}

static __attribute__((noinline)) void keep_text(struct libpq_state *state, const char *text)
{
    size_t bytes = text ? strnlen(text, LIBPQ_STATEMENT_MAX) : 0;
    size_t kept = bytes < sizeof(state->text) ? bytes : sizeof(state->text) - 1;
    if (kept)
        memcpy(state->text, text, kept);
    state->text[kept] = 0;
    state->text_from = bytes < sizeof(state->text) ? text : NULL;
    state->text_bytes = (uint32_t)bytes;
    state->is_literal = state->is_judged = false;
    state->text_mark = (struct interned){.number = connection_new_number()};
}

static inline __attribute__((always_inline)) void
copy_statement(struct libpq_state *state, struct operation *operation, const char *text)
{
    if (__builtin_expect(!is_again(state, text), 0))
        keep_text(state, text);
    state->is_preparing = false;
    if (operation && state->text_bytes)
        operation_statement(operation, &state->text_mark, state->text, state->text_bytes);
}

void libpq_send_statement(struct libpq_state *state, struct operation *operation, const char *text)
{
    copy_statement(state, operation, text);
}

static __attribute__((noinline)) const char *append_comment(const struct libpq_sending *sending,
                                                            const char *text)
{
    struct span_context context = operation_context(sending->operation);
    const char *commented = libpq_comment_append(sending->state->comment, text, &context);
    if (commented != text)
        operation_mark_injected(sending->operation);
    return commented;
}

/* The statement as it goes out: with a comment at its end, or as the program wrote it. */
static inline const char *comment(const struct libpq_sending *sending, const char *text)
{
    if (__builtin_expect(!(sending->state->attention & LIBPQ_COMMENTING), 1) || !sending->operation)
        return text;
    const struct libpq_sending copy = *sending; /* the usual one stays in registers */
    return append_comment(&copy, text);
}

/* A statement's name, whose text is known perhaps, and the number of its parameters. */
static void copy_prepared(const struct libpq_sending *sending, const char *name, int n_parameters)
{
    struct libpq_prepared prepared;
    if (!sending->operation)
        return;
    if (libpq_prepared_find(sending->state->prepared, name, &prepared))
        operation_statement(sending->operation, prepared.mark, prepared.text, prepared.bytes);
    struct facts facts = operation_facts(sending->operation);
    facts_text(&facts, WIRE_DB_STATEMENT_NAME, name);
    facts_int(&facts, WIRE_DB_PARAMETER_COUNT, n_parameters);
}

static __attribute__((noinline)) void follow_refusal(struct connection *connection,
                                                     struct operation *operation, const PGconn *conn)
{
    if (!operation)
        return;
    struct facts facts = operation_facts(operation);
    libpq_copy_failure(&facts, libpq_state_of(connection)->pq, conn, NULL);
    operation_close(connection, operation, WIRE_FAILED);
}

static inline __attribute__((always_inline)) int end(const struct libpq_sending *sending, const PGconn *conn,
                                                     int is_sent)
{
    struct libpq_state *state = sending->state;
    if (__builtin_expect(!is_sent, 0)) {
        follow_refusal(sending->connection, sending->operation, conn);
        return is_sent;
    }
    if (state->queue.n && !libpq_is_pipelined(state->pq, conn))
        libpq_finish_queued(sending->connection);
    libpq_enqueue(state, sending->operation != NULL);
    return is_sent;
}

int libpq_send_end(const struct libpq_sending *sending, const PGconn *conn, int is_sent)
{
    return end(sending, conn, is_sent);
}

/* In a pipeline the statement may be executed before PQsendPrepare's result is there. */
static void follow_prepare(const struct libpq_sending *sending, const PGconn *conn, const char *name,
                           const char *query)
{
    struct libpq_state *state = sending->state;
    size_t bytes = strnlen(name, LIBPQ_NAME_BYTES);
    if (libpq_is_pipelined(state->pq, conn)) {
        libpq_keep_statement(state, name, query);
    } else if (bytes < LIBPQ_NAME_BYTES) {
        memcpy(state->name, name, bytes + 1);
        state->is_preparing = true;
    }
}

EXPORTED HOT int PQsendQuery(PGconn *conn, const char *query)
{
    CALL_SITE;
    __typeof__(&PQsendQuery) real = REAL_OF(PQsendQuery, conn);
    struct libpq_sending sending;
    if (IS_INTERNAL(PQsendQuery) || !begin(&sending, WIRE_CALL, conn, &entry_points[ENTRY_PQsendQuery]))
        return real(conn, query);
    copy_statement(sending.state, sending.operation, query);
    int is_sent = end(&sending, conn, real(conn, comment(&sending, query)));
    if (is_sent && (sending.state->attention & LIBPQ_FOLLOWING))
        libpq_follow_query(sending.connection, query);
    return is_sent;
}

/* eight parameters are libpq's: NOLINTNEXTLINE(readability-function-size) */
EXPORTED HOT int PQsendQueryParams(PGconn *conn, const char *command, int nParams, const Oid *paramTypes,
                                   const char *const *paramValues, const int *paramLengths,
                                   const int *paramFormats, int resultFormat)
{
    CALL_SITE;
    __typeof__(&PQsendQueryParams) real = REAL_OF(PQsendQueryParams, conn);
    struct libpq_sending sending;
    if (IS_INTERNAL(PQsendQueryParams) ||
        !begin(&sending, WIRE_CALL, conn, &entry_points[ENTRY_PQsendQueryParams]))
        return real(conn, command, nParams, paramTypes, paramValues, paramLengths, paramFormats,
                    resultFormat);
    copy_statement(sending.state, sending.operation, command);
    if (sending.operation) {
        struct facts facts = operation_facts(sending.operation);
        facts_int(&facts, WIRE_DB_PARAMETER_COUNT, nParams);
    }
    int is_sent = end(&sending, conn,
                      real(conn, comment(&sending, command), nParams, paramTypes, paramValues, paramLengths,
                           paramFormats, resultFormat));
    if (is_sent && (sending.state->attention & LIBPQ_FOLLOWING))
        libpq_follow_query(sending.connection, command);
    return is_sent;
}

EXPORTED int PQsendPrepare(PGconn *conn, const char *stmtName, const char *query, int nParams,
                           const Oid *paramTypes)
{
    CALL_SITE;
    __typeof__(&PQsendPrepare) real = REAL_OF(PQsendPrepare, conn);
    struct libpq_sending sending;
    if (IS_INTERNAL(PQsendPrepare) ||
        !libpq_send_begin(&sending, WIRE_PREPARE, conn, &entry_points[ENTRY_PQsendPrepare]))
        return real(conn, stmtName, query, nParams, paramTypes);
    libpq_send_statement(sending.state, sending.operation, query);
    if (sending.operation) {
        struct facts facts = operation_facts(sending.operation);
        facts_text(&facts, WIRE_DB_STATEMENT_NAME, stmtName);
    }
    int is_sent = libpq_send_end(&sending, conn, real(conn, stmtName, query, nParams, paramTypes));
    if (is_sent && stmtName && query)
        follow_prepare(&sending, conn, stmtName, query);
    return is_sent;
}

/* seven parameters are libpq's: NOLINTNEXTLINE(readability-function-size) */
EXPORTED HOT int PQsendQueryPrepared(PGconn *conn, const char *stmtName, int nParams,
                                     const char *const *paramValues, const int *paramLengths,
                                     const int *paramFormats, int resultFormat)
{
    CALL_SITE;
    __typeof__(&PQsendQueryPrepared) real = REAL_OF(PQsendQueryPrepared, conn);
    struct libpq_sending sending;
    if (IS_INTERNAL(PQsendQueryPrepared) ||
        !libpq_send_begin(&sending, WIRE_CALL, conn, &entry_points[ENTRY_PQsendQueryPrepared]))
        return real(conn, stmtName, nParams, paramValues, paramLengths, paramFormats, resultFormat);
    copy_prepared(&sending, stmtName, nParams);
    return libpq_send_end(
        &sending, conn, real(conn, stmtName, nParams, paramValues, paramLengths, paramFormats, resultFormat));
}
