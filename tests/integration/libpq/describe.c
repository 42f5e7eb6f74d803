/* describe: calls about a prepared statement or a portal that do not run it; what empties the texts that are kept. */
#include <libpq-fe.h>
#include <stdio.h>

static PGconn *conn;

static void show(const char *what, PGresult *result)
{
    printf("%s: %s %d\n", what, PQresStatus(PQresultStatus(result)), PQnparams(result));
    PQclear(result);
}

static void take(const char *what)
{
    PGresult *result;
    while ((result = PQgetResult(conn)))
        show(what, result);
}

static void execute(const char *name)
{
    show(name, PQexecPrepared(conn, name, 0, NULL, NULL, NULL, 0));
}

int main(void)
{
    conn = PQconnectdb("");
    PQclear(PQprepare(conn, "add", "SELECT $1::int + $2::int", 2, NULL));
    show("prepared", PQdescribePrepared(conn, "add"));
    show("none", PQdescribePrepared(conn, "missing"));
    PQsendDescribePrepared(conn, "add");
    take("sent");
    PQclear(PQexec(conn, "BEGIN"));
    PQclear(PQexec(conn, "DECLARE seen CURSOR FOR SELECT 1"));
    show("portal", PQdescribePortal(conn, "seen"));
    PQsendDescribePortal(conn, "seen");
    take("sent");
    PQclear(PQexec(conn, "COMMIT"));
    PQsendDescribePortal(conn, "seen");
    take("gone");

    PQclear(PQprepare(conn, "one", "SELECT 'one'", 0, NULL));
    PQclear(PQprepare(conn, "", "SELECT 'unnamed'", 0, NULL));
    execute("one");
    execute("");
    PQclear(PQexec(conn, "SELECT 'simple'"));
    execute(""); /* no more */
    PQclear(PQexec(conn, "deallocate one"));
    execute("one");
    PQclear(PQprepare(conn, "one", "SELECT 'one again'", 0, NULL));
    PQclear(PQexec(conn, "  DISCARD ALL"));
    execute("one");
    PQclear(PQprepare(conn, "one", "SELECT 'the third'", 0, NULL));
    execute("one");
    PQreset(conn);
    execute("one");
    PQfinish(conn);
    return 0;
}
