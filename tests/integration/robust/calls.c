/*
 * calls: usage: calls N [THREADS [PAUSE_US [EVERY]]]: N calls on each thread, PAUSE_US after every EVERY of them, prints how
 * many came back. CALLS_TABLE: name of the table in the statement (default s).
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static unsigned n_calls, pause_us, every;
static const char *table;

static void *work(void *argument)
{
    unsigned thread = (unsigned)(size_t)argument;
    PGconn *conn = PQconnectdb("");
    size_t n = 0;
    for (unsigned i = 1; i <= n_calls; i++) {
        char query[128];
        snprintf(query, sizeof(query), "SELECT id FROM %s_%u_%u WHERE id = 7", table, thread, i);
        PGresult *result = PQexec(conn, query);
        n += result != NULL;
        PQclear(result);
        if (pause_us && i % every == 0)
            usleep(pause_us);
    }
    PQfinish(conn);
    return (void *)n;
}

int main(int argc, char **argv)
{
    n_calls = argc > 1 ? (unsigned)atoi(argv[1]) : 1;
    unsigned n_threads = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
    pause_us = argc > 3 ? (unsigned)atoi(argv[3]) : 0;
    every = argc > 4 ? (unsigned)atoi(argv[4]) : 1;
    table = getenv("CALLS_TABLE") ? getenv("CALLS_TABLE") : "s";
    pthread_t *threads = calloc(n_threads, sizeof(*threads));
    size_t n = 0;
    for (unsigned i = 1; i < n_threads; i++)
        if (pthread_create(&threads[i], NULL, work, (void *)(size_t)i))
            return 3;
    n += (size_t)work(NULL);
    for (unsigned i = 1; i < n_threads; i++) {
        void *done;
        pthread_join(threads[i], &done);
        n += (size_t)done;
    }
    free(threads);
    printf("%zu calls\n", n);
    return 0;
}
