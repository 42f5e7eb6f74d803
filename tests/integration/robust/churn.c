/*
 * churn: usage: churn WAVES THREADS: waves of threads that call and end: by return, by pthread_exit, by cancellation inside
 * a call (STUB_DELAY_US must make calls sleep). Prints what became of them.
 */
#include "calling.h"
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#define CALLS 3

static void *work(void *argument)
{
    unsigned thread = (unsigned)(uintptr_t)argument;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    PGconn *conn = PQconnectdb("");
    unsigned n = call(conn, thread, 1, CALLS);
    if (n != CALLS)
        return NULL;
    if (thread % 3 == 1)
        pthread_exit((void *)1);
    if (thread % 3 == 2) {
        pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
        for (unsigned i = CALLS + 1;; i++)
            call(conn, thread, i, i);
    }
    return (void *)1;
}

int main(int argc, char **argv)
{
    unsigned n_waves = argc > 1 ? (unsigned)atoi(argv[1]) : 1,
             n_threads = argc > 2 ? (unsigned)atoi(argv[2]) : 3;
    unsigned n_fine = 0, n_cancelled = 0;
    pthread_t *threads = calloc(n_threads, sizeof(*threads));
    for (unsigned wave = 0; wave < n_waves; wave++) {
        for (unsigned i = 0; i < n_threads; i++)
            if (pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)(wave * n_threads + i)) != 0)
                return 3;
        for (unsigned i = 0; i < n_threads; i++) {
            void *result;
            if ((wave * n_threads + i) % 3 == 2)
                pthread_cancel(threads[i]);
            pthread_join(threads[i], &result);
            n_fine += result == (void *)1;
            n_cancelled += result == PTHREAD_CANCELED;
        }
    }
    free(threads);
    printf("%u fine, %u cancelled\n", n_fine, n_cancelled);
    return 0;
}
