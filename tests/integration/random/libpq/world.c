/* Random calls of libpq: libpq SEED [STEPS]. See ../random.h and world.h. */
#include "world.h"
#include <poll.h>
#include <signal.h>
#include <stdio.h>

const size_t world_bytes = sizeof(struct world);

static void notify(struct world *w, struct conn *conn)
{
    char text[TAG_BYTES];
    if (conn->n_queries || conn_is_pipelined(conn) || conn->is_connecting ||
        PQtransactionStatus(conn->pg) != PQTRANS_IDLE)
        return;
    snprintf(text, sizeof(text), "LISTEN w%d", w->base.number);
    call_after(w, conn, PQexec(conn->pg, text), text);
    snprintf(text, sizeof(text), "NOTIFY w%d, 'message %d'", w->base.number, ++w->base.n_serial);
    call_after(w, conn, PQexec(conn->pg, text), text);
    PQconsumeInput(conn->pg);
    PGnotify *note = PQnotifies(conn->pg);
    say(&w->base, "notified %s '%s'\n", note ? note->relname : "-", note ? note->extra : "-");
    PQfreemem(note);
    call_after(w, conn, PQexec(conn->pg, "UNLISTEN *"), "UNLISTEN *");
}

static void cancel(struct world *w, struct conn *conn)
{
    char text[TAG_BYTES], why[256];
    if (conn->n_queries || conn_is_pipelined(conn) || conn->is_connecting ||
        PQtransactionStatus(conn->pg) != PQTRANS_IDLE)
        return;
    snprintf(text, sizeof(text), "SELECT pg_sleep(20), %d", ++w->base.n_serial);
    send_done(w, conn, PQsendQuery(conn->pg, text), text);
    PGcancel *canceller = PQgetCancel(conn->pg);
    struct pollfd fd = {PQsocket(conn->pg), POLLIN, 0};
    int is_asked = canceller != NULL;
    while (is_asked && poll(&fd, 1, 10) == 0) /* it may not have begun yet */
        is_asked = PQcancel(canceller, why, sizeof(why));
    PQfreeCancel(canceller);
    say(&w->base, "cancelled %d\n", is_asked);
    query_take_some(w, conn, 100);
}

static void terminate(struct world *w, struct conn *conn)
{
    static const char text[] = "SELECT pg_terminate_backend(pg_backend_pid())";
    if (conn_is_pipelined(conn))
        return;
    call_before(w, conn);
    conn->is_cut = true;
    PGresult *result = PQexec(conn->pg, text);
    say(&w->base, "terminated: %d\n", result_is_failure(PQresultStatus(result)));
    expect_span(&w->base, failed_if(result_is_failure(PQresultStatus(result))), text);
    PQclear(result);
}

/* ---- the world ---- */

static void on_failed(struct world *w, struct conn *conn)
{
    switch (roll(&w->base, 5)) {
    case 0:
        call_exec(w, conn);
        break;
    case 1:
        send_one(w, conn);
        break;
    case 2:
        conn_finish(w, conn);
        break;
    default:
        conn_reset(w, conn);
    }
}

static void on_connecting(struct world *w, struct conn *conn)
{
    switch (roll(&w->base, 4)) {
    case 0:
        conn_finish(w, conn);
        break;
    case 1:
        conn_reset(w, conn);
        break;
    default:
        conn_poll(w, conn);
    }
}

static void (*const actions[])(struct world *w, struct conn *conn) = {
    call_exec,     call_exec,     call_exec,     call_parameter,  call_prepare,  call_prepare,
    call_prepared, call_prepared, call_describe, call_deallocate, call_function, object_use,
    copy_exec,     copy_exec,     copy_old,      copy_send,       send_and_take, send_and_take,
    send_pipeline, send_pipeline, send_pipeline, send_and_take,   send_and_take, query_take_when_ready,
    notify,        conn_finish,   conn_reset,    cancel,          terminate};

void world_step(struct world *w)
{
    struct conn *conn = &w->conns[roll(&w->base, N_CONNS)];
    if (one_in(&w->base, 40))
        fork_child(&w->base);
    else if (!conn->pg)
        one_in(&w->base, 3) ? conn_start(w, conn) : conn_connect(w, conn);
    else if (conn->is_connecting)
        on_connecting(w, conn);
    else if (!conn_is_fine(conn))
        on_failed(w, conn);
    else
        actions[roll(&w->base, sizeof(actions) / sizeof(actions[0]))](w, conn);
}

void world_end(struct world *w, bool is_tidy)
{
    for (int i = 0; i < N_CONNS; i++) {
        struct conn *conn = &w->conns[i];
        if (!conn->pg)
            continue;
        if (is_tidy) {
            conn_finish(w, conn);
            continue;
        }
        if (conn->is_connecting)
            expect_span(&w->base, "OPEN", "postgresql connect");
        while (conn->n_queries)
            query_pop(w, conn, "OPEN");
    }
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    return random_main(argc, argv);
}
