/*
 * libpq_async: PostgreSQL, queries whose results are taken later: psql, pgbench, drivers with an event loop.
 *
 *   begins   when it is sent: libpq_send.c, libpq_statement.c
 *   ends     PQgetResult returns NULL: results of one query, in pipeline mode of the oldest. Or what is left is
 *            dropped: the next synchronous call, the next query outside pipeline mode, PQexitPipelineMode, PQreset,
 *            PQfinish
 *   copied   rows of the last statement's results (single-row mode has one for each row, chunked mode one
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
static inline struct operation *oldest(struct connection *connection)
{
    return libpq_queue_is_recorded(&libpq_state_of(connection)->queue) ? operation_oldest(connection) : NULL;
}

static void copy_answer(struct operation *operation, const struct libpq_answer *answer)
{
    if (answer->has_rows) { /* in registers */
        struct facts facts = operation_facts(operation);
        facts_int(&facts, WIRE_DB_RETURNED_ROWS, answer->rows);
    }
    if (__builtin_expect(answer->affected[0], 0)) {
        struct facts facts = operation_facts(operation);
        facts_text(&facts, WIRE_DB_AFFECTED_ROWS, answer->affected);
    }
}

static enum wire_outcome outcome_of(const struct libpq_answer *answer)
{
    if (answer->has_failed)
        return WIRE_FAILED;
    return answer->is_answered && !answer->is_copying ? WIRE_OK : WIRE_ABANDONED;
}

static __attribute__((noinline)) void end_otherwise(struct connection *connection,
                                                    struct operation *operation)
{
    const struct libpq_answer *answer = &libpq_state_of(connection)->answer;
    copy_answer(operation, answer);
    operation_close(connection, operation, outcome_of(answer));
}

/* Nearly always. */
static inline bool has_rows_alone(const struct libpq_answer *answer)
{
    return answer->has_rows && answer->is_answered && !answer->is_copying && !answer->has_failed &&
           !answer->affected[0];
}

HOT void libpq_finish_oldest(struct connection *connection)
{
    struct libpq_state *state = libpq_state_of(connection);
    struct operation *operation = oldest(connection);
    if (__builtin_expect(has_rows_alone(&state->answer), 1))
        operation_close_with_rows(connection, operation, state->answer.rows);
    else if (operation)
        end_otherwise(connection, operation);
    libpq_queue_drop(&state->queue);
    if (!state->queue.n)
        state->attention &= ~(uint32_t)LIBPQ_QUEUED;
    memset(&state->answer, 0, sizeof(state->answer));
    state->is_preparing = false;
}

void libpq_finish_queued(struct connection *connection)
{
    while (libpq_state_of(connection)->queue.n)
        libpq_finish_oldest(connection);
}

void libpq_finish_queries(struct connection *connection)
{
    libpq_finish_queued(connection);
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
static inline void begin_result(struct libpq_answer *answer)
{
    answer->is_answered = true;
    answer->is_copying = answer->is_copying_both = false;
    if (__builtin_expect(!answer->is_whole, 1))
        return;
    answer->is_whole = answer->has_rows = false;
    answer->rows = 0;
    answer->affected[0] = 0;
}

static inline void follow_rows(struct libpq_state *state, const PGresult *result)
{
    state->answer.has_rows = true;
    state->answer.rows += state->pq->PQntuples ? state->pq->PQntuples(result) : 0;
}

static __attribute__((noinline)) void follow_other_result(struct connection *connection, const PGconn *conn,
                                                          PGresult *result, ExecStatusType status)
{
    struct libpq_state *state = libpq_state_of(connection);
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
    } else if (status == PGRES_COMMAND_OK) {
        follow_command(state, result);
        state->answer.is_whole = true;
    }
}

static inline void follow_result(struct connection *connection, const PGconn *conn, PGresult *result)
{
    struct libpq_state *state = libpq_state_of(connection);
    ExecStatusType status = libpq_status_of(state->pq, result);
    if (__builtin_expect(status != PGRES_TUPLES_OK, 0)) {
        follow_other_result(connection, conn, result, status);
        return;
    }
    begin_result(&state->answer);
    follow_rows(state, result);
    state->answer.is_whole = true;
}

/*
 * In a pipeline a query has one last result. NULL comes behind it, but not where the pipeline is aborted and the program
 * has sent something in between: then libpq goes on to the next query at once (pqAppendCmdQueueEntry of 14 to 17).
 * True: nothing is left that the result could be of.
 */
static inline bool is_of_nobody(struct connection *connection, const PGconn *conn)
{
    struct libpq_state *state = libpq_state_of(connection);
    bool is_complete = state->answer.has_failed || state->answer.is_whole;
    if (__builtin_expect(!is_complete, 1) || !libpq_is_pipelined(state->pq, conn))
        return false;
    libpq_finish_oldest(connection);
    return !state->queue.n;
}

/* NULL came: the oldest query is over, but where a pipeline has nothing to say yet. */
static inline void follow_end(struct connection *connection, const PGconn *conn)
{
    struct libpq_state *state = libpq_state_of(connection);
    if (__builtin_expect(!state->answer.is_answered, 0)) {
        if (libpq_is_pipelined(state->pq, conn))
            return;
        libpq_follow_failure(connection, conn, NULL); /* there was no memory for a result */
    }
    libpq_finish_oldest(connection);
    libpq_follow_path(connection, conn);
}

EXPORTED HOT PGresult *PQgetResult(PGconn *conn)
{
    CALL_SITE;
    __typeof__(&PQgetResult) real = REAL_OF(PQgetResult, conn);
    if (real_is_often_internal(&entry_points[ENTRY_PQgetResult], call_site))
        return real(conn); /* every synchronous call comes by here, on Debian three times */
    PGresult *result = real(conn);
    struct connection *connection = libpq_find_connection(conn);
    if (!connection || !(libpq_state_of(connection)->attention & LIBPQ_QUEUED) || !lifecycle_is_active())
        return result;
    if (!result)
        follow_end(connection, conn);
    else if (!is_of_nobody(connection, conn))
        follow_result(connection, conn, result);
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
        libpq_finish_queued(connection);
    return has_left;
}
