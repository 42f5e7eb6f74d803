/*
 * aborted: a program that sends on while a pipeline is aborted: libpq then leaves out the NULL behind the result that was
 * taken last, and the next result is the next query's.
 */
#include <libpq-fe.h>
#include <stdio.h>

static void send(PGconn *conn, const char *query)
{
    if (!PQsendQueryParams(conn, query, 0, NULL, NULL, NULL, NULL, 0))
        fputs(PQerrorMessage(conn), stdout);
}

static void take(PGconn *conn, int n)
{
    for (; n; n--) {
        PGresult *result = PQgetResult(conn);
        printf("%s\n", result ? PQresStatus(PQresultStatus(result)) : "NULL");
        PQclear(result);
    }
}

int main(void)
{
    PGconn *conn = PQconnectdb("");
    PQenterPipelineMode(conn);
    send(conn, "SELECT 1 / 0");
    send(conn, "SELECT 'aborted'");
    PQpipelineSync(conn);
    take(conn, 1);
    send(conn, "SELECT 'after'"); /* takes the first one's NULL along */
    PQpipelineSync(conn);
    take(conn, 1);
    send(conn, "SELECT 'last' || 1"); /* and the second one's */
    PQpipelineSync(conn);
    take(conn, 7);
    printf("%d\n", PQexitPipelineMode(conn));
    PQfinish(conn);
    return 0;
}
