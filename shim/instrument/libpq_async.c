/*
 * libpq_async: PostgreSQL, queries whose results are taken later: psql, pgbench, drivers with an event loop.
 *
 *   begins   PQsendQuery, PQsendQueryParams, PQsendPrepare, PQsendQueryPrepared: an operation each
 *   ends     PQgetResult returns NULL: results of one query, in pipeline mode of the oldest. Or what is left is
 *            dropped: the next synchronous call, the next query outside pipeline mode, PQreset, PQfinish
 *   copied   as libpq.c; rows of all results (single-row mode has one for each), SQLSTATE of the first that failed
 *   not read data of COPY: its query stays open until PQgetResult returns NULL
 *   counted  PQsendDescribePrepared and its like have results, too, which must not pass for another query's: they keep
 *            their place in the queue, and make no spans
 *   traps    libpq's synchronous calls use these through the PLT on Debian: IS_INTERNAL. The result of
 *            PQpipelineSync is nobody's and has no NULL behind it. A query that failed in a pipeline aborts the others,
 *            each of which still has its result.
 */
#include "instrument/libpq_priv.h"
#include <string.h>

#ifndef LIBPQ_HAS_CLOSE_PREPARED /* 17 */
int PQsendClosePrepared(PGconn *conn, const char *stmt);
int PQsendClosePortal(PGconn *conn, const char *portal);
#endif

/* ---- the queue ---- */

static bool is_empty(const struct libpq_queue *queue)
{
    return !queue->n && !queue->n_beyond;
}

static bool has_room(const struct libpq_queue *queue)
{
    return queue->n < LIBPQ_MAX_QUEUED && !queue->n_beyond;
}

static void enqueue(struct libpq_queue *queue, bool is_recorded)
{
    if (!has_room(queue)) {
        queue->n_beyond++;
        return;
    }
    uint32_t i = (queue->first + queue->n++) % LIBPQ_MAX_QUEUED;
    uint8_t bit = (uint8_t)(1u << i % 8);
    queue->is_recorded[i / 8] =
        (uint8_t)(is_recorded ? queue->is_recorded[i / 8] | bit : queue->is_recorded[i / 8] & ~bit);
}

static bool first_is_recorded(const struct libpq_queue *queue)
{
    return queue->n && (queue->is_recorded[queue->first / 8] >> queue->first % 8 & 1);
}

static void dequeue(struct libpq_queue *queue)
{
    if (queue->n) {
        queue->n--;
        queue->first = (queue->first + 1) % LIBPQ_MAX_QUEUED;
    } else if (queue->n_beyond) {
        queue->n_beyond--;
    }
}

/* ---- the oldest query ---- */

/* NULL: it is not recorded, or the parent process's, before a fork. */
static struct operation *oldest(struct connection *connection)
{
    return first_is_recorded(&libpq_state_of(connection)->queue) ? operation_oldest(connection) : NULL;
}

static void copy_answer(struct facts *facts, const struct libpq_answer *answer)
{
    if (answer->has_rows)
        facts_int(facts, WIRE_DB_RETURNED_ROWS, answer->rows);
    if (answer->affected[0])
        facts_text(facts, WIRE_DB_AFFECTED_ROWS, answer->affected);
}

static void finish_oldest(struct connection *connection)
{
    struct libpq_state *state = libpq_state_of(connection);
    struct operation *operation = oldest(connection);
    if (operation) {
        struct facts facts = operation_facts(operation);
        copy_answer(&facts, &state->answer);
        operation_close(connection, operation,
                        state->answer.has_failed    ? WIRE_FAILED
                        : state->answer.is_answered ? WIRE_OK
                                                    : WIRE_ABANDONED);
    }
    dequeue(&state->queue);
    memset(&state->answer, 0, sizeof(state->answer));
    state->is_preparing = false;
}

void libpq_finish_queries(struct connection *connection)
{
    struct libpq_queue *queue = &libpq_state_of(connection)->queue;
    while (queue->n)
        finish_oldest(connection);
    queue->n_beyond = 0;
    libpq_state_of(connection)->is_connecting = false;
    operation_close_all(connection, WIRE_ABANDONED);
}

