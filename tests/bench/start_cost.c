/*
 * start_cost: what it takes to start a program and see it end: usage: start_cost TIMES [NAME=VALUE…] PROGRAM [ARGUMENT…]
 *
 * The values go into the program's environment only. Prints the median in microseconds.
 */
#include "timing.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_VALUES 64

int main(int argc, char **argv)
{
    char *environment[MAX_VALUES + 1] = {0};
    int n = argc > 1 ? atoi(argv[1]) : 0, i_program = 2;
    for (; i_program < argc && i_program - 2 < MAX_VALUES && strchr(argv[i_program], '='); i_program++)
        environment[i_program - 2] = argv[i_program];
    if (n <= 0 || i_program >= argc)
        return 2;
    double *times = malloc((size_t)n * sizeof(*times));
    for (int i = 0; i < n; i++) {
        pid_t pid;
        int status = 0;
        double from = now_ns();
        if (posix_spawn(&pid, argv[i_program], NULL, NULL, argv + i_program, environment) != 0 ||
            waitpid(pid, &status, 0) != pid || status != 0)
            return 1;
        times[i] = (now_ns() - from) / 1e3;
    }
    printf("%.1f\n", median(times, (size_t)n));
    free(times);
    return 0;
}
