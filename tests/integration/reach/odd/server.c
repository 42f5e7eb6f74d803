/*
 * server: usage: server prefork|daemon FILE: a server's life without its sockets. prefork: the parent calls, its workers call and are ended
 * by SIGTERM, some at once; the parent makes others in their place. daemon: forks twice, closes every descriptor, goes to /, drops
 * its terminal and calls; FILE says when it is done.
 */
#include "odd.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define WORKERS 4
#define CALLS 50

static void call(unsigned part)
{
    PGconn *conn = PQconnectdb("");
    for (unsigned i = 1; i <= CALLS; i++) {
        char query[64];
        snprintf(query, sizeof(query), "SELECT id FROM s_%u_%u WHERE id = 7", part, i);
        PQclear(PQexec(conn, query));
    }
    PQfinish(conn);
}

static volatile sig_atomic_t must_stop;
static void stop(int number)
{
    must_stop = number;
}

static pid_t start_worker(unsigned part, int ready)
{
    pid_t pid = fork();
    if (pid)
        return pid;
    struct sigaction action = {.sa_handler = stop};
    sigset_t term, none;
    sigemptyset(&term);
    sigemptyset(&none);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    sigaction(SIGTERM, &action, NULL);
    call(part);
    if (write(ready, "r", 1) != 1)
        _exit(1);
    while (!must_stop)
        sigsuspend(&none);
    exit(0);
}

static int prefork(void)
{
    int ready[2];
    pid_t workers[WORKERS];
    unsigned n_good = 0;
    call(0);
    if (pipe(ready) != 0)
        return 1;
    for (unsigned generation = 0; generation < 3; generation++) {
        for (unsigned i = 0; i < WORKERS; i++)
            workers[i] = start_worker(1 + generation * WORKERS + i, ready[1]);
        for (unsigned i = 0; i < WORKERS; i++) {
            char byte;
            n_good += read(ready[0], &byte, 1) == 1;
        }
        for (unsigned i = 0; i < WORKERS; i++) {
            int status;
            kill(workers[i], SIGTERM);
            n_good += waitpid(workers[i], &status, 0) == workers[i] && status == 0;
        }
    }
    printf("%u good\n", n_good);
    return 0;
}

static void be_daemon(const char *file)
{
    if (fork())
        _exit(0);
    setsid();
    if (fork())
        _exit(0);
    umask(0);
    if (chdir("/") != 0)
        _exit(1);
    for (int fd = 0; fd < 1024; fd++)
        close(fd);
    int null = open("/dev/null", O_RDWR);
    if (dup(null) != 1 || dup(null) != 2)
        _exit(1);
    call(2);
    int done = open(file, O_WRONLY | O_CREAT, 0600);
    _exit(done == 3 ? 0 : 1); /* the number it has without us */
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    if (!strcmp(argv[1], "prefork"))
        return prefork();
    call(1);
    pid_t pid = fork();
    if (pid == 0)
        be_daemon(argv[2]);
    int status = 0;
    waitpid(pid, &status, 0);
    printf("started %d\n", status);
    return 0;
}