void libpq_finish_before_call(struct connection *connection, const PGconn *conn)
{
    struct libpq_state *state = libpq_state_of(connection);
    if (state->is_connecting || (!is_empty(&state->queue) && !libpq_is_pipelined(state->pq, conn)))
        libpq_finish_queries(connection);
}

/* Of the oldest query, NULL none: it failed, and this is the first to say so. */
static void follow_failure(struct connection *connection, const PGconn *conn, const PGresult *result)
{
    struct libpq_state *state = libpq_state_of(connection);
    struct operation *operation = oldest(connection);
    if (operation && !state->answer.has_failed) {
        struct facts facts = operation_facts(operation);
        libpq_copy_failure(&facts, state->pq, conn, result);
    }
    state->answer.has_failed = true;
    if (state->is_preparing && !state->name[0])
        libpq_prepared_forget_unnamed(state->prepared);
}

static void follow_command(struct libpq_state *state, PGresult *result)
{
    const char *rows = state->pq->PQcmdTuples ? state->pq->PQcmdTuples(result) : NULL;
    if (rows && *rows) {
        size_t bytes = strnlen(rows, sizeof(state->answer.affected) - 1);
        memcpy(state->answer.affected, rows, bytes);
        state->answer.affected[bytes] = 0;
    }
    if (state->is_preparing)
        libpq_prepared_store(&state->prepared, state->name, state->text);
    state->is_preparing = false;
}

static void follow_result(struct connection *connection, const PGconn *conn, PGresult *result)
{
    struct libpq_state *state = libpq_state_of(connection);
    ExecStatusType status = libpq_status_of(state->pq, result);
    if (status == PGRES_PIPELINE_SYNC)
        return;
    state->answer.is_answered = true;
    if (libpq_is_failure(status)) {
        follow_failure(connection, conn, result);
    } else if (status == PGRES_COMMAND_OK) {
        follow_command(state, result);
    } else if (status == PGRES_TUPLES_OK || status == PGRES_SINGLE_TUPLE ||
               (int)status == 12 /* PGRES_TUPLES_CHUNK, 17 */) {
        state->answer.has_rows = true;
        state->answer.rows += state->pq->PQntuples ? state->pq->PQntuples(result) : 0;
    }
}

/* The plain case of IS_INTERNAL, at once: every synchronous call comes by here, on Debian three times. */
static inline bool is_call_of_libpq(const struct real_entry *entry, const void *call_site)
{
    const struct real_library *library = __atomic_load_n(&entry->library, __ATOMIC_ACQUIRE);
    return library && (uintptr_t)call_site - library->text_from < library->text_to - library->text_from;
}

EXPORTED PGresult *PQgetResult(PGconn *conn)
{
    CALL_SITE;
    __typeof__(&PQgetResult) real = REAL_OF(PQgetResult, conn);
    if (is_call_of_libpq(&entry_points[ENTRY_PQgetResult], call_site))
        return real(conn);
    PGresult *result = real(conn);
    struct connection *connection = libpq_find_connection(conn);
    if (!connection || is_empty(&libpq_state_of(connection)->queue) || !lifecycle_is_active() ||
        IS_INTERNAL(PQgetResult))
        return result;
    struct libpq_state *state = libpq_state_of(connection);
    if (result)
        follow_result(connection, conn, result);
    else if (state->answer.is_answered)
        finish_oldest(connection);
    else if (!libpq_is_pipelined(state->pq, conn)) { /* there was no memory for a result */
        follow_failure(connection, conn, NULL);
        finish_oldest(connection);
    }
    return result;
}

/* ---- sending ---- */

struct sending {
    struct connection *connection;
    struct libpq_state *state;
    struct operation *operation; /* NULL: not recorded, but counted */
    struct facts facts;          /* where there is an operation */
};

/* False: nothing is followed. */
static bool begin(struct sending *sending, enum wire_operation kind, const PGconn *conn,
                  const struct real_entry *entry)
{
    sending->connection = lifecycle_is_active() ? libpq_connection_of(conn, entry) : NULL;
    if (!sending->connection)
        return false;
    sending->state = libpq_state_of(sending->connection);
    sending->operation = NULL;
    if (sending->state->is_connecting) /* its end was not seen */
        libpq_finish_queries(sending->connection);
    if (has_room(&sending->state->queue))
        sending->operation = operation_open(INSTRUMENT_libpq, kind, sending->connection, &sending->facts);
    else
        dropbox_count(DROP_NO_OPERATION);
    return true;
}

