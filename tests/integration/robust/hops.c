/* hops: usage: hops N: calls, tries an exec that fails, calls, becomes hops N - 1. A child by posix_spawn at the last. */
#include "calling.h"
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

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
        if (n % 2)
            execv("/proc/self/exe", arguments);
        else
            execvpe(argv[0], arguments, environ);
        return 1;
    }
    static char shell[] = "sh", option[] = "-c", script[] = "echo child: ${TRACEPARENT:-none}";
    char *const arguments[] = {shell, option, script, NULL};
    pid_t pid;
    int status;
    if (posix_spawnp(&pid, "sh", NULL, NULL, arguments, environ) != 0 || waitpid(pid, &status, 0) != pid)
        return 1;
    PQfinish(conn);
    return WEXITSTATUS(status);
}
