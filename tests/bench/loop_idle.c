/*
 * loop_idle: one call of the stub libpq on each of two threads, then nothing: usage: loop_idle SECONDS. Who looks at
 * it meanwhile counts how often its threads run.
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static unsigned seconds;

static void *work(void *argument)
{
    PGconn *conn = PQconnectdb("");
    PQclear(PQexec(conn, "SELECT 1"));
    sleep(seconds);
    PQfinish(conn);
    return argument;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 4;
    if (pthread_create(&thread, NULL, work, NULL) != 0)
        return 1;
    (void)work(NULL);
    pthread_join(thread, NULL);
    return 0;
}