/* The text stays with the connection: an operation has no room for all of a long one. */
static void copy_statement(struct sending *sending, const char *text)
{
    struct libpq_state *state = sending->state;
    size_t bytes = text ? strnlen(text, LIBPQ_STATEMENT_MAX) : 0;
    size_t kept = bytes < sizeof(state->text) ? bytes : sizeof(state->text) - 1;
    if (kept)
        memcpy(state->text, text, kept);
    state->text[kept] = 0;
    state->is_preparing = false;
    state->text_mark = (struct interned){.number = connection_new_number()};
    if (sending->operation && bytes)
        operation_statement(sending->operation, &state->text_mark, state->text, bytes);
}

/* A statement's name, whose text is known perhaps, and the number of its parameters. */
static void copy_prepared(struct sending *sending, const char *name, int n_parameters)
{
    struct libpq_prepared prepared;
    if (!sending->operation)
        return;
    if (libpq_prepared_find(sending->state->prepared, name, &prepared))
        operation_statement(sending->operation, prepared.mark, prepared.text, prepared.bytes);
    sending->facts = operation_facts(sending->operation);
    facts_text(&sending->facts, WIRE_DB_STATEMENT_NAME, name);
    facts_int(&sending->facts, WIRE_DB_PARAMETER_COUNT, n_parameters);
}

/* Returns `is_sent`. A query that could be sent outside a pipeline means that the ones before it were through. */
static int end(struct sending *sending, const PGconn *conn, int is_sent)
{
    struct libpq_state *state = sending->state;
    if (!is_sent) {
        if (sending->operation) {
            libpq_copy_failure(&sending->facts, state->pq, conn, NULL);
            operation_close(sending->connection, sending->operation, WIRE_FAILED);
        }
        return is_sent;
    }
    if (!is_empty(&state->queue) && !libpq_is_pipelined(state->pq, conn)) {
        while (!is_empty(&state->queue))
            finish_oldest(sending->connection);
    }
    enqueue(&state->queue, sending->operation != NULL);
    return is_sent;
}

/* In a pipeline the statement may be executed before PQsendPrepare's result is there. */
static void follow_prepare(struct sending *sending, const PGconn *conn, const char *name, const char *query)
{
    struct libpq_state *state = sending->state;
    size_t bytes = strnlen(name, LIBPQ_NAME_BYTES);
    if (libpq_is_pipelined(state->pq, conn)) {
        libpq_prepared_store(&state->prepared, name, query);
    } else if (bytes < LIBPQ_NAME_BYTES) {
        memcpy(state->name, name, bytes + 1);
        state->is_preparing = true;
    }
}

EXPORTED int PQsendQuery(PGconn *conn, const char *query)
{
    CALL_SITE;
    __typeof__(&PQsendQuery) real = REAL_OF(PQsendQuery, conn);
    struct sending sending;
    if (is_call_of_libpq(&entry_points[ENTRY_PQsendQuery], call_site) || IS_INTERNAL(PQsendQuery) ||
        !begin(&sending, WIRE_CALL, conn, &entry_points[ENTRY_PQsendQuery]))
        return real(conn, query);
    copy_statement(&sending, query);
    int is_sent = end(&sending, conn, real(conn, query));
    if (is_sent)
        libpq_follow_query(sending.connection, query);
    return is_sent;
}

/* eight parameters are libpq's: NOLINTNEXTLINE(readability-function-size) */
EXPORTED int PQsendQueryParams(PGconn *conn, const char *command, int nParams, const Oid *paramTypes,
                               const char *const *paramValues, const int *paramLengths,
                               const int *paramFormats, int resultFormat)
{
    CALL_SITE;
    __typeof__(&PQsendQueryParams) real = REAL_OF(PQsendQueryParams, conn);
    struct sending sending;
    if (IS_INTERNAL(PQsendQueryParams) ||
        !begin(&sending, WIRE_CALL, conn, &entry_points[ENTRY_PQsendQueryParams]))
        return real(conn, command, nParams, paramTypes, paramValues, paramLengths, paramFormats,
                    resultFormat);
    copy_statement(&sending, command);
    if (sending.operation)
        facts_int(&sending.facts, WIRE_DB_PARAMETER_COUNT, nParams);
    int is_sent =
        end(&sending, conn,
            real(conn, command, nParams, paramTypes, paramValues, paramLengths, paramFormats, resultFormat));
    if (is_sent)
        libpq_follow_query(sending.connection, command);
    return is_sent;
}

