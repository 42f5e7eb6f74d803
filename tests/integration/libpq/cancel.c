/* cancel: PQcancel from a UNIX-signal handler, as psql does it; the query that it ends says so itself. A connection
 * that the server ends in the middle of a query. */
#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>

static PGcancel *cancel;

static void set_alarm(int us)
{
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {.tv_usec = us}}, NULL);
}

/* Again and again: the first may come before the query does. Between two queries the server ignores it. */
static void on_alarm(int signal_number)
{
    char error[128];
    (void)signal_number;
    PQcancel(cancel, error, sizeof(error));
    set_alarm(200000);
}

int main(void)
{
    PGconn *conn = PQconnectdb("");
    cancel = PQgetCancel(conn);
    signal(SIGALRM, on_alarm);
    set_alarm(200000);
    PGresult *result = PQexec(conn, "SELECT pg_sleep(100)");
    set_alarm(0);
    printf("%s\n", PQresultErrorField(result, PG_DIAG_SQLSTATE));
    PQclear(result);
    set_alarm(200000);
    PQsendQuery(conn, "SELECT pg_sleep(110)");
    while ((result = PQgetResult(conn))) {
        printf("%s\n", PQresultErrorField(result, PG_DIAG_SQLSTATE));
        PQclear(result);
    }
    set_alarm(0);
    PQfreeCancel(cancel);
    result = PQexec(conn, "SELECT pg_terminate_backend(pg_backend_pid())");
    printf("%s %d\n", PQresStatus(PQresultStatus(result)), PQstatus(conn) == CONNECTION_BAD);
    PQclear(result);
    result = PQexec(conn, "SELECT 'nobody there'");
    printf("%s\n", PQresStatus(PQresultStatus(result)));
    PQclear(result);
    PQreset(conn);
    printf("%d\n", PQstatus(conn) == CONNECTION_OK);
    PQfinish(conn);
    return 0;
}
