/*
 * reaper: notices every child: four threads in wait(-1), a SIGCHLD handler that counts; one child of its own now and then.
 * usage: reaper ROUNDS. Prints how many it saw: as many as it made.
 */
#include "calling.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t n_signals;
static unsigned n_reaped, n_strange;
static volatile int is_over;

static void on_child(int signal_number)
{
    (void)signal_number;
    n_signals++;
}

static void *reap(void *argument)
{
    (void)argument;
    while (!is_over) {
        int status;
        pid_t pid = wait(&status);
        if (pid < 0) {
            usleep(500);
        } else {
            __atomic_fetch_add(&n_reaped, 1, __ATOMIC_RELAXED);
            if (!WIFEXITED(status) || WEXITSTATUS(status) != 9)
                __atomic_fetch_add(&n_strange, 1, __ATOMIC_RELAXED);
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    unsigned n_rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 5;
    struct sigaction action = {.sa_handler = on_child, .sa_flags = SA_RESTART};
    sigaction(SIGCHLD, &action, NULL);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, reap, NULL);
    PGconn *conn = PQconnectdb("");
    for (unsigned i = 0; i < n_rounds; i++) {
        call(conn, 0, i * 10 + 1, i * 10 + 10);
        int before = n_signals;
        pid_t pid = fork();
        if (pid == 0)
            _exit(9);
        for (int k = 0; k < 2000 && n_signals == before; k++)
            usleep(1000);
        usleep(20000);
    }
    for (int k = 0; k < 2000 && __atomic_load_n(&n_reaped, __ATOMIC_RELAXED) < n_rounds; k++)
        usleep(1000);
    is_over = 1;
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    printf("%d signals, %u reaped, %u strange\n", (int)n_signals, n_reaped, n_strange);
    PQfinish(conn);
    return 0;
}
