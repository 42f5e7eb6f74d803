/* reuse: handles whose address comes back, connected in one call and in several. */
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>

static PGconn *connect_by_poll(void)
{
    PGconn *conn = PQconnectStart("");
    PostgresPollingStatusType want = PGRES_POLLING_WRITING;
    while (want != PGRES_POLLING_OK && want != PGRES_POLLING_FAILED) {
        struct pollfd waiting = {.fd = PQsocket(conn),
                                 .events = want == PGRES_POLLING_READING ? POLLIN : POLLOUT};
        poll(&waiting, 1, 5000);
        want = PQconnectPoll(conn);
    }
    return conn;
}

int main(void)
{
    int ok = 0;
    for (int i = 0; i < 40; i++) {
        PGconn *conn = i % 2 ? PQconnectdb("") : connect_by_poll();
        PGresult *result = PQexec(conn, "SELECT 1");
        PQclear(PQprepare(conn, "p", "SELECT 2", 0, NULL));
        PGresult *prepared = PQexecPrepared(conn, "p", 0, NULL, NULL, NULL, 0);
        ok += PQresultStatus(result) == PGRES_TUPLES_OK && PQresultStatus(prepared) == PGRES_TUPLES_OK;
        PQsetClientEncoding(conn, "UTF8");
        PQclear(result);
        PQclear(prepared);
        PQfinish(conn);
    }
    printf("%d of 40 handles\n", ok);
    return 0;
}
