/* hops: usage: hops N: calls, tries an exec that fails, calls, becomes hops N - 1. A child by posix_spawn at the last. */
#include "calling.h"
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Each hop by another of the calls. */
static void become(unsigned n, char *const *arguments)
{
    switch (n % 4) {
    case 0:
        execv("/proc/self/exe", arguments);
        break;
    case 1:
        execvpe(arguments[0], arguments, environ);
        break;
    case 2:
        execle(arguments[0], arguments[0], arguments[1], (char *)NULL, environ);
        break;
    default:
        fexecve(open(arguments[0], O_RDONLY | O_CLOEXEC), arguments, environ);
    }
}

int main(int argc, char **argv)
{
    unsigned n = argc > 1 ? (unsigned)atoi(argv[1]) : 0;
    char left[16];
    PGconn *conn = PQconnectdb("");
    printf("hop %u: %u calls, TRACEPARENT %s\n", n, call(conn, n, 1, 10),
           getenv("TRACEPARENT") ? getenv("TRACEPARENT") : "none");
    fflush(stdout);
    execl("/nonexistent/program", "program", (char *)NULL);
    printf("hop %u: %u calls more\n", n, call(conn, n, 11, 20));
    fflush(stdout);
    if (n > 0) {
        snprintf(left, sizeof(left), "%u", n - 1);
        char *const arguments[] = {argv[0], left, NULL};
        become(n, arguments);
        return 1;
    }
    static char shell[] = "sh", option[] = "-c", script[] = "echo child: ${TRACEPARENT:-none}";
    char *const arguments[] = {shell, option, script, NULL};
    pid_t pid;
    int status;
    if (posix_spawnp(&pid, "sh", NULL, NULL, arguments, environ) != 0 || waitpid(pid, &status, 0) != pid)
        return 1;
    PQfinish(conn);
    fflush(stdout);
    _Exit(WEXITSTATUS(status));
}
