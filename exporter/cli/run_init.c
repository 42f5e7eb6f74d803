/*
 * run_init: `otelshim run` as pid 1 of a container: the program's parent, the exporter's, and everybody's reaper.
 *
 * The library starts no exporter in pid 1's place, so this does. When the program has ended, the exporter is asked to
 * deliver; the container ends when it has, or after OTELSHIM_FLUSH_TIMEOUT.
 */
#include "base/clock.h"
#include "cli/child.h"
#include "cli/control.h"
#include "cli/run.h"
#include "cli/self.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORTER_END_MS 1000
#define RESTART_MS 1000
#define ASK_AGAIN_MS 10

struct init {
    struct child child;
    pid_t exporter_pid; /* 0: none */
    int64_t restart_ms; /* when it may be started again; 0: it runs */
};

static int64_t now_ms(void)
{
    return (int64_t)(clock_ns(CLOCK_MONOTONIC) / 1000000);
}

static void on_other(void *context, pid_t pid, int wait_status)
{
    struct init *init = context;
    (void)wait_status;
    if (pid != init->exporter_pid)
        return;
    init->exporter_pid = 0;
    init->restart_ms = now_ms() + RESTART_MS;
}

static void start_exporter(struct init *init)
{
    static char name[] = "otelshim", command[] = "export", is_auto[] = "--auto",
                leave[] = "--leave-after=31536000";
    char *argv[] = {name, command, is_auto, leave, NULL};
    init->restart_ms = 0;
    pid_t pid = fork();
    if (pid != 0) {
        init->exporter_pid = pid > 0 ? pid : 0;
        init->restart_ms = pid > 0 ? 0 : now_ms() + RESTART_MS;
        return;
    }
    unsetenv("LD_PRELOAD");    /* NOLINT(concurrency-mt-unsafe): one thread */
    unsetenv("OTELSHIM_MAIN"); /* NOLINT(concurrency-mt-unsafe) */
    setsid();                  /* ^C is the program's */
    child_restore_signals();
    execv(self_path(), argv);
    _exit(RUN_STATUS_CANNOT_START);
}

/* Milliseconds until `until_ms`, for poll(). */
static int left_ms(int64_t until_ms)
{
    int64_t left = until_ms - now_ms();
    return left > 0 ? (int)left : 0;
}

static void wait_for_program(struct init *init)
{
    while (!init->child.has_ended) {
        child_wait(&init->child, -1, init->restart_ms ? left_ms(init->restart_ms) : -1);
        if (init->restart_ms && now_ms() >= init->restart_ms && !init->child.has_ended)
            start_exporter(init);
    }
}

/* How the program ended, which nobody else knows any more. One that has only just been started listens in a moment. */
static bool tell_end(struct init *init, const char *box, int64_t until_ms)
{
    while (init->exporter_pid) {
        if (control_tell_ended(box, init->child.pid, init->child.wait_status))
            return true;
        if (left_ms(until_ms) == 0)
            return false;
        child_wait(&init->child, -1, ASK_AGAIN_MS);
    }
    return false;
}

/* Its answer comes when everything is delivered. */
static void wait_for_delivery(struct init *init, const char *box, int64_t until_ms)
{
    int fd = tell_end(init, box, until_ms) ? control_begin(box, "flush") : -ENOENT;
    bool is_answered = false;
    while (fd >= 0 && init->exporter_pid && !is_answered && left_ms(until_ms) > 0)
        is_answered = child_wait(&init->child, fd, left_ms(until_ms));
    if (fd >= 0)
        close(fd);
}

static void end_exporter(struct init *init)
{
    int64_t until_ms = now_ms() + EXPORTER_END_MS;
    if (init->exporter_pid)
        kill(init->exporter_pid, SIGTERM);
    while (init->exporter_pid && left_ms(until_ms) > 0)
        child_wait(&init->child, -1, left_ms(until_ms));
}

int run_as_init(const struct run *run)
{
    static struct init init;
    init.child.on_other = on_other;
    init.child.context = &init;
    setenv("OTELSHIM_EXPORTER", "none", 1); /* NOLINT(concurrency-mt-unsafe): this process sees to it */
    int error = child_start(&init.child, run->argv);
    if (error) {
        fprintf(stderr, "otelshim run: %s cannot be started: %s\n", run->argv[0], strerrordesc_np(-error));
        return RUN_STATUS_FAILED;
    }
    if (run->box[0])
        start_exporter(&init);
    wait_for_program(&init);
    if (run->box[0])
        wait_for_delivery(&init, run->box, now_ms() + run->flush_timeout_ms);
    end_exporter(&init);
    return child_end_alike(&init.child);
}
