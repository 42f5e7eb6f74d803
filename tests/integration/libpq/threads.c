/* threads: four threads, a connection each, at the same time; the first call is made before there are any. */
#include <libpq-fe.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>

static void *work(void *argument)
{
    intptr_t sum = 0;
    PGconn *conn = PQconnectdb("");
    PQclear(PQprepare(conn, "add", "SELECT $1::int + $2::int", 2, NULL));
    for (int i = 0; i < 50; i++) {
        char left[8], right[8];
        const char *const values[] = {left, right};
        snprintf(left, sizeof(left), "%d", i);
        snprintf(right, sizeof(right), "%d", (int)(intptr_t)argument);
        PGresult *result = PQexecPrepared(conn, "add", 2, values, NULL, NULL, 0);
        sum += PQntuples(result);
        PQclear(result);
    }
    PQfinish(conn);
    return (void *)sum;
}

int main(void)
{
    pthread_t threads[4];
    intptr_t total = 0;
    PQfinish(PQconnectdb(""));
    for (intptr_t i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, work, (void *)i);
    for (int i = 0; i < 4; i++) {
        void *sum;
        pthread_join(threads[i], &sum);
        total += (intptr_t)sum;
    }
    printf("%ld rows\n", (long)total);
    return 0;
}
