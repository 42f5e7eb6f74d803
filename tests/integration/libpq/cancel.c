/* cancel: PQcancel from a UNIX-signal handler, as psql does it; the query that it ends says so itself. A connection
 * that the server ends in the middle of a query. */
#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>

static PGcancel *cancel;

static void on_alarm(int signal_number)
{
    char error[128];
    (void)signal_number;
    PQcancel(cancel, error, sizeof(error));
}

static void alarm_soon(void)
{
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {.tv_usec = 200000}}, NULL);
}

int main(void)
{
    PGconn *conn = PQconnectdb("");
    cancel = PQgetCancel(conn);
    signal(SIGALRM, on_alarm);
    alarm_soon();
    PGresult *result = PQexec(conn, "SELECT pg_sleep(10)");
    printf("%s\n", PQresultErrorField(result, PG_DIAG_SQLSTATE));
    PQclear(result);
    alarm_soon();
    PQsendQuery(conn, "SELECT pg_sleep(11)");
    while ((result = PQgetResult(conn))) {
        printf("%s\n", PQresultErrorField(result, PG_DIAG_SQLSTATE));
        PQclear(result);
    }
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
