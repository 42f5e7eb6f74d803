/* work: calls on three threads, in a fork child and in the same process after it; prints what came back. Each part makes use
 * of other system calls of the library: the file, a thread's slot, chunks, the exporter's start, the end. */
#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALLS 300u /* more than one chunk holds */

static unsigned call(const char *table)
{
    unsigned n = 0;
    PGconn *conn = PQconnectdb("");
    for (unsigned i = 0; i < CALLS; i++) {
        char query[64];
        snprintf(query, sizeof(query), "SELECT id FROM %s WHERE id = %u", table, i);
        PGresult *result = PQexec(conn, query);
        n += result != NULL;
        PQclear(result);
    }
    PQfinish(conn);
    return n;
}

static void *work(void *argument)
{
    return (void *)(size_t)call(argument);
}

int main(void)
{
    static char one[] = "one", two[] = "two";
    pthread_t threads[2];
    void *done[2];
    unsigned n = call("main");
    if (pthread_create(&threads[0], NULL, work, one) || pthread_create(&threads[1], NULL, work, two))
        return 3;
    pthread_join(threads[0], &done[0]);
    pthread_join(threads[1], &done[1]);
    pid_t child = fork();
    if (child == 0)
        _exit((int)(call("child") - CALLS));
    int status = 0;
    waitpid(child, &status, 0);
    n += call("after");
    printf("%u calls, %zu and %zu in threads, child %d\n", n, (size_t)done[0], (size_t)done[1], status);
    return 7;
}
