/* conn: connections that are made, at once or step by step, reset and ended. */
#include "world.h"
#include <poll.h>
#include <string.h>

bool conn_is_pipelined(const struct conn *conn)
{
    return PQpipelineStatus(conn->pg) != PQ_PIPELINE_OFF;
}

static void told(void *context, const PGresult *result)
{
    struct world *w = context;
    say(&w->base, "notice '%s'\n", PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
}

/* Names are lost with the session. */
void conn_forget_names(struct conn *conn)
{
    memset(conn->texts, 0, sizeof(conn->texts));
}

void conn_greet(struct world *w, struct conn *conn)
{
    static const char text[] = "CREATE TEMP TABLE t (n int)";
    PQsetNoticeReceiver(conn->pg, told, w);
    PGresult *result = PQexec(conn->pg, text);
    expect_span(&w->base, failed_if(result_is_failure(PQresultStatus(result))), text);
    PQclear(result);
}

static const char *conninfo(uint32_t way)
{
    return way == 0 ? "port=9" : way == 1 ? "no_such_option=1" : way == 2 ? "dbname=nowhere" : "";
}

bool conn_is_fine(const struct conn *conn)
{
    return conn->pg && PQstatus(conn->pg) == CONNECTION_OK;
}

static void begin_life(struct world *w, struct conn *conn, PGconn *pg, const char *how)
{
    *conn = (struct conn){.pg = pg};
    say(&w->base, "%s: %d '%s'\n", how, (int)PQstatus(pg), pg ? PQerrorMessage(pg) : "");
    if (conn_is_fine(conn))
        conn_greet(w, conn);
}

void conn_connect(struct world *w, struct conn *conn)
{
    uint32_t way = roll(&w->base, 12);
    const char *const keywords[] = {"dbname", "application_name", NULL};
    const char *const values[] = {"trader", "random", NULL};
    PGconn *pg = way < 6   ? PQconnectdb(conninfo(way))
                 : way < 9 ? PQconnectdbParams(keywords, values, 0)
                           : PQsetdbLogin(NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    expect_span(&w->base, failed_if(PQstatus(pg) != CONNECTION_OK), "postgresql connect");
    begin_life(w, conn, pg, "connected");
}

static PostgresPollingStatusType wait_for(PGconn *pg, PostgresPollingStatusType status)
{
    struct pollfd fd = {PQsocket(pg), status == PGRES_POLLING_READING ? POLLIN : POLLOUT, 0};
    if (status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED)
        poll(&fd, 1, 10000);
    return status;
}

/* To the end, or given up: after a step or two, the same number each time. */
void conn_poll(struct world *w, struct conn *conn)
{
    bool is_left = one_in(&w->base, 5);
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    for (int i = 0; status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED; i++) {
        if (is_left && i == 1) {
            say(&w->base, "still connecting\n");
            return;
        }
        wait_for(conn->pg, status);
        status = conn->is_resetting ? PQresetPoll(conn->pg) : PQconnectPoll(conn->pg);
    }
    conn->is_connecting = false;
    expect_span(&w->base, failed_if(status == PGRES_POLLING_FAILED), "postgresql connect");
    say(&w->base, "polled: %d '%s'\n", status, PQerrorMessage(conn->pg));
    if (conn_is_fine(conn))
        conn_greet(w, conn);
}

void conn_start(struct world *w, struct conn *conn)
{
    uint32_t way = roll(&w->base, 8);
    const char *const keywords[] = {"dbname", NULL};
    const char *const values[] = {"trader", NULL};
    PGconn *pg = way < 5 ? PQconnectStart(conninfo(way)) : PQconnectStartParams(keywords, values, 0);
    *conn = (struct conn){.pg = pg};
    say(&w->base, "started: %d\n", PQstatus(pg) == CONNECTION_BAD);
    conn->is_connecting = PQstatus(pg) != CONNECTION_BAD;
    if (!conn->is_connecting)
        expect_span(&w->base, "ERROR", "postgresql connect");
    else
        conn_poll(w, conn);
}

void conn_give_up(struct world *w, struct conn *conn)
{
    if (conn->is_connecting)
        expect_span(&w->base, "ANY", "postgresql connect");
    conn->is_connecting = false;
}

void conn_finish(struct world *w, struct conn *conn)
{
    say(&w->base, "finish\n");
    conn_give_up(w, conn);
    query_pop_all(w, conn, "ANY");
    PQfinish(conn->pg);
    *conn = (struct conn){0};
}

void conn_reset(struct world *w, struct conn *conn)
{
    conn_give_up(w, conn);
    query_pop_all(w, conn, "ANY");
    conn_forget_names(conn);
    conn->is_cut = false;
    conn->n_syncs = 0;
    if (one_in(&w->base, 2)) {
        conn->is_resetting = true;
        int is_started = PQresetStart(conn->pg);
        say(&w->base, "reset started: %d\n", is_started);
        conn->is_connecting = is_started;
        if (is_started)
            conn_poll(w, conn);
        else
            expect_span(&w->base, "ERROR", "postgresql connect");
        return;
    }
    PQreset(conn->pg);
    say(&w->base, "reset: %d '%s'\n", PQstatus(conn->pg), PQerrorMessage(conn->pg));
    expect_span(&w->base, failed_if(!conn_is_fine(conn)), "postgresql connect");
    if (conn_is_fine(conn))
        conn_greet(w, conn);
}
