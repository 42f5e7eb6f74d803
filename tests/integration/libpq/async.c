/* async: queries that are sent, and their results taken one by one; what is left of them when something else comes. */
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

static PGconn *conn;

/* All results of what was sent. */
static void take(const char *what)
{
    PGresult *result;
    printf("%s:", what);
    while ((result = PQgetResult(conn))) {
        const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        ExecStatusType status = PQresultStatus(result);
        printf(" %s %d%s%s", PQresStatus(status), PQntuples(result), state ? " " : "", state ? state : "");
        if (status == PGRES_COPY_IN) {
            PQputCopyData(conn, "1\n2\n3\n", 6);
            PQputCopyEnd(conn, NULL);
        }
        char *line;
        while (status == PGRES_COPY_OUT && PQgetCopyData(conn, &line, 0) > 0)
            PQfreemem(line);
        PQclear(result);
    }
    printf("\n");
}

static void query(const char *text)
{
    PQsendQuery(conn, text);
    take(strlen(text) < 80 ? text : "long");
}

static void prepare(const char *name, const char *text)
{
    PQsendPrepare(conn, name, text, 0, NULL);
    take(name);
}

static void execute(const char *name, const char *value)
{
    PQsendQueryPrepared(conn, name, value ? 1 : 0, &value, NULL, NULL, 0);
    take(name);
}

static void ask_at_length(size_t bytes)
{
    static char text[8192];
    strcpy(text, "SELECT 1 WHERE");
    while (strlen(text) < bytes)
        strcat(text, " 'long' <> '' AND");
    strcat(text, " true");
    query(text);
}

int main(void)
{
    const char *const values[] = {"2"};
    conn = PQconnectdb("");
    query("CREATE TEMP TABLE numbers (n int PRIMARY KEY)");
    query("COPY numbers FROM STDIN");
    query("COPY numbers TO STDOUT");
    query("SELECT n FROM numbers");
    query("INSERT INTO numbers VALUES (4); SELECT n FROM numbers WHERE n > 1; SELECT 1");
    query("SELECT 1; SELECT 1 / 0; SELECT 2");
    query("");
    PQsendQuery(conn, "SELECT n FROM numbers");
    PQsetSingleRowMode(conn);
    take("single rows");
    PQsendQueryParams(conn, "SELECT n FROM numbers WHERE n > $1", 1, NULL, values, NULL, NULL, 0);
    take("parameters");
    ask_at_length(1500);
    ask_at_length(3000);

    prepare("double", "SELECT $1::int * 2");
    execute("double", "21");
    execute("double", "x");
    prepare("double", "SELECT 'never'");
    execute("double", "4");
    PQsendDescribePrepared(conn, "double");
    take("describe");
    prepare("", "SELECT 'unnamed'");
    execute("", NULL);
    prepare("broken", "SELECT FROM WHERE");
    execute("broken", NULL);
    query("DEALLOCATE ALL");
    execute("double", "5");

    /* Refused while another is in progress, which goes on. */
    PQsendQuery(conn, "SELECT 'first'");
    printf("second sent: %d\n", PQsendQuery(conn, "SELECT 'second'"));
    take("first");
    /* Dropped: by a synchronous call, answered or not, and by the end. */
    PQsendQuery(conn, "SELECT 'dropped'");
    PQclear(PQexec(conn, "SELECT 'synchronous'"));
    PQsendQuery(conn, "SELECT 'half taken'");
    PQclear(PQgetResult(conn));
    PQclear(PQexec(conn, "SELECT 'synchronous again'"));
    PQsendQuery(conn, "SELECT 'finished'");
    PQfinish(conn);
    printf("nothing: %d\n", PQsendQuery(NULL, "SELECT 'nothing'"));
    return 0;
}
