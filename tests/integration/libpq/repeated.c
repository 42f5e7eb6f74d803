/*
 * repeated: one place in memory, the same statement in it several times, then others: each span has the text that was
 * there. In between another connection, a prepared statement with the same text, a call inside a call, a literal.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

static char text[4096];
static PGconn *inner;

static void run(PGconn *conn, const char *statement, int n)
{
    strcpy(text, statement);
    for (int i = 0; i < n; i++) {
        PGresult *result = PQexec(conn, text);
        printf("%s: %d\n", PQfname(result, 0), PQntuples(result));
        PQclear(result);
    }
}

/* That cannot change: its address tells. */
static void run_literal(PGconn *conn, int n)
{
    for (int i = 0; i < n; i++)
        PQclear(PQexec(conn, i == 3 ? "SELECT 2 AS other" : "SELECT 1 AS literal"));
}

static void send(PGconn *conn, const char *statement, int n)
{
    strcpy(text, statement);
    for (int i = 0; i < n; i++) {
        PGresult *result;
        PQsendQuery(conn, text);
        while ((result = PQgetResult(conn)) != NULL)
            PQclear(result);
    }
}

static void run_inside(void *unused, const PGresult *notice)
{
    (void)unused;
    (void)notice;
    PQclear(PQexec(inner, text));
}

int main(void)
{
    PGconn *conn = PQconnectdb("");
    inner = PQconnectdb("dbname=postgres");
    run(conn, "SELECT 1 AS apple", 4);
    run(conn, "SELECT 1 AS grape", 3);     /* as long */
    run(conn, "SELECT 1 AS app", 3);       /* the beginning */
    run(conn, "SELECT 1 AS apple_pie", 3); /* more */
    run(inner, "SELECT 1 AS apple_pie", 3);
    run(conn, "SELECT 1 AS apple_pie", 1);
    PQclear(PQprepare(conn, "p", text, 0, NULL));
    for (int i = 0; i < 2; i++)
        PQclear(PQexecPrepared(conn, "p", 0, NULL, NULL, NULL, 0));
    run(conn, "SELECT 1 AS apple_pie", 2);
    PQclear(PQexecParams(conn, text, 0, NULL, NULL, NULL, NULL, 0));
    send(conn, "SELECT 1 AS peach", 3);
    send(conn, "SELECT 1 AS lemon", 3);
    send(inner, "SELECT 1 AS lemon", 2);
    send(inner, "SELECT 1 AS lemonade", 2);
    send(conn, "SELECT 1 AS lem", 3);
    run_literal(conn, 4);
    run_literal(inner, 3);
    run_literal(conn, 2);
    PQsetNoticeReceiver(conn, run_inside, NULL);
    for (int i = 0; i < 3; i++) {
        strcpy(text, "DO $$ BEGIN RAISE NOTICE 'now'; END $$");
        PQclear(PQexec(conn, text));
    }
    run_literal(conn, 3);
    PQfinish(inner);
    PQfinish(conn);
    return 0;
}
