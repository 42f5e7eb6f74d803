/*
 * libpq_async: PostgreSQL, queries whose results are taken later: psql, pgbench, drivers with an event loop.
 *
 *   begins   PQsendQuery, PQsendQueryParams, PQsendPrepare, PQsendQueryPrepared: an operation each (those about a
 *            prepared statement: libpq_statement.c)
 *   ends     PQgetResult returns NULL: results of one query, in pipeline mode of the oldest. Or what is left is
 *            dropped: the next synchronous call, the next query outside pipeline mode, PQexitPipelineMode, PQreset,
 *            PQfinish
 *   copied   as libpq.c; rows of the last statement's results (single-row mode has one for each row, chunked mode one
 *            for some), SQLSTATE of the first that failed
 *   not read data of COPY: its query stays open until PQgetResult returns NULL
 *   traps    libpq's synchronous calls use these through the PLT on Debian: IS_INTERNAL. The result of PQpipelineSync
 *            and PQsendPipelineSync is nobody's and has no NULL behind it, so that these need not be seen. A query that
 *            failed in a pipeline aborts the others, each of which still has its result.
 */
#include "instrument/libpq_priv.h"
#include <string.h>

/* ---- the oldest query ---- */

/* NULL: it is not recorded, or the parent process's, before a fork. */
static struct operation *oldest(struct connection *connection)
{
    return libpq_queue_is_recorded(&libpq_state_of(connection)->queue) ? operation_oldest(connection) : NULL;
}

static void copy_answer(struct facts *facts, const struct libpq_answer *answer)
{
    if (answer->has_rows)
        facts_int(facts, WIRE_DB_RETURNED_ROWS, answer->rows);
    if (answer->affected[0])
        facts_text(facts, WIRE_DB_AFFECTED_ROWS, answer->affected);
}

static enum wire_outcome outcome_of(const struct libpq_answer *answer)
{
    if (answer->has_failed)
        return WIRE_FAILED;
    return answer->is_answered && !answer->is_copying ? WIRE_OK : WIRE_ABANDONED;
}

void libpq_finish_oldest(struct connection *connection)
{
    struct libpq_state *state = libpq_state_of(connection);
    struct operation *operation = oldest(connection);
    if (operation) {
        struct facts facts = operation_facts(operation);
        copy_answer(&facts, &state->answer);
        operation_close(connection, operation, outcome_of(&state->answer));
    }
    libpq_queue_drop(&state->queue);
    if (!state->queue.n)
        state->attention &= ~(uint32_t)LIBPQ_QUEUED;
    memset(&state->answer, 0, sizeof(state->answer));
    state->is_preparing = false;
}

static void finish_all(struct connection *connection)
{
    while (libpq_state_of(connection)->queue.n)
        libpq_finish_oldest(connection);
}

void libpq_finish_queries(struct connection *connection)
{
    finish_all(connection);
    libpq_state_of(connection)->attention &= ~(uint32_t)LIBPQ_CONNECTING;
    operation_close_all(connection, WIRE_ABANDONED);
}

void libpq_finish_before_call(struct connection *connection, const PGconn *conn)
{
    struct libpq_state *state = libpq_state_of(connection);
    if (state->answer.is_copying_both)
        return; /* refused, too */
    if ((state->attention & LIBPQ_CONNECTING) || !libpq_is_pipelined(state->pq, conn))
        libpq_finish_queries(connection);
}

void libpq_follow_failure(struct connection *connection, const PGconn *conn, const PGresult *result)
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

void libpq_follow_silent_failure(struct connection *connection, const PGconn *conn)
{
    struct operation *operation = oldest(connection);
    if (operation) {
        struct facts facts = operation_facts(operation);
        libpq_copy_silent_failure(&facts, libpq_state_of(connection)->pq, conn);
    }
    libpq_state_of(connection)->answer.has_failed = true;
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
        libpq_keep_statement(state, state->name, state->text);
    state->is_preparing = false;
}

/* A text of several statements has results of each: the last one's are told, as PQexec does. */
static void begin_result(struct libpq_answer *answer)
{
    answer->is_answered = true;
    answer->is_copying = answer->is_copying_both = false;
    if (!answer->is_whole)
        return;
    answer->is_whole = answer->has_rows = false;
    answer->rows = 0;
    answer->affected[0] = 0;
}

