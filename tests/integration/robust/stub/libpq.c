/*
 * stub libpq: calls without a server, which note on a side channel how far each got. Linked with tests/bench/stub_libpq.c,
 * whose PQexec, PQconnectdb and PQfinish are renamed.
 *
 *   STUB_SIDE=FILE      "… s_THREAD_NUMBER…" in a statement: inside[THREAD] = NUMBER on entry, left[THREAD] on return
 *   STUB_DELAY_US=N     PQexec sleeps for so long
 */
#include <fcntl.h>
#include <libpq-fe.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "../side.h"

#define STUB __attribute__((visibility("default")))

static struct side *side;
static long delay_ns;
static char result;

__attribute__((constructor)) static void start(void)
{
    const char *delay = getenv("STUB_DELAY_US");
    delay_ns = delay ? atol(delay) * 1000 : 0;
    side = side_open();
}

STUB PGconn *PQconnectdb(const char *conninfo)
{
    (void)conninfo;
    return malloc(64);
}
STUB void PQfinish(PGconn *conn)
{
    free(conn);
}
STUB PGresult *PQexec(PGconn *conn, const char *query)
{
    (void)conn;
    unsigned thread = SIDE_THREADS;
    unsigned long number = 0;
    const char *at = side ? strstr(query, " s_") : NULL;
    if (at && sscanf(at, " s_%u_%lu", &thread, &number) == 2 && thread < SIDE_THREADS)
        __atomic_store_n(&side->inside[thread], number, __ATOMIC_SEQ_CST);
    if (delay_ns) {
        struct timespec delay = {.tv_sec = delay_ns / 1000000000, .tv_nsec = delay_ns % 1000000000};
        nanosleep(&delay, NULL);
    }
    if (thread < SIDE_THREADS)
        __atomic_store_n(&side->left[thread], number, __ATOMIC_SEQ_CST);
    return (PGresult *)&result;
}
