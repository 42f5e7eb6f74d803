/* query: simple and parameterised queries, their rows, and three kinds of failure. Connects by the PG… environment. */
#include <libpq-fe.h>
#include <stdio.h>

static void show(const char *what, PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    printf("%s: %s rows=%d affected=%s sqlstate=%s\n", what, PQresStatus(PQresultStatus(result)),
           PQntuples(result), PQcmdTuples(result), state ? state : "-");
    PQclear(result);
}

int main(void)
{
    PGconn *conn = PQconnectdb("");
    if (PQstatus(conn) != CONNECTION_OK) {
        printf("no connection\n");
        return 1;
    }
    const char *const values[] = {"ada", "42"};
    const char *const bad[] = {"x"};
    show("create", PQexec(conn, "CREATE TEMP TABLE people (name text PRIMARY KEY, age int)"));
    show("insert", PQexec(conn, "INSERT INTO people VALUES ('bob', 7), ('eve', 8)"));
    show("insert with parameters",
         PQexecParams(conn, "INSERT INTO people VALUES ($1, $2)", 2, NULL, values, NULL, NULL, 0));
    show("select", PQexec(conn, "SELECT name FROM people WHERE age > 7 ORDER BY name"));
    show("several", PQexec(conn, "BEGIN; UPDATE people SET age = age + 1; COMMIT"));
    show("no parameters", PQexecParams(conn, "SELECT 1", 0, NULL, NULL, NULL, NULL, 0));
    show("empty", PQexec(conn, ""));
    show("duplicate", PQexec(conn, "INSERT INTO people VALUES ('bob', 9)"));
    show("syntax", PQexec(conn, "SELEC 1"));
    show("bad value", PQexecParams(conn, "SELECT $1::int", 1, NULL, bad, NULL, NULL, 0));
    show("one more", PQexec(conn, "SELECT count(*) FROM people"));
    PQfinish(conn);
    return 0;
}
