/* prepared: statements known by name only when they are executed; the unnamed one; DEALLOCATE and DISCARD. */
#include <libpq-fe.h>
#include <stdio.h>

static PGconn *conn;

static void show(const char *what, PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    printf("%s: %s %s sqlstate=%s\n", what, PQresStatus(PQresultStatus(result)),
           PQntuples(result) ? PQgetvalue(result, 0, 0) : "-", state ? state : "-");
    PQclear(result);
}

static void execute(const char *name, const char *value)
{
    show(name, PQexecPrepared(conn, name, value ? 1 : 0, &value, NULL, NULL, 0));
}

int main(void)
{
    conn = PQconnectdb("");
    show("prepare double", PQprepare(conn, "double", "SELECT $1::int * 2", 1, NULL));
    show("prepare half", PQprepare(conn, "half", "SELECT $1::int / 2", 1, NULL));
    execute("double", "21");
    execute("half", "21");
    execute("double", "x");
    show("prepare double again", PQprepare(conn, "double", "SELECT 0", 0, NULL));
    execute("double", "5");
    show("prepare unnamed", PQprepare(conn, "", "SELECT 'unnamed'", 0, NULL));
    execute("", NULL);
    show("simple", PQexec(conn, "SELECT 1"));
    execute("", NULL);
    show("deallocate", PQexec(conn, " deallocate half"));
    execute("half", "4");
    execute("double", "4");
    show("prepare half", PQprepare(conn, "half", "SELECT $1::int / 2 + 0", 1, NULL));
    execute("half", "8");
    show("discard", PQexec(conn, "DISCARD ALL"));
    execute("half", "8");
    show("prepare broken", PQprepare(conn, "broken", "SELECT FROM WHERE", 0, NULL));
    for (int i = 0; i < 70; i++) {
        char name[16], text[32];
        snprintf(name, sizeof(name), "n%d", i);
        snprintf(text, sizeof(text), "SELECT %d", i);
        PQclear(PQprepare(conn, name, text, 0, NULL));
    }
    execute("n0", NULL);
    execute("n69", NULL);
    PQfinish(conn);
    return 0;
}
