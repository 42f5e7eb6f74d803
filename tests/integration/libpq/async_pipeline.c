/* async_pipeline: many queries sent before their results are taken; one fails and aborts those behind it. */
#include <libpq-fe.h>
#include <stdio.h>

static PGconn *conn;

static void send_number(const char *text, const char *number)
{
    PQsendQueryParams(conn, text, number ? 1 : 0, NULL, &number, NULL, NULL, 0);
}

/* `n` queries and the sync behind them. */
static void take(int n)
{
    for (int i = 0; i < n; i++) {
        PGresult *result;
        while ((result = PQgetResult(conn))) {
            printf("%d: %s %s\n", i, PQresStatus(PQresultStatus(result)),
                   PQntuples(result) ? PQgetvalue(result, 0, 0) : "-");
            PQclear(result);
        }
    }
    PGresult *result = PQgetResult(conn);
    printf("%s\n", PQresStatus(PQresultStatus(result)));
    PQclear(result);
}

int main(void)
{
    conn = PQconnectdb("");
    PQenterPipelineMode(conn);
    send_number("SELECT 'one'", NULL);
    send_number("SELECT $1::int * 2", "21");
    PQsendPrepare(conn, "three", "SELECT $1::int * 3", 1, NULL);
    PQsendDescribePrepared(conn, "three");
    const char *value = "5";
    PQsendQueryPrepared(conn, "three", 1, &value, NULL, NULL, 0);
    PQpipelineSync(conn);
    take(5);

    send_number("SELECT 'before'", NULL);
    send_number("SELECT 1 / $1::int", "0");
    send_number("SELECT 'aborted'", NULL);
    PQpipelineSync(conn);
    send_number("SELECT 'in the next one'", NULL);
    PQpipelineSync(conn);
    printf("refused: %s", PQexec(conn, "SELECT 'synchronous'") ? "no\n" : PQerrorMessage(conn));
    take(3);
    take(1);

    for (int i = 0; i < 1200; i++) /* more than are followed */
        send_number("SELECT $1::int", "7");
    PQpipelineSync(conn);
    int n_answers = 0;
    for (int i = 0; i < 1200; i++)
        for (PGresult *result; (result = PQgetResult(conn)); PQclear(result))
            n_answers++;
    PQclear(PQgetResult(conn));
    printf("%d answers, left: %d\n", n_answers, PQexitPipelineMode(conn));
    PQclear(PQexec(conn, "SELECT 'after'"));
    PQenterPipelineMode(conn);
    send_number("SELECT 'lost'", NULL);
    PQreset(conn);
    PQclear(PQexec(conn, "SELECT 'after all'"));
    PQfinish(conn);
    return 0;
}
