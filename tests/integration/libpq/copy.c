/* copy: the data of COPY between a call and its result; begun by calls that return and by calls that send; left open,
 * failed, ended by PQendcopy, with a text longer than an operation holds. */
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

static PGconn *conn;

static void take(const char *what)
{
    PGresult *result;
    printf("%s:", what);
    while ((result = PQgetResult(conn))) {
        printf(" %s %s", PQresStatus(PQresultStatus(result)), PQcmdTuples(result));
        PQclear(result);
    }
    printf("\n");
}

static ExecStatusType run(const char *text)
{
    PGresult *result = PQexec(conn, text);
    ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    return status;
}

static void put(const char *text, const char *data, const char *error)
{
    run(text);
    PQputCopyData(conn, data, (int)strlen(data));
    PQputCopyEnd(conn, error);
}

static void get(void)
{
    char *line;
    int lines = 0;
    while (PQgetCopyData(conn, &line, 0) > 0) {
        lines++;
        PQfreemem(line);
    }
    printf("%d lines, ", lines);
}

int main(void)
{
    static char many[4096] = "COPY (SELECT n FROM numbers WHERE 'a long text' <> 'another'";
    conn = PQconnectdb("");
    run("CREATE TEMP TABLE numbers (n int)");
    put("COPY numbers FROM STDIN", "1\n2\n3\n", NULL);
    take("in");
    put("copy numbers from stdin", "4\nfour\n", NULL);
    take("not a number");
    put("COPY numbers FROM STDIN", "5\n", "changed my mind");
    take("given up");
    run("COPY numbers TO STDOUT");
    get();
    take("out");
    PQclear(PQexecParams(conn, "COPY numbers TO STDOUT", 0, NULL, NULL, NULL, NULL, 0));
    get();
    take("out, extended");
    PQsendQuery(conn, "COPY numbers TO STDOUT");
    PQclear(PQgetResult(conn));
    get();
    take("out, sent");
    run("BEGIN; COPY numbers TO STDOUT; COMMIT");
    get();
    take("out, among others");
    while (strlen(many) < 1500)
        strcat(many, " AND 'a long text' <> 'another'");
    strcat(many, ") TO STDOUT");
    run(many);
    get();
    take("out, a long text");
    /* Left open: the next call drops what is left. */
    run("COPY numbers TO STDOUT");
    printf("next: %d\n", run("SELECT 1"));
    put("COPY numbers FROM STDIN", "", NULL);
    printf("next: %d\n", run("SELECT 2"));
    /* The calls of twenty years ago. */
    run("COPY numbers FROM STDIN");
    PQputline(conn, "6\n");
    PQputline(conn, "\\.\n");
    printf("end: %d\n", PQendcopy(conn));
    run("COPY numbers FROM STDIN");
    PQputline(conn, "six\n");
    PQputline(conn, "\\.\n");
    freopen("/dev/null", "w", stderr); /* it prints the server's error */
    printf("end: %d\n", PQendcopy(conn));
    printf("after: %d\n", run("SELECT n FROM numbers"));
    run("COPY numbers FROM STDIN");
    PQfinish(conn);
    return 0;
}
