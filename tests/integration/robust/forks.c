/*
 * forks: usage: forks CHILDREN: each child calls and has a child of its own; some leave by _exit, some by exec; the parent
 * calls in between and reaps all. Number of process p is the thread part of its statements.
 */
#include "calling.h"
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALLS 20

static void grandchild(unsigned p)
{
    PGconn *conn = PQconnectdb("");
    unsigned n = call(conn, p, 1, CALLS);
    _exit(n == CALLS ? 7 : 1);
}

/* The parent's connection is used on: a fork child may, and some do. */
static void child(PGconn *conn, unsigned p)
{
    if (call(conn, p, 1, CALLS) != CALLS)
        _exit(1);
    pid_t pid = fork();
    int status = 0;
    if (pid == 0)
        grandchild(p + 1);
    if (waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != 7)
        _exit(2);
    pid = vfork();
    if (pid == 0) {
        execl("/bin/true", "true", (char *)NULL);
        _exit(3);
    }
    if (waitpid(pid, &status, 0) != pid || status != 0)
        _exit(4);
    if (call(conn, p, CALLS + 1, 2 * CALLS) != CALLS)
        _exit(5);
    if (p % 3 == 0)
        execl("/bin/true", "true", (char *)NULL);
    if (p % 3 == 1)
        exit(0);
    _exit(0);
}

int main(int argc, char **argv)
{
    unsigned n_children = argc > 1 ? (unsigned)atoi(argv[1]) : 10, n_good = 0, n = 0;
    PGconn *conn = PQconnectdb("");
    setvbuf(stdout, NULL, _IONBF, 0); /* a child's exit() prints nothing of ours */
    n += call(conn, 0, 1, CALLS);
    for (unsigned i = 0; i < n_children; i++) {
        if (fork() == 0)
            child(conn, 10 + 2 * i);
        n += call(conn, 0, CALLS * (i + 1) + 1, CALLS * (i + 2));
    }
    int status;
    while (wait(&status) > 0)
        n_good += status == 0;
    printf("%u children, %u good, %u calls\n", n_children, n_good, n);
    PQfinish(conn);
    return 0;
}