static void follow_rows(struct libpq_state *state, const PGresult *result)
{
    state->answer.has_rows = true;
    state->answer.rows += state->pq->PQntuples ? state->pq->PQntuples(result) : 0;
}

static void follow_result(struct connection *connection, const PGconn *conn, PGresult *result)
{
    struct libpq_state *state = libpq_state_of(connection);
    ExecStatusType status = libpq_status_of(state->pq, result);
    if (status == PGRES_PIPELINE_SYNC)
        return;
    begin_result(&state->answer);
    if (libpq_is_failure(status)) {
        libpq_follow_failure(connection, conn, result);
    } else if (libpq_is_copy(status)) {
        state->answer.is_copying = true;
        state->answer.is_copying_both = status == PGRES_COPY_BOTH;
    } else if (status == PGRES_SINGLE_TUPLE || (int)status == LIBPQ_TUPLES_CHUNK) {
        follow_rows(state, result);
    } else if (status == PGRES_TUPLES_OK) {
        follow_rows(state, result);
        state->answer.is_whole = true;
    } else if (status == PGRES_COMMAND_OK) {
        follow_command(state, result);
        state->answer.is_whole = true;
    }
}

/*
 * In a pipeline a query has one last result. NULL comes behind it, but not where the pipeline is aborted and the program
 * has sent something in between: then libpq goes on to the next query at once (pqAppendCmdQueueEntry of 14 to 17).
 */
static bool is_of_next(const struct libpq_answer *answer)
{
    return answer->has_failed || answer->is_whole;
}

EXPORTED PGresult *PQgetResult(PGconn *conn)
{
    CALL_SITE;
    __typeof__(&PQgetResult) real = REAL_OF(PQgetResult, conn);
    if (real_is_in_library(&entry_points[ENTRY_PQgetResult], call_site))
        return real(conn); /* every synchronous call comes by here, on Debian three times */
    PGresult *result = real(conn);
    struct connection *connection = libpq_find_connection(conn);
    if (!connection || !(libpq_state_of(connection)->attention & LIBPQ_QUEUED) || !lifecycle_is_active() ||
        IS_INTERNAL(PQgetResult))
        return result;
    struct libpq_state *state = libpq_state_of(connection);
    bool is_over = !result && (state->answer.is_answered || !libpq_is_pipelined(state->pq, conn));
    if (result && is_of_next(&state->answer) && libpq_is_pipelined(state->pq, conn))
        libpq_finish_oldest(connection);
    if (result && state->queue.n)
        follow_result(connection, conn, result);
    else if (is_over && !state->answer.is_answered) /* there was no memory for a result */
        libpq_follow_failure(connection, conn, NULL);
    if (is_over) {
        libpq_finish_oldest(connection);
        libpq_follow_path(connection, conn);
    }
    return result;
}

EXPORTED int PQexitPipelineMode(PGconn *conn)
{
    CALL_SITE;
    __typeof__(&PQexitPipelineMode) real = REAL_OF(PQexitPipelineMode, conn);
    int has_left = real(conn);
    struct connection *connection = IS_INTERNAL(PQexitPipelineMode) ? NULL : libpq_find_connection(conn);
    /* It is refused while results are to come: what is still queued here had none, for the connection broke. */
    if (has_left && connection && lifecycle_is_active() &&
        !libpq_is_pipelined(libpq_state_of(connection)->pq, conn))
        finish_all(connection);
    return has_left;
}

/* ---- sending ---- */

bool libpq_send_begin(struct libpq_sending *sending, enum wire_operation kind, const PGconn *conn,
                      const struct real_entry *entry)
{
    sending->connection = lifecycle_is_active() ? libpq_connection_of(conn, entry) : NULL;
    if (!sending->connection)
        return false;
    sending->state = libpq_state_of(sending->connection);
    sending->operation = NULL;
    if (sending->state->attention & LIBPQ_CONNECTING) /* its end was not seen */
        libpq_finish_queries(sending->connection);
    if (libpq_queue_may_record(&sending->state->queue))
        sending->operation = operation_open(INSTRUMENT_libpq, kind, sending->connection, &sending->facts);
    else
        dropbox_count(DROP_NO_OPERATION);
    return true;
}

/* The statement that was sent before, whole, and again at the same place. */
static bool is_again(const struct libpq_state *state, const char *text)
{
    return text && text == state->text_from && state->text_bytes < sizeof(state->text) &&
           strncmp(text, state->text, sizeof(state->text)) == 0;
}