EXPORTED int PQsendPrepare(PGconn *conn, const char *stmtName, const char *query, int nParams,
                           const Oid *paramTypes)
{
    CALL_SITE;
    __typeof__(&PQsendPrepare) real = REAL_OF(PQsendPrepare, conn);
    struct sending sending;
    if (IS_INTERNAL(PQsendPrepare) ||
        !begin(&sending, WIRE_PREPARE, conn, &entry_points[ENTRY_PQsendPrepare]))
        return real(conn, stmtName, query, nParams, paramTypes);
    copy_statement(&sending, query);
    if (sending.operation)
        facts_text(&sending.facts, WIRE_DB_STATEMENT_NAME, stmtName);
    int is_sent = end(&sending, conn, real(conn, stmtName, query, nParams, paramTypes));
    if (is_sent && stmtName && query)
        follow_prepare(&sending, conn, stmtName, query);
    return is_sent;
}

/* seven parameters are libpq's: NOLINTNEXTLINE(readability-function-size) */
EXPORTED int PQsendQueryPrepared(PGconn *conn, const char *stmtName, int nParams,
                                 const char *const *paramValues, const int *paramLengths,
                                 const int *paramFormats, int resultFormat)
{
    CALL_SITE;
    __typeof__(&PQsendQueryPrepared) real = REAL_OF(PQsendQueryPrepared, conn);
    struct sending sending;
    if (IS_INTERNAL(PQsendQueryPrepared) ||
        !begin(&sending, WIRE_CALL, conn, &entry_points[ENTRY_PQsendQueryPrepared]))
        return real(conn, stmtName, nParams, paramValues, paramLengths, paramFormats, resultFormat);
    copy_prepared(&sending, stmtName, nParams);
    return end(&sending, conn,
               real(conn, stmtName, nParams, paramValues, paramLengths, paramFormats, resultFormat));
}

/* ---- sent, and counted only ---- */

static int send_counted(__typeof__(&PQsendDescribePrepared) real, const struct real_entry *entry,
                        PGconn *conn, const char *name)
{
    struct sending sending = {
        .connection = lifecycle_is_active() ? libpq_connection_of(conn, entry) : NULL,
    };
    int is_sent = real(conn, name);
    if (!sending.connection)
        return is_sent;
    sending.state = libpq_state_of(sending.connection);
    return end(&sending, conn, is_sent);
}

EXPORTED int PQsendDescribePrepared(PGconn *conn, const char *stmt)
{
    CALL_SITE;
    __typeof__(&PQsendDescribePrepared) real = REAL_OF(PQsendDescribePrepared, conn);
    return IS_INTERNAL(PQsendDescribePrepared)
               ? real(conn, stmt)
               : send_counted(real, &entry_points[ENTRY_PQsendDescribePrepared], conn, stmt);
}

EXPORTED int PQsendDescribePortal(PGconn *conn, const char *portal)
{
    CALL_SITE;
    __typeof__(&PQsendDescribePortal) real = REAL_OF(PQsendDescribePortal, conn);
    return IS_INTERNAL(PQsendDescribePortal)
               ? real(conn, portal)
               : send_counted(real, &entry_points[ENTRY_PQsendDescribePortal], conn, portal);
}

EXPORTED int PQsendClosePrepared(PGconn *conn, const char *stmt)
{
    CALL_SITE;
    __typeof__(&PQsendClosePrepared) real = REAL_OF(PQsendClosePrepared, conn);
    return IS_INTERNAL(PQsendClosePrepared)
               ? real(conn, stmt)
               : send_counted(real, &entry_points[ENTRY_PQsendClosePrepared], conn, stmt);
}

EXPORTED int PQsendClosePortal(PGconn *conn, const char *portal)
{
    CALL_SITE;
    __typeof__(&PQsendClosePortal) real = REAL_OF(PQsendClosePortal, conn);
    return IS_INTERNAL(PQsendClosePortal)
               ? real(conn, portal)
               : send_counted(real, &entry_points[ENTRY_PQsendClosePortal], conn, portal);
}
