/*
 * libpq_copy: PostgreSQL, COPY: the data go to and fro between a call's return and the command's own result.
 *
 *   begins   PQexec, PQexecParams, PQexecPrepared, PQsendQuery … (libpq.c, libpq_send.c), whose result says COPY
 *   ends     PQgetResult returns NULL (libpq_async.c), or PQendcopy, which takes the results itself. A copy whose end
 *            was not seen is abandoned by the next call
 *   copied   as libpq.c; rows copied, where the server says so. Of a PQendcopy that failed only that it did: libpq
 *            drops the result, and its message may quote data
 *   not read PQputCopyData, PQgetCopyData, PQputCopyEnd, PQputline, PQgetline …: one call per row
 */
#include "instrument/libpq_priv.h"

#include "operation_adopt.h"

bool libpq_copy_begin(struct span *span, struct connection *connection, ExecStatusType status,
                      const char *text, const char *name)
{
    struct libpq_state *state = libpq_state_of(connection);
    struct libpq_prepared prepared;
    struct facts facts;
    struct operation *operation = operation_adopt(span, connection, &facts);
    if (!operation)
        return false;
    if (text)
        libpq_send_statement(state, operation, text);
    else if (libpq_prepared_find(state->prepared, name, &prepared))
        operation_statement(operation, prepared.mark, prepared.text, prepared.bytes);
    libpq_enqueue(state, true);
    state->answer = (struct libpq_answer){
        .is_answered = true, .is_copying = true, .is_copying_both = status == PGRES_COPY_BOTH};
    return true;
}

/* Without blocking, PQendcopy may have to be called again; nobody can tell that from a failure. */
static bool is_to_be_continued(const struct libpq_state *state, const PGconn *conn, int has_failed)
{
    return has_failed && state->pq->PQisnonblocking && state->pq->PQisnonblocking(conn);
}

EXPORTED int PQendcopy(PGconn *conn)
{
    CALL_SITE;
    __typeof__(&PQendcopy) real = REAL_OF(PQendcopy, conn);
    int has_failed = real(conn);
    struct connection *connection = libpq_find_connection(conn);
    if (!connection || !lifecycle_is_active() || IS_INTERNAL(PQendcopy))
        return has_failed;
    struct libpq_state *state = libpq_state_of(connection);
    if (!state->answer.is_copying || is_to_be_continued(state, conn, has_failed))
        return has_failed;
    state->answer.is_copying = false;
    if (has_failed)
        libpq_follow_silent_failure(connection, conn);
    libpq_finish_oldest(connection);
    return has_failed;
}
