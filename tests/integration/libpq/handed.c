/* handed: one connection, handed from thread to thread: a query is sent by one, its results are taken by the next, in
 * pipeline mode by a third. */
#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>

static PGconn *conn;

static void *open_connection(void *argument)
{
    conn = PQconnectdb("");
    PQclear(PQprepare(conn, "p", "SELECT $1::int", 1, NULL));
    return argument;
}

static void *send_queries(void *argument)
{
    const char *value = "7";
    PQenterPipelineMode(conn);
    for (int i = 0; i < 3; i++)
        PQsendQueryPrepared(conn, "p", 1, &value, NULL, NULL, 0);
    PQpipelineSync(conn);
    return argument;
}

static void *take_results(void *argument)
{
    int n = 0;
    for (int i = 0; i < 3; i++)
        for (PGresult *result; (result = PQgetResult(conn)); PQclear(result))
            n++;
    PQclear(PQgetResult(conn));
    printf("%d results, left: %d\n", n, PQexitPipelineMode(conn));
    return argument;
}

static void *send_one(void *argument)
{
    PQsendQuery(conn, "SELECT 'sent and left'");
    return argument;
}

static void *finish(void *argument)
{
    PQfinish(conn);
    return argument;
}

int main(void)
{
    void *(*const steps[])(void *) = {open_connection, send_queries, take_results, send_one, finish};
    for (int round = 0; round < 5; round++)
        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
            pthread_t thread;
            pthread_create(&thread, NULL, steps[i], NULL);
            pthread_join(thread, NULL);
        }
    return 0;
}
