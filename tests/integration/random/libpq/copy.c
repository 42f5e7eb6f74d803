/* copy: COPY in and out, to the end or left open. */
#include "world.h"
#include <stdio.h>

static void copy_in(struct world *w, struct conn *conn)
{
    for (uint32_t i = roll(&w->base, 5); i; i--)
        say(&w->base, "put %d\n",
            PQputCopyData(conn->pg, one_in(&w->base, 9) ? "bad\n" : "17\n", one_in(&w->base, 9) ? 4 : 3));
    if (one_in(&w->base, 6))
        return; /* left open */
    say(&w->base, "end %d\n", PQputCopyEnd(conn->pg, one_in(&w->base, 3) ? "no more" : NULL));
}

static void copy_out(struct world *w, struct conn *conn)
{
    char *row;
    uint32_t n = one_in(&w->base, 3) ? roll(&w->base, 4) : 1000;
    int bytes = 0;
    while (n-- && (bytes = PQgetCopyData(conn->pg, &row, 0)) > 0)
        PQfreemem(row);
    say(&w->base, "copied out: %d\n", bytes);
}

/* The data; the results of the command are taken later, or never. */
void copy_through(struct world *w, struct conn *conn, ExecStatusType status)
{
    status == PGRES_COPY_IN ? copy_in(w, conn) : copy_out(w, conn);
}

static void choose_copy(struct world *w, char *text, size_t bytes)
{
    int n = ++w->base.n_serial;
    if (one_in(&w->base, 2))
        snprintf(text, bytes, "COPY t FROM STDIN");
    else
        snprintf(text, bytes, "COPY (SELECT generate_series(1,%d)) TO STDOUT", n);
}

void copy_exec(struct world *w, struct conn *conn)
{
    char text[TAG_BYTES];
    choose_copy(w, text, sizeof(text));
    call_before(w, conn);
    call_after(w, conn, PQexec(conn->pg, text), text);
}

void copy_old(struct world *w, struct conn *conn)
{
    static const char text[] = "COPY t FROM STDIN";
    if (conn_is_pipelined(conn))
        return;
    call_before(w, conn);
    PGresult *result = PQexec(conn->pg, text);
    say(&w->base, "old copy: ");
    result_say(w, conn, result);
    bool is_begun = PQresultStatus(result) == PGRES_COPY_IN;
    PQclear(result);
    int has_failed = 1;
    if (is_begun) {
        PQputline(conn->pg, one_in(&w->base, 3) ? "bad\n" : "18\n");
        PQputline(conn->pg, "\\.\n");
        has_failed = PQendcopy(conn->pg);
    }
    say(&w->base, " ended %d\n", has_failed);
    expect_span(&w->base, failed_if(has_failed), text);
}

void copy_send(struct world *w, struct conn *conn)
{
    char text[TAG_BYTES];
    if (conn_is_pipelined(conn))
        return;
    choose_copy(w, text, sizeof(text));
    conn_give_up(w, conn);
    send_done(w, conn, PQsendQuery(conn->pg, text), text);
    query_take_some(w, conn, one_in(&w->base, 3) ? 1 : 1000);
}