static void keep_text(struct libpq_state *state, const char *text)
{
    size_t bytes = text ? strnlen(text, LIBPQ_STATEMENT_MAX) : 0;
    size_t kept = bytes < sizeof(state->text) ? bytes : sizeof(state->text) - 1;
    if (kept)
        memcpy(state->text, text, kept);
    state->text[kept] = 0;
    state->text_from = text;
    state->text_bytes = (uint32_t)bytes;
    state->text_mark = (struct interned){.number = connection_new_number()};
}

void libpq_send_statement(struct libpq_state *state, struct operation *operation, const char *text)
{
    if (!is_again(state, text))
        keep_text(state, text);
    state->is_preparing = false;
    if (operation && state->text_bytes)
        operation_statement(operation, &state->text_mark, state->text, state->text_bytes);
}

/* The statement as it goes out: with a comment at its end, or as the program wrote it. */
static const char *comment(const struct libpq_sending *sending, const char *text)
{
    if (!sending->operation || !(sending->state->attention & LIBPQ_COMMENTING))
        return text;
    struct span_context context = operation_context(sending->operation);
    const char *commented = libpq_comment_append(sending->state->comment, text, &context);
    if (commented != text)
        operation_mark_injected(sending->operation);
    return commented;
}

/* A statement's name, whose text is known perhaps, and the number of its parameters. */
static void copy_prepared(struct libpq_sending *sending, const char *name, int n_parameters)
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

int libpq_send_end(struct libpq_sending *sending, const PGconn *conn, int is_sent)
{
    struct libpq_state *state = sending->state;
    if (!is_sent) {
        if (sending->operation) {
            libpq_copy_failure(&sending->facts, state->pq, conn, NULL);
            operation_close(sending->connection, sending->operation, WIRE_FAILED);
        }
        return is_sent;
    }
    if (state->queue.n && !libpq_is_pipelined(state->pq, conn))
        finish_all(sending->connection);
    libpq_enqueue(state, sending->operation != NULL);
    return is_sent;
}

/* In a pipeline the statement may be executed before PQsendPrepare's result is there. */
static void follow_prepare(struct libpq_sending *sending, const PGconn *conn, const char *name,
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

EXPORTED int PQsendQuery(PGconn *conn, const char *query)
{
    CALL_SITE;
    __typeof__(&PQsendQuery) real = REAL_OF(PQsendQuery, conn);
    struct libpq_sending sending;
    if (real_is_in_library(&entry_points[ENTRY_PQsendQuery], call_site) || IS_INTERNAL(PQsendQuery) ||
        !libpq_send_begin(&sending, WIRE_CALL, conn, &entry_points[ENTRY_PQsendQuery]))
        return real(conn, query);
    libpq_send_statement(sending.state, sending.operation, query);
    int is_sent = libpq_send_end(&sending, conn, real(conn, comment(&sending, query)));
    if (is_sent && (sending.state->attention & LIBPQ_FOLLOWING))
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
    struct libpq_sending sending;
    if (IS_INTERNAL(PQsendQueryParams) ||
        !libpq_send_begin(&sending, WIRE_CALL, conn, &entry_points[ENTRY_PQsendQueryParams]))
        return real(conn, command, nParams, paramTypes, paramValues, paramLengths, paramFormats,
                    resultFormat);
    libpq_send_statement(sending.state, sending.operation, command);
    if (sending.operation)
        facts_int(&sending.facts, WIRE_DB_PARAMETER_COUNT, nParams);
    int is_sent = libpq_send_end(&sending, conn,
                                 real(conn, comment(&sending, command), nParams, paramTypes, paramValues,
                                      paramLengths, paramFormats, resultFormat));
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
    if (sending.operation)
        facts_text(&sending.facts, WIRE_DB_STATEMENT_NAME, stmtName);
    int is_sent = libpq_send_end(&sending, conn, real(conn, stmtName, query, nParams, paramTypes));
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
    struct libpq_sending sending;
    if (IS_INTERNAL(PQsendQueryPrepared) ||
        !libpq_send_begin(&sending, WIRE_CALL, conn, &entry_points[ENTRY_PQsendQueryPrepared]))
        return real(conn, stmtName, nParams, paramValues, paramLengths, paramFormats, resultFormat);
    copy_prepared(&sending, stmtName, nParams);
    return libpq_send_end(
        &sending, conn, real(conn, stmtName, nParams, paramValues, paramLengths, paramFormats, resultFormat));
}
