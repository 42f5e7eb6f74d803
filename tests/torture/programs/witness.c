/*
 * witness OUT OPTION… -- COMMAND…: the parent of a program under test. Notes how it ended, which children this subreaper inherits,
 * and how long it took. Options: watched (the library shall watch it), core=BYTES (RLIMIT_CORE), aslr=0.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void apply(const char *option)
{
    char pid[16];
    if (!strcmp(option, "watched")) {
        snprintf(pid, sizeof pid, "%d", getpid());
        setenv("OTELSHIM_MAIN", pid, 1);
    } else if (!strncmp(option, "core=", 5)) {
        rlim_t bytes = strcmp(option + 5, "unlimited") ? strtoul(option + 5, NULL, 10) : RLIM_INFINITY;
        setrlimit(RLIMIT_CORE, &(struct rlimit){bytes, bytes});
    } else if (!strcmp(option, "aslr=0")) {
        personality(ADDR_NO_RANDOMIZE);
    } else if (!strncmp(option, "preload=", 8)) {
        setenv("LD_PRELOAD", option + 8, 1);
    } else if (!strcmp(option, "session")) {
        setsid();
    } else {
        fprintf(stderr, "witness: %s?\n", option);
        _exit(97);
    }
}

int main(int argc, char **argv)
{
    int dash = 2;
    while (dash < argc && strcmp(argv[dash], "--"))
        dash++;
    FILE *out = fopen(argv[1], "we");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    double from = now_ms();
    pid_t child = fork();
    if (child == 0) {
        /* Notes only, no memory: the cores are read for who died where. */
        int fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, "0x10", 4) != 4)
            _exit(96);
        /* A harness in the background (nohup, `&` of a script) hands on what it ignores: the programs die of these. */
        signal(SIGHUP, SIG_DFL);
        signal(SIGINT, SIG_DFL);
        signal(SIGQUIT, SIG_DFL);
        for (int i = 2; i < dash; i++)
            apply(argv[i]);
        execvp(argv[dash + 1], argv + dash + 1);
        _exit(127);
    }
    fprintf(out, "{\"pid\": %d", child);
    int status, n_orphans = 0;
    pid_t got;
    while ((got = wait(&status)) != child)
        if (got > 0)
            n_orphans++;
        else if (errno != EINTR)
            return 1;
    fprintf(out, ", \"status\": %d, \"ms\": %.3f", status, now_ms() - from);
    fflush(out);
    /* What it left behind. The harness kills this process where that never ends. */
    fprintf(out, ", \"orphans\": [");
    while ((got = wait(&status)) > 0)
        fprintf(out, "%s%d", n_orphans++ ? ", " : "", status);
    fprintf(out, "], \"n_orphans\": %d}\n", n_orphans);
    return fclose(out);
}
