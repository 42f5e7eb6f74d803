/*
 * starts: hundreds of starts of an exporter that the host must not notice: no SIGCHLD, nothing for wait(-1), no zombie;
 * half of them from a UNIX-signal handler. The exporter, which is this program again, says what it finds itself to be.
 */
#include "soak.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "start.h"

/* ---- the exporter ---- */
/* Three, and the pidfd of whoever started it. */
static bool has_right_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    struct dirent *entry;
    char target[64];
    bool is_right = directory != NULL, has_pidfd = false;
    while (directory && (entry = readdir(directory))) {
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] == '.' || fd == dirfd(directory))
            continue;
        ssize_t n = readlinkat(dirfd(directory), entry->d_name, target, sizeof target - 1);
        target[n > 0 ? n : 0] = 0;
        is_right =
            is_right && (fd == 3 ? strstr(target, "pidfd") != NULL : fd <= 2 && !strcmp(target, "/dev/null"));
        has_pidfd |= fd == 3;
    }
    if (directory)
        closedir(directory);
    return is_right && has_pidfd;
}

static bool has_standard_signals(void)
{
    sigset_t blocked;
    struct sigaction action;
    (void)sigprocmask(SIG_SETMASK, NULL, &blocked);
    for (int signal = 1; signal < 32; signal++)
        if (sigismember(&blocked, signal) ||
            (sigaction(signal, NULL, &action) == 0 && action.sa_handler != SIG_DFL))
            return false;
    return true;
}

/* Letters of what is wrong; "." when nothing is. */
int soak_be_exporter(void)
{
    char found[32] = "", cwd[64] = "";
    struct rlimit limit = {0, 0};
    const char *log = getenv("SOAK_STARTED");
    (void)getrlimit(RLIMIT_FSIZE, &limit);
    if (!has_right_descriptors())
        strcat(found, "f");
    if (!has_standard_signals())
        strcat(found, "s");
    if (!getcwd(cwd, sizeof cwd) || strcmp(cwd, "/") != 0)
        strcat(found, "d");
    if (getsid(0) != getpid())
        strcat(found, "t");
    if (limit.rlim_cur != limit.rlim_max)
        strcat(found, "l");
    if (getenv("LD_PRELOAD") || getenv("OTELSHIM_MAIN") || getenv("TRACEPARENT") ||
        !getenv("OTEL_SERVICE_NAME") || !getenv("OTELSHIM_STARTED_BY"))
        strcat(found, "e");
    strcat(found, found[0] ? "\n" : ".");
    int fd = log ? open(log, O_WRONLY | O_APPEND | O_CREAT, 0600) : -1;
    return fd < 0 || write(fd, found, strlen(found)) < 0;
}

/* ---- the host ---- */
static volatile uint32_t n_sigchld, n_waited, must_stop;

static void count_sigchld(int signal)
{
    (void)signal;
    n_sigchld++;
}

static void start_in_handler(int signal)
{
    (void)signal;
    start_exporter(0);
}

static void *wait_for_any(void *unused)
{
    (void)unused;
    while (!must_stop)
        if (waitpid(-1, NULL, WNOHANG) > 0)
            n_waited++;
    return NULL;
}

static size_t count_children(void)
{
    char text[256];
    snprintf(text, sizeof text, "/proc/self/task/%d/children", getpid());
    int fd = open(text, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text);
    if (fd >= 0)
        close(fd);
    return n > 0 ? (size_t)n : 0;
}

static size_t read_log(const char *log, char *text, size_t max)
{
    int fd = open(log, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, text, max);
    if (fd >= 0)
        close(fd);
    return n > 0 ? (size_t)n : 0;
}

struct plan {
    uint32_t n;
    char log[128];
};

/* What a host may have imposed on itself. */
static void be_an_awkward_host(const struct plan *plan)
{
    struct rlimit limit = {1u << 30, RLIM_INFINITY};
    char exe[128] = "";
    (void)!readlink("/proc/self/exe", exe, sizeof exe - 1);
    (void)setrlimit(RLIMIT_FSIZE, &limit);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)setenv("OTELSHIM_EXPORTER", exe, 1);
    (void)setenv("SOAK_STARTED", plan->log, 1);
    (void)setenv("OTELSHIM_MAIN", "1", 1);
    (void)setenv("TRACEPARENT", "00-1-2-01", 1);
    (void)setenv("OTEL_SERVICE_NAME", "soak", 1);
    (void)!dup(1);
    (void)signal(SIGCHLD, count_sigchld);
    (void)signal(SIGUSR2, start_in_handler);
}

static void start_many(void *argument)
{
    const struct plan *plan = argument;
    pthread_t threads[4];
    static char text[4096];
    be_an_awkward_host(plan);
    for (int i = 0; i < 4; i++)
        if (pthread_create(&threads[i], NULL, wait_for_any, NULL))
            abort();
    for (uint32_t i = 0; i < plan->n; i++) {
        if (i % 2)
            start_exporter(0);
        else
            (void)raise(SIGUSR2);
    }
    for (uint32_t i = 0; i < 100 && read_log(plan->log, text, sizeof text) < plan->n; i++)
        usleep(20000);
    must_stop = 1;
    for (int i = 0; i < 4; i++)
        (void)pthread_join(threads[i], NULL);
    size_t n = read_log(plan->log, text, sizeof text - 1);
    text[n] = 0;
    soak->bells_rung = n;
    soak->unknown = strspn(text, ".") != plan->n || n != plan->n;
    if (soak->unknown)
        fprintf(stderr, "exporters found: %s\n", text);
    soak->duplicated = n_sigchld;
    soak->torn = n_waited;
    soak->corrupt = count_children();
}

void soak_starts(const struct soak_options *options)
{
    struct plan plan = {.n = options->is_short ? 40 : 300};
    char name[64];
    snprintf(name, sizeof name, "%u starts, half in a handler", plan.n);
    soak_begin(1, 64);
    snprintf(plan.log, sizeof plan.log, "%s/started", soak_box);
    soak_wait(soak_fork(start_many, &plan));
    printf("| %-44s | %10lu | SIGCHLD %lu, seen by wait(-1) %lu\n", name, soak->bells_rung, soak->duplicated,
           soak->torn);
    soak_check(soak->bells_rung == plan.n && !soak->unknown, name,
               "each is a process of its own, as it should be");
    soak_check(soak->duplicated == 0, name, "no SIGCHLD");
    soak_check(soak->torn == 0, name, "wait(-1) saw none");
    soak_check(soak->corrupt == 0, name, "no child was left behind");
    struct soak_result result;
    soak_end(&result);
}
