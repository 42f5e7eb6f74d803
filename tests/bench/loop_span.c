/*
 * loop_span: PQexec of the stub libpq in a loop: nanoseconds per call on the application's threads.
 *
 * usage: loop_span CALLS THREADS PAUSE_US [together]: in bursts of 500 calls, PAUSE_US apart (the exporter empties chunks
 * meanwhile); only the bursts are timed. Prints the median burst's nanoseconds per call. With `together` all threads begin a burst
 * at once, and their own CPU time counts: 8 threads on 2 cores wait for each other, and that is not the library's doing.
 */
#include "timing.h"

#include <libpq-fe.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BURST 500

static unsigned n_bursts, pause_us;
static double *medians;
static bool is_together;
static pthread_barrier_t barrier;

static void *work(void *argument)
{
    clockid_t clock = is_together ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
    double *bursts = malloc(n_bursts * sizeof(*bursts));
    PGconn *conn = PQconnectdb("");
    for (unsigned i = 0; i < n_bursts; i++) {
        if (is_together)
            pthread_barrier_wait(&barrier);
        double from = read_ns(clock);
        for (unsigned k = 0; k < BURST; k++)
            PQclear(PQexec(
                conn, "SELECT id, price, volume FROM orders WHERE market = 'KRW-BTC' AND state = 'wait'"));
        bursts[i] = (read_ns(clock) - from) / BURST;
        if (pause_us)
            usleep(pause_us);
    }
    PQfinish(conn);
    *(double *)argument = median(bursts, n_bursts);
    free(bursts);
    return NULL;
}

int main(int argc, char **argv)
{
    unsigned n_threads = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
    pthread_t threads[64];
    n_bursts = argc > 1 ? (unsigned)atoi(argv[1]) / BURST : 100;
    pause_us = argc > 3 ? (unsigned)atoi(argv[3]) : 0;
    if (!n_bursts || !n_threads || n_threads > 64)
        return 2;
    medians = calloc(n_threads, sizeof(*medians));
    is_together = argc > 4 && strcmp(argv[4], "together") == 0;
    pthread_barrier_init(&barrier, NULL, n_threads);
    for (unsigned i = 0; i < n_threads; i++)
        pthread_create(&threads[i], NULL, work, &medians[i]);
    double sum = 0;
    for (unsigned i = 0; i < n_threads; i++) {
        pthread_join(threads[i], NULL);
        sum += medians[i];
    }
    printf("%.1f\n", sum / n_threads);
    free(medians);
    return 0;
}
