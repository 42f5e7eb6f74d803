/*
 * early: a library (LIBRARY) whose constructor calls, and starts a thread that calls while the program begins; and a program linked with
 * it. Nothing waits for our constructor.
 */
#include "odd.h"
#include <pthread.h>

void early_join(void);

#ifdef LIBRARY
static pthread_t thread;

static void *call_on(void *part)
{
    pq_call((struct pq){PQconnectdb, PQexec, PQclear, PQfinish}, *(const unsigned *)part, 1, 2000);
    return NULL;
}

__attribute__((constructor)) static void start(void)
{
    static unsigned part = 1;
    setvbuf(stdout, NULL, _IONBF, 0);
    pthread_create(&thread, NULL, call_on, &part);
    pq_call((struct pq){PQconnectdb, PQexec, PQclear, PQfinish}, 2, 1, 50);
}

void early_join(void)
{
    pthread_join(thread, NULL);
}
#else
int main(void)
{
    pq_call((struct pq){PQconnectdb, PQexec, PQclear, PQfinish}, 3, 1, 50);
    early_join();
    return 0;
}
#endif
