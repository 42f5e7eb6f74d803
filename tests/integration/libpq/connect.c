/* connect: the three ways to connect, a refused attempt, a lost connection and PQreset. */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

static void show(const char *what, const PGconn *conn)
{
    printf("%s: %s\n", what, PQstatus(conn) == CONNECTION_OK ? "ok" : "failed");
}

int main(void)
{
    const char *const keywords[] = {"host", "application_name", NULL};
    const char *const values[] = {getenv("PGHOST"), "connect", NULL};
    PGconn *conn = PQconnectdb("application_name=connect");
    show("PQconnectdb", conn);
    PQfinish(conn);

    conn = PQsetdbLogin(NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    show("PQsetdbLogin", conn);
    PQfinish(conn);

    conn = PQconnectdb("host=127.0.0.1 port=1 dbname=nowhere user=nobody");
    show("refused", conn);
    PGresult *result = PQexec(conn, "SELECT 1");
    printf("query without connection: %s\n", PQresStatus(PQresultStatus(result)));
    PQclear(result);
    PQfinish(conn);

    conn = PQconnectdbParams(keywords, values, 0);
    show("PQconnectdbParams", conn);
    PQclear(PQprepare(conn, "one", "SELECT 1", 0, NULL));
    result = PQexec(conn, "SELECT pg_terminate_backend(pg_backend_pid())");
    printf("terminated: %s\n", PQresStatus(PQresultStatus(result)));
    PQclear(result);
    show("after", conn);
    PQreset(conn);
    show("PQreset", conn);
    result = PQexecPrepared(conn, "one", 0, NULL, NULL, NULL, 0);
    printf("statement of the old session: %s\n", PQresultErrorField(result, PG_DIAG_SQLSTATE));
    PQclear(result);
    PQfinish(conn);
    PQfinish(NULL);
    return 0;
}
