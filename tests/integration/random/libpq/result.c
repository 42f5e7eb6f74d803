/* result: what a result says. */
#include "world.h"

bool result_is_failure(ExecStatusType status)
{
    return status == PGRES_BAD_RESPONSE || status == PGRES_FATAL_ERROR || status == PGRES_NONFATAL_ERROR ||
           status == PGRES_PIPELINE_ABORTED;
}

bool result_is_copy(ExecStatusType status)
{
    return status == PGRES_COPY_IN || status == PGRES_COPY_OUT;
}

static const char *field(const PGresult *result, int code)
{
    const char *text = PQresultErrorField(result, code);
    return text ? text : "-";
}

void result_say(struct world *w, const struct conn *conn, const PGresult *result)
{
    struct base *base = &w->base;
    if (!result) {
        say(base, "no result");
        return;
    }
    ExecStatusType status = PQresultStatus(result);
    say(base, "%s", PQresStatus(status));
    if (result_is_failure(status))
        say(base, " %s '%s'", field(result, PG_DIAG_SQLSTATE), field(result, PG_DIAG_MESSAGE_PRIMARY));
    if (result_is_failure(status) && !conn->is_cut)
        say(base, " '%s' '%s'", PQresultErrorMessage(result), PQerrorMessage(conn->pg));
    say(base, " %dx%d '%s' %d", PQntuples(result), PQnfields(result),
        PQcmdStatus((PGresult *)(uintptr_t)result), PQnparams(result));
    if (PQntuples(result) && PQnfields(result))
        say(base, " '%s'", PQgetvalue(result, PQntuples(result) - 1, 0));
}

void result_say_state(struct world *w, const struct conn *conn)
{
    say(&w->base, " [%d %d %d]\n", conn->is_cut ? -1 : (int)PQstatus(conn->pg),
        conn->is_cut ? -1 : (int)PQtransactionStatus(conn->pg), (int)PQpipelineStatus(conn->pg));
}
