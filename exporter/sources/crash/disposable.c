/* disposable: see disposable.h. Between fork and exec only what a UNIX-signal handler may do: the exporter has another thread. */
#include "sources/crash/disposable.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_ENVIRONMENT 1024u

extern char **environ;

static void limit(int resource, uint64_t most)
{
    struct rlimit limit = {.rlim_cur = most, .rlim_max = most};
    setrlimit((__rlimit_resource_t)resource, &limit);
}

static void set_limits(void)
{
#if !defined(__SANITIZE_ADDRESS__) /* its shadow is larger */
    limit(RLIMIT_AS, DISPOSABLE_MEMORY_BYTES);
#endif
    limit(RLIMIT_CPU, DISPOSABLE_CPU_S);
    limit(RLIMIT_FSIZE, DISPOSABLE_FILE_BYTES);
    limit(RLIMIT_CORE, 0);
}

#define BEYOND 16 /* no descriptor that the child is given is there */

static void take_descriptors(int root_fd, int data_fd)
{
    data_fd = data_fd < 0 ? -1 : fcntl(data_fd, F_DUPFD_CLOEXEC, BEYOND);
    int null_fd = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++)
        dup2(null_fd, fd);
    if (root_fd == DISPOSABLE_ROOT_FD)
        fcntl(root_fd, F_SETFD, 0);
    else if (root_fd >= 0)
        dup2(root_fd, DISPOSABLE_ROOT_FD);
    if (data_fd >= 0)
        dup2(data_fd, DISPOSABLE_DATA_FD);
}

/* Whoever is traced itself must not be started: what LD_PRELOAD names could be us. */
static char **copy_environment(char *copy[MAX_ENVIRONMENT])
{
    uint32_t n = 0;
    for (char **each = environ; *each && n < MAX_ENVIRONMENT - 1; each++)
        if (strncmp(*each, "LD_PRELOAD=", 11) != 0)
            copy[n++] = *each;
    copy[n] = NULL;
    return copy;
}

int disposable_start(struct disposable *child, const char *path, char *const argv[], int root_fd, int data_fd)
{
    char *copy[MAX_ENVIRONMENT];
    char **environment = copy_environment(copy);
    sigset_t none;
    sigemptyset(&none);
    pid_t parent = getpid();
    child->started_mono_ns = clock_ns(CLOCK_MONOTONIC);
    child->pid = fork();
    if (child->pid < 0) {
        child->pid = 0;
        return -errno;
    }
    if (child->pid > 0)
        return 0;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it died in between */
        _exit(1);
    take_descriptors(root_fd, data_fd);
    set_limits();
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    execve(path, argv, environment);
    _exit(1);
}

void disposable_kill(struct disposable *child)
{
    if (child->pid)
        kill(child->pid, SIGKILL);
}

bool disposable_has_ended(struct disposable *child, bool *ret_is_fine)
{
    int status = 0;
    *ret_is_fine = false;
    if (!child->pid)
        return true;
    pid_t got = waitpid(child->pid, &status, WNOHANG);
    if (got == 0) {
        if (clock_ns(CLOCK_MONOTONIC) - child->started_mono_ns > DISPOSABLE_WALL_MS * 1000000ull)
            disposable_kill(child);
        return false;
    }
    child->pid = 0; /* ECHILD: somebody else's wait took it (`otelshim run`) */
    *ret_is_fine = got < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return true;
}
