/*
 * loop_span: PQexec of the stub libpq in a loop: nanoseconds per call on the application's threads.
 *
 * usage: loop_span CALLS THREADS PAUSE_US: in bursts of 500 calls, PAUSE_US apart (the exporter empties chunks meanwhile);
 * only the bursts are timed. Prints the median burst's nanoseconds per call.
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define BURST 500

static unsigned n_bursts, pause_us;
static double *medians;

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void *work(void *argument)
{
    double *bursts = malloc(n_bursts * sizeof(*bursts));
    PGconn *conn = PQconnectdb("");
    for (unsigned i = 0; i < n_bursts; i++) {
        double from = now_ns();
        for (unsigned k = 0; k < BURST; k++)
            PQclear(PQexec(
                conn, "SELECT id, price, volume FROM orders WHERE market = 'KRW-BTC' AND state = 'wait'"));
        bursts[i] = (now_ns() - from) / BURST;
        if (pause_us)
            usleep(pause_us);
    }
    PQfinish(conn);
    qsort(bursts, n_bursts, sizeof(*bursts), compare);
    *(double *)argument = bursts[n_bursts / 2];
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
