/* async_connect: connecting step by step: done, refused, impossible from the start, given up, and connecting again. */
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>

static PostgresPollingStatusType drive(PGconn *conn, PostgresPollingStatusType (*poll_once)(PGconn *))
{
    PostgresPollingStatusType want = PGRES_POLLING_WRITING;
    while (want != PGRES_POLLING_OK && want != PGRES_POLLING_FAILED) {
        struct pollfd waiting = {.fd = PQsocket(conn),
                                 .events = want == PGRES_POLLING_READING ? POLLIN : POLLOUT};
        poll(&waiting, 1, 5000);
        want = poll_once(conn);
    }
    return want;
}

static void try(const char *what, const char *conninfo)
{
    PGconn *conn = PQconnectStart(conninfo);
    if (PQstatus(conn) == CONNECTION_BAD)
        printf("%s: bad from the start\n", what);
    else
        printf("%s: %d\n", what, drive(conn, PQconnectPoll));
    PQfinish(conn);
}

int main(void)
{
    const char *const keywords[] = {"application_name", NULL}, *const values[] = {"async_connect", NULL};
    try("refused", "host=127.0.0.1 port=9");
    try("impossible", "no_such_option=1");
    PQfinish(PQconnectStart(""));
    PGconn *conn = PQconnectStartParams(keywords, values, 0);
    printf("connected: %d\n", drive(conn, PQconnectPoll));
    PQclear(PQexec(conn, "SELECT 1"));
    PQclear(PQprepare(conn, "old", "SELECT 'of the old session'", 0, NULL));
    PQsendQuery(conn, "SELECT 'dropped'");
    printf("reset: %d\n", PQresetStart(conn));
    printf("connected again: %d\n", drive(conn, PQresetPoll));
    PQclear(PQexecPrepared(conn, "old", 0, NULL, NULL, NULL, 0));
    PQfinish(conn);
    return 0;
}
