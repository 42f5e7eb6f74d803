/* comment: OTELSHIM_SQL_COMMENT. A statement that asks the server for its own text has a row where the comment is there
 * as it should be, and none where it is not: rows are in the spans, and the output is the same without the shim. What
 * is looked for must not look like a comment itself. */
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#define SEEN "SELECT 'seen' WHERE current_query() LIKE "
#define WANTED "'% /' || '*traceparent=_00-0af7651916cd43dd8448eb211c80319c-________________-01_*/'"
#define UNWANTED "'%trace' || 'parent%'"

static PGconn *conn;

static void take(void)
{
    for (PGresult *result; (result = PQgetResult(conn)); PQclear(result))
        if (PQresultStatus(result) == PGRES_FATAL_ERROR)
            printf("%s", PQresultErrorMessage(result));
}

/* In each of the ways in which a text can be sent. */
static void ask(const char *text)
{
    PQclear(PQexec(conn, text));
    PQclear(PQexecParams(conn, text, 0, NULL, NULL, NULL, NULL, 0));
    PQsendQuery(conn, text);
    take();
    PQsendQueryParams(conn, text, 0, NULL, NULL, NULL, NULL, 0);
    take();
    PQenterPipelineMode(conn);
    PQsendQueryParams(conn, text, 0, NULL, NULL, NULL, NULL, 0);
    PQpipelineSync(conn);
    take();
    PQclear(PQgetResult(conn));
    PQexitPipelineMode(conn);
}

int main(void)
{
    static char longer[20000] = SEEN WANTED;
    conn = PQconnectdb("");
    ask(SEEN WANTED);
    ask(SEEN UNWANTED " /* has one */");
    ask(SEEN UNWANTED " -- has one");
    PQclear(PQprepare(conn, "p", SEEN UNWANTED, 0, NULL));
    PQclear(PQexecPrepared(conn, "p", 0, NULL, NULL, NULL, 0));
    PQsendPrepare(conn, "q", SEEN UNWANTED, 0, NULL);
    take();
    PQsendQueryPrepared(conn, "q", 0, NULL, NULL, NULL, 0);
    take();
    ask("SELECT 1; SELECT 2;");
    ask("");
    memset(longer + strlen(longer), ' ', 16000 - strlen(longer));
    PQclear(PQexec(conn, longer));
    memset(longer + strlen(longer), ' ', 17000 - strlen(longer)); /* too long with it */
    PQclear(PQexec(conn, longer));
    PGresult *result = PQexec(conn, "SELECT x FROM nowhere");
    printf("at %s\n", PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION));
    PQclear(result);
    PQfinish(conn);

    conn = PQconnectdb("replication=database"); /* this grammar knows no comments */
    result = PQexec(conn, "IDENTIFY_SYSTEM");
    printf("%s\n", PQresStatus(PQresultStatus(result)));
    PQclear(result);
    PQfinish(conn);
    return 0;
}
