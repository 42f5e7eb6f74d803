/* reset: connected again, in one call and in several, with queries open and statements prepared; and in vain. */
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>

static PGconn *conn;

static void reset_by_poll(void)
{
    PostgresPollingStatusType want = PQresetStart(conn) ? PGRES_POLLING_WRITING : PGRES_POLLING_FAILED;
    while (want != PGRES_POLLING_OK && want != PGRES_POLLING_FAILED) {
        struct pollfd waiting = {.fd = PQsocket(conn),
                                 .events = want == PGRES_POLLING_READING ? POLLIN : POLLOUT};
        poll(&waiting, 1, 5000);
        want = PQresetPoll(conn);
    }
    printf("reset: %d\n", want == PGRES_POLLING_OK);
}

int main(void)
{
    conn = PQconnectdb("");
    PQreset(conn);
    PQclear(PQprepare(conn, "p", "SELECT 'prepared'", 0, NULL));
    PQsendQuery(conn, "SELECT 'open'");
    reset_by_poll();
    PGresult *result = PQexecPrepared(conn, "p", 0, NULL, NULL, NULL, 0);
    printf("%s\n", PQresultErrorField(result, PG_DIAG_SQLSTATE));
    PQclear(result);
    reset_by_poll();
    PQresetStart(conn); /* left in the middle */
    PQfinish(conn);

    conn = PQconnectdb("host=127.0.0.1 port=9");
    PQreset(conn);
    printf("status: %d\n", PQstatus(conn) == CONNECTION_BAD);
    reset_by_poll();
    PQfinish(conn);

    return 0;
}
