/* child: see child.h. */
#include "cli/child.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the program began with. Set once by child_start(). */
static sigset_t inherited_mask;

/* Faults are this process's own; job control follows the program; SIGKILL and SIGSTOP cannot be had. */
static bool is_passed_on(int number)
{
    static const int others[] = {SIGCHLD, SIGSEGV, SIGBUS,  SIGFPE,  SIGILL,  SIGTRAP, SIGSYS,
                                 SIGABRT, SIGKILL, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (others[i] == number)
            return false;
    return true;
}

static sigset_t watched_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    for (int number = 1; number < NSIG; number++)
        if (is_passed_on(number))
            sigaddset(&set, number);
    return set;
}

void child_restore_signals(void)
{
    pthread_sigmask(SIG_SETMASK, &inherited_mask, NULL);
}

int child_exec(char **argv)
{
    execvp(argv[0], argv);
    int error = errno;
    fprintf(stderr, "otelshim run: %s: %s\n", argv[0], strerrordesc_np(error));
    return error == ENOENT ? RUN_STATUS_NOT_FOUND : RUN_STATUS_CANNOT_START;
}

static void become_program(char **argv)
{
    char pid[16];
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("OTELSHIM_MAIN", pid, 1); /* NOLINT(concurrency-mt-unsafe): one thread */
    child_restore_signals();
    _exit(child_exec(argv));
}

int child_start(struct child *child, char **argv)
{
    sigset_t set = watched_signals();
    child->has_ended = false;
    child->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (child->signal_fd < 0)
        return -errno;
    pthread_sigmask(SIG_BLOCK, &set, &inherited_mask);
    child->pid = fork();
    if (child->pid < 0)
        return -errno;
    if (child->pid == 0)
        become_program(argv);
    static const int job_control[] = {SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE};
    for (size_t i = 0; i < sizeof(job_control) / sizeof(job_control[0]); i++)
        signal(job_control[i], SIG_IGN);
    return 0;
}

static void reap(struct child *child)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
        if (pid == child->pid && WIFSTOPPED(status)) {
            raise(SIGSTOP); /* until somebody continues the group */
        } else if (pid == child->pid) {
            child->wait_status = status;
            child->has_ended = true;
        } else if (child->on_other && !WIFSTOPPED(status)) {
            child->on_other(child->context, pid, status);
        }
    }
}

/* The kernel itself signals for the terminal: whoever is in its foreground group has it. */
static bool is_meant_for_us_alone(const struct signalfd_siginfo *info)
{
    return info->ssi_code == SI_USER || info->ssi_code == SI_QUEUE || info->ssi_code == SI_TKILL;
}

void child_read_signals(struct child *child)
{
    struct signalfd_siginfo info;
    while (read(child->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        int number = (int)info.ssi_signo;
        if (number == SIGCHLD) {
            reap(child);
        } else if (!child->has_ended && is_meant_for_us_alone(&info) && (pid_t)info.ssi_pid != child->pid) {
            if (info.ssi_code == SI_QUEUE)
                sigqueue(child->pid, number, (union sigval){.sival_ptr = (void *)(uintptr_t)info.ssi_ptr});
            else
                kill(child->pid, number);
        }
    }
}

bool child_wait(struct child *child, int other_fd, int timeout_ms)
{
    struct pollfd ready[] = {{.fd = child->signal_fd, .events = POLLIN}, {.fd = other_fd, .events = POLLIN}};
    if (poll(ready, 2, timeout_ms) <= 0)
        return false;
    if (ready[0].revents)
        child_read_signals(child);
    return ready[1].revents != 0;
}

int child_end_alike(const struct child *child)
{
    if (!WIFSIGNALED(child->wait_status))
        return WEXITSTATUS(child->wait_status);
    int number = WTERMSIG(child->wait_status);
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core); /* the program's own is the one of interest */
    prctl(PR_SET_DUMPABLE, 0);
    signal(number, SIG_DFL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    raise(number);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    return 128 + number; /* pid 1 cannot kill itself */
}
