/* query: what was sent and not answered to the end, and how its results are taken. */
#include "world.h"
#include <poll.h>
#include <stdio.h>
#include <string.h>

void query_push(struct conn *conn, const char *tag, bool is_sync)
{
    struct query *query = &conn->queries[conn->n_queries++];
    *query = (struct query){.is_sync = is_sync};
    conn->n_syncs += is_sync;
    snprintf(query->tag, sizeof(query->tag), "%s", tag);
}

void query_pop(struct world *w, struct conn *conn, const char *outcome)
{
    const struct query *query = &conn->queries[0];
    if (!query->is_sync)
        expect_span(&w->base, outcome ? outcome : failed_if(query->has_failed), query->tag);
    conn->n_syncs -= query->is_sync;
    memmove(&conn->queries[0], &conn->queries[1], (size_t)--conn->n_queries * sizeof(*query));
}

/* They get no answer any more. */
void query_pop_all(struct world *w, struct conn *conn, const char *outcome)
{
    while (conn->n_queries)
        query_pop(w, conn, conn->queries[0].has_failed && outcome ? "ERROR" : outcome);
}

/* What the oldest query's next result says; of it, whether there was one. */
ExecStatusType query_take(struct world *w, struct conn *conn)
{
    PGresult *result = PQgetResult(conn->pg);
    ExecStatusType status = result ? PQresultStatus(result) : PGRES_EMPTY_QUERY;
    say(&w->base, "take ");
    result_say(w, conn, result);
    result_say_state(w, conn);
    if (!conn->n_queries) {
        PQclear(result);
        return status;
    }
    /* Sending into an aborted pipeline swallows the NULL between two queries. */
    if (result && conn_is_pipelined(conn) && conn->queries[0].is_last && !conn->queries[0].is_sync)
        query_pop(w, conn, NULL);
    if (result && result_is_failure(status))
        conn->queries[0].has_failed = true;
    conn->queries[0].is_last = result && status != PGRES_SINGLE_TUPLE;
    if (!result || status == PGRES_PIPELINE_SYNC)
        query_pop(w, conn, NULL);
    PQclear(result);
    return status;
}

/* Would PQgetResult return? */
bool query_may_take(const struct conn *conn)
{
    return conn->n_queries &&
           (!conn_is_pipelined(conn) || conn->n_syncs || PQstatus(conn->pg) == CONNECTION_BAD);
}

void query_take_some(struct world *w, struct conn *conn, uint32_t n)
{
    for (; n && query_may_take(conn); n--) {
        int n_before = conn->n_queries;
        ExecStatusType status = query_take(w, conn);
        if (n_before == conn->n_queries && result_is_copy(status))
            copy_through(w, conn, status);
        if (PQstatus(conn->pg) == CONNECTION_BAD && conn_is_pipelined(conn) && n_before == conn->n_queries)
            break;
    }
}

/* As an event loop does. */
void query_take_when_ready(struct world *w, struct conn *conn)
{
    while (query_may_take(conn) && conn_is_fine(conn)) {
        while (PQisBusy(conn->pg)) {
            struct pollfd fd = {PQsocket(conn->pg), POLLIN, 0};
            PQflush(conn->pg);
            if (poll(&fd, 1, 10000) != 1 || !PQconsumeInput(conn->pg))
                break;
        }
        query_take_some(w, conn, 1);
        if (one_in(&w->base, 6))
            break;
    }
}
