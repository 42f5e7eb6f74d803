/* repeated_killed: the same statement again and again; a UNIX signal ends the program in the fourth, which is exported whole. */
#include <libpq-fe.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    static const char text[] = "SELECT pg_sleep(CASE WHEN nextval('turns') > 3 THEN 60 ELSE 0 END) AS nap";
    PGconn *conn = PQconnectdb("");
    PQclear(PQexec(conn, "CREATE TEMPORARY SEQUENCE turns"));
    for (int i = 0; i < 4; i++) {
        if (i == 3)
            alarm(1);
        PGresult *result = PQexec(conn, text);
        printf("%d\n", PQntuples(result));
        fflush(stdout);
        PQclear(result);
    }
    PQfinish(conn);
    return 0;
}
