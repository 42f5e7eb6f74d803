/* send: asynchronous calls and pipelines. */
#include "world.h"
#include <stdio.h>

void send_done(struct world *w, struct conn *conn, int is_sent, const char *tag)
{
    say(&w->base, "send %s: %d '%s'\n", tag, is_sent,
        is_sent || conn->is_cut ? "" : PQerrorMessage(conn->pg));
    if (!is_sent) {
        expect_span(&w->base, "ERROR", tag);
        return;
    }
    if (!conn_is_pipelined(conn))
        query_pop_all(w, conn, "ANY"); /* were through, but for their NULL */
    query_push(conn, tag, false);
}

void send_one(struct world *w, struct conn *conn)
{
    char text[TAG_BYTES], tag[TAG_BYTES + 10];
    const char *values[] = {one_in(&w->base, 6) ? "x" : "3"};
    uint32_t name = roll(&w->base, N_NAMES);
    conn_give_up(w, conn);
    switch (roll(&w->base, 7)) {
    case 0:
    case 1:
        statement_choose(w, text, sizeof(text));
        send_done(w, conn, PQsendQuery(conn->pg, text), text);
        break;
    case 2:
        statement_choose(w, text, sizeof(text));
        send_done(w, conn, PQsendQueryParams(conn->pg, text, 0, NULL, NULL, NULL, NULL, 0), text);
        break;
    case 3: {
        statement_choose_prepared(w, text);
        snprintf(tag, sizeof(tag), "PREPARE %s", text);
        int is_sent = PQsendPrepare(conn->pg, statement_name(name), text, 0, NULL);
        send_done(w, conn, is_sent, tag);
        if (is_sent && conn_is_pipelined(conn))
            snprintf(conn->texts[name], TAG_BYTES, "%s", text);
        else if (is_sent)
            while (query_may_take(conn)) {
                ExecStatusType status = query_take(w, conn);
                if (status == PGRES_COMMAND_OK)
                    snprintf(conn->texts[name], TAG_BYTES, "%s", text);
            }
        break;
    }
    case 4:
    case 5:
        snprintf(tag, sizeof(tag), "%s", statement_tag(conn, name));
        send_done(w, conn, PQsendQueryPrepared(conn->pg, statement_name(name), 1, values, NULL, NULL, 0),
                  tag);
        break;
    default:
        send_done(w, conn,
                  one_in(&w->base, 2) ? PQsendDescribePrepared(conn->pg, statement_name(name))
                                      : PQsendDescribePortal(conn->pg, "none"),
                  "DESCRIBE");
    }
}

void send_and_take(struct world *w, struct conn *conn)
{
    if (conn->n_queries > MAX_QUERIES - 4)
        return;
    send_one(w, conn);
    if (conn->n_queries && one_in(&w->base, 3))
        say(&w->base, "single row: %d\n", PQsetSingleRowMode(conn->pg));
    if (!conn_is_pipelined(conn))
        query_take_some(w, conn, one_in(&w->base, 3) ? roll(&w->base, 4) : 1000);
}

static void sync_pipeline(struct world *w, struct conn *conn)
{
    int is_synced = PQpipelineSync(conn->pg);
    say(&w->base, "sync %d\n", is_synced);
    if (is_synced)
        query_push(conn, "", true);
}

void send_pipeline(struct world *w, struct conn *conn)
{
    if (!conn_is_pipelined(conn)) {
        int is_on = PQenterPipelineMode(conn->pg);
        say(&w->base, "enter pipeline %d\n", is_on);
        if (!is_on)
            return;
    }
    for (uint32_t i = 1 + roll(&w->base, 8); i && conn->n_queries < MAX_QUERIES - 10; i--) {
        send_one(w, conn);
        if (one_in(&w->base, 4))
            sync_pipeline(w, conn);
    }
    sync_pipeline(w, conn);
    query_take_some(w, conn, one_in(&w->base, 2) ? roll(&w->base, 12) : 10000);
    if (one_in(&w->base, 2)) {
        int is_off = PQexitPipelineMode(conn->pg);
        say(&w->base, "exit pipeline %d '%s'\n", is_off,
            is_off || conn->is_cut ? "" : PQerrorMessage(conn->pg));
        if (is_off)
            query_pop_all(w, conn, "ANY");
    }
}
