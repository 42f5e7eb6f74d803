/*
 * killed: spans on THREADS threads until a UNIX signal ends it: usage: killed THREADS BURST PAUSE_US. Statements are
 * numbered; STUB_SIDE gets what was begun and finished.
 */
#include "side.h"
#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>

static struct side *side;
static unsigned burst, pause_us;

static void *work(void *argument)
{
    unsigned thread = (unsigned)(uintptr_t)argument;
    char query[64];
    PGconn *conn = PQconnectdb("");
    for (uint64_t number = 1;; number++) {
        snprintf(query, sizeof(query), "SELECT id FROM s_%u_%lu WHERE id = 7", thread, (unsigned long)number);
        __atomic_store_n(&side->begun[thread], number, __ATOMIC_SEQ_CST);
        PQclear(PQexec(conn, query));
        __atomic_store_n(&side->finished[thread], number, __ATOMIC_SEQ_CST);
        if (number % burst == 0)
            usleep(pause_us);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    unsigned n_threads = argc > 1 ? (unsigned)atoi(argv[1]) : 8;
    burst = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
    pause_us = argc > 3 ? (unsigned)atoi(argv[3]) : 100;
    side = side_open();
    if (!side || n_threads > SIDE_THREADS)
        return 2;
    pthread_t thread;
    for (unsigned i = 0; i < n_threads; i++)
        pthread_create(&thread, NULL, work, (void *)(uintptr_t)i);
    pause();
    return 0;
}
