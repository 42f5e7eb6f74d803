/* call: synchronous calls. */
#include "world.h"
#include <stdio.h>
#include <string.h>

/* A synchronous call drops what is left of earlier queries, but in pipeline mode, where it is refused. */
void call_before(struct world *w, struct conn *conn)
{
    conn_give_up(w, conn);
    if (!conn_is_pipelined(conn))
        query_pop_all(w, conn, "ANY");
}

void call_after(struct world *w, struct conn *conn, PGresult *result, const char *tag)
{
    ExecStatusType status = PQresultStatus(result);
    bool goes_on = result && result_is_copy(status);
    say(&w->base, "%s: ", tag);
    result_say(w, conn, result);
    result_say_state(w, conn);
    PQclear(result);
    if (goes_on) {
        query_push(conn, tag, false);
        if (!one_in(&w->base, 4))
            copy_through(w, conn, status);
    } else {
        expect_span(&w->base, failed_if(!result || result_is_failure(status)), tag);
    }
}

void call_exec(struct world *w, struct conn *conn)
{
    char text[TAG_BYTES];
    statement_choose(w, text, sizeof(text));
    call_before(w, conn);
    call_after(w, conn,
               one_in(&w->base, 3) ? PQexecParams(conn->pg, text, 0, NULL, NULL, NULL, NULL, 0)
                                   : PQexec(conn->pg, text),
               text);
}

void call_parameter(struct world *w, struct conn *conn)
{
    char text[TAG_BYTES], value[16];
    const char *values[] = {value};
    snprintf(value, sizeof(value), "%s%u", one_in(&w->base, 4) ? "x" : "", roll(&w->base, 9));
    snprintf(text, sizeof(text), "SELECT $1::int + %d", ++w->base.n_serial);
    call_before(w, conn);
    call_after(w, conn, PQexecParams(conn->pg, text, 1, NULL, values, NULL, NULL, 0), text);
}

void call_prepare(struct world *w, struct conn *conn)
{
    uint32_t i = roll(&w->base, N_NAMES);
    char text[TAG_BYTES], tag[TAG_BYTES + 10];
    statement_choose_prepared(w, text);
    snprintf(tag, sizeof(tag), "PREPARE %s", text);
    call_before(w, conn);
    PGresult *result = PQprepare(conn->pg, statement_name(i), text, 0, NULL);
    if (PQresultStatus(result) == PGRES_COMMAND_OK)
        snprintf(conn->texts[i], TAG_BYTES, "%s", text);
    call_after(w, conn, result, tag);
}

void call_prepared(struct world *w, struct conn *conn)
{
    uint32_t i = roll(&w->base, N_NAMES);
    const char *values[] = {one_in(&w->base, 4) ? "x" : "7"};
    call_before(w, conn);
    call_after(w, conn, PQexecPrepared(conn->pg, statement_name(i), 1, values, NULL, NULL, 0),
               statement_tag(conn, i));
}

void call_describe(struct world *w, struct conn *conn)
{
    call_before(w, conn);
    PGresult *result = one_in(&w->base, 3)
                           ? PQdescribePortal(conn->pg, "no_portal")
                           : PQdescribePrepared(conn->pg, statement_name(roll(&w->base, N_NAMES)));
    call_after(w, conn, result, "DESCRIBE");
}

void call_deallocate(struct world *w, struct conn *conn)
{
    const char *text = one_in(&w->base, 2) ? "DEALLOCATE ALL" : "DISCARD ALL";
    if (conn_is_pipelined(conn))
        return;
    call_before(w, conn);
    PGresult *result = PQexec(conn->pg, text);
    conn_forget_names(conn);
    call_after(w, conn, result, text);
    if (conn_is_fine(conn) && PQtransactionStatus(conn->pg) == PQTRANS_IDLE && !strcmp(text, "DISCARD ALL"))
        conn_greet(w, conn); /* it took the table along */
}

void call_function(struct world *w, struct conn *conn)
{
    int sum = 0, bytes = 0;
    PQArgBlock args[2] = {{.len = 4, .isint = 1, .u = {.integer = 20}},
                          {.len = 4, .isint = 1, .u = {.integer = 22}}};
    if (conn->n_queries || conn->is_connecting)
        return;
    PGresult *result = PQfn(conn->pg, 177, &sum, &bytes, 1, args, 1 + (int)roll(&w->base, 2));
    say(&w->base, "sum %d ", sum);
    call_after(w, conn, result, "FUNCTION CALL");
}
