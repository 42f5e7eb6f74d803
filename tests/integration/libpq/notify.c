/* notify: LISTEN and NOTIFY are commands; taking notifications from the queue is none. */
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>

int main(void)
{
    PGconn *listener = PQconnectdb(""), *sender = PQconnectdb("");
    PQclear(PQexec(listener, "LISTEN prices"));
    PQclear(PQexec(sender, "NOTIFY prices, 'KRW-BTC'"));
    PQclear(PQexec(sender, "SELECT pg_notify('prices', 'KRW-ETH')"));
    for (int n = 0; n < 2;) {
        struct pollfd waiting = {.fd = PQsocket(listener), .events = POLLIN};
        poll(&waiting, 1, 5000);
        PQconsumeInput(listener);
        for (PGnotify *notify; (notify = PQnotifies(listener)); n++) {
            printf("%s: %s\n", notify->relname, notify->extra);
            PQfreemem(notify);
        }
    }
    PQclear(PQexec(listener, "UNLISTEN prices"));
    PQfinish(listener);
    PQfinish(sender);
    return 0;
}
