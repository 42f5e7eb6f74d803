/*
 * run_console: `otelshim run --console`: the parent of one program, and its exporter.
 *
 * The program gets a private drop box below the user's, so that no other exporter takes its records. When it has ended,
 * what is left is printed and sent; what cannot be sent goes to the spool, and the box of what it left running stays
 * for the next exporter, which adopts it once its lock is free.
 */
#include "cli/boxes.h"
#include "cli/child.h"
#include "cli/control.h"
#include "cli/pipeline.h"
#include "cli/run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DRAIN_TICK_MS 10u
#define UNREACHABLE_MS 50u
#define LEFT_RUNNING_MS 150u /* what the program left running does not hold up the prompt longer */

struct attended {
    const struct run *run;
    struct child child;
    struct loop *loop;
    struct pipeline *pipeline;
    struct control *control;
    struct loop_watch *signals;
    struct loop_timer *drain;
    char box[PATH_MAX];
    uint64_t ended_ms;
};

/* A file that was being made at the last look is nobody's client yet. */
static bool has_nothing(const struct attended *attended)
{
    return pipeline_has_no_clients(attended->pipeline) && boxes_count_files(attended->box) == 0;
}

/*
 * Done when nothing is left of the program and all is delivered. Its file stays as long as something is not: where the
 * destination cannot be reached, it is enough that the file was read to its end.
 */
static bool is_done(struct attended *attended, uint64_t waited_ms)
{
    bool has_news = pipeline_look(attended->pipeline);
    if (waited_ms >= attended->run->flush_timeout_ms)
        return true;
    if (has_news)
        return false;
    if (pipeline_is_stuck(attended->pipeline))
        return waited_ms >= UNREACHABLE_MS;
    bool is_gone = has_nothing(attended) ||
                   (waited_ms >= LEFT_RUNNING_MS && pipeline_has_no_remains(attended->pipeline));
    return is_gone && pipeline_is_delivered(attended->pipeline);
}

static void drain(void *context)
{
    struct attended *attended = context;
    if (is_done(attended, loop_now_ms(attended->loop) - attended->ended_ms)) {
        loop_stop(attended->loop);
        return;
    }
    pipeline_flush(attended->pipeline);
    loop_timer_start(attended->drain, DRAIN_TICK_MS);
}

static void on_signals(void *context, int events)
{
    struct attended *attended = context;
    (void)events;
    child_read_signals(&attended->child);
    if (attended->child.has_ended && attended->ended_ms == 0) {
        attended->ended_ms = loop_now_ms(attended->loop);
        pipeline_note_end(attended->pipeline, (uint32_t)attended->child.pid, attended->child.wait_status);
        loop_timer_start(attended->drain, 0);
    }
}

/* `otelshim status` asks private exporters too. */
static bool answer(void *context, const char *request, FILE *out)
{
    struct attended *attended = context;
    struct report report = {.pid = (uint32_t)getpid(), .uid = geteuid(), .version = OTELSHIM_VERSION};
    if (strcmp(request, "pid") == 0) {
        fprintf(out, "%d\n", (int)getpid());
        return true;
    }
    if (pipeline_answer_alerts(attended->pipeline, request, out))
        return true;
    pipeline_report(attended->pipeline, &report);
    if (strcmp(request, "status json") == 0)
        report_print_json(out, &report);
    else
        report_print_text(out, &report, strcmp(request, "status colour") == 0);
    report_fini(&report);
    return true;
}

static int make_box(struct attended *attended)
{
    int bytes =
        snprintf(attended->box, sizeof(attended->box), "%s/run-%d", attended->run->box, (int)getpid());
    if (bytes >= (int)sizeof(attended->box))
        return -ENAMETOOLONG;
    if (mkdir(attended->box, 0700) != 0 && errno != EEXIST)
        return -errno;
    setenv("OTELSHIM_DIR", attended->box, 1); /* NOLINT(concurrency-mt-unsafe): one thread */
    setenv("OTELSHIM_EXPORTER", "none", 1);   /* NOLINT(concurrency-mt-unsafe) */
    return 0;
}

/* Nothing but what this process made. Who makes a file in it later makes it anew; the next exporter adopts that. */
static void remove_box(const struct attended *attended)
{
    static const char *const names[] = {"control", "doorbell", "lock"};
    int fd = open(attended->box, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unlinkat(fd, names[i], 0);
    (void)rmdir(attended->box);
    close(fd);
}

static void say_undelivered(const struct attended *attended)
{
    struct report report = {.pid = 0};
    pipeline_report(attended->pipeline, &report);
    for (uint32_t i = 0; i < report.n_destinations; i++) {
        const struct report_destination *row = &report.destinations[i];
        if (row->spooled_batches > 0)
            fprintf(stderr,
                    "\notelshim: not delivered: %" PRIu64
                    " batch%s for %s (%s): the next exporter tries again\n",
                    row->spooled_batches, row->spooled_batches == 1 ? "" : "es", row->url,
                    *row->last_error ? row->last_error : "no answer in time");
    }
    report_fini(&report);
}

static int start_exporter(struct attended *attended)
{
    char problem[200];
    struct pipeline_options options = {.directory = attended->box, .only_directory = true, .console = stderr};
    int error = pipeline_create(&attended->pipeline, attended->loop, &options, problem);
    if (error) {
        fprintf(stderr, "otelshim run: %s: %s: not traced\n", attended->box, problem);
        return error;
    }
    (void)control_create(&attended->control, attended->loop, attended->box, answer, attended);
    attended->drain = loop_timer_create(attended->loop, drain, attended);
    attended->signals = loop_watch_create(attended->loop, attended->child.signal_fd, on_signals, attended);
    if (!attended->signals)
        return -EIO;
    loop_watch_set(attended->signals, LOOP_READ);
    return 0;
}

static void serve(struct attended *attended)
{
    loop_run(attended->loop);
    pipeline_print(attended->pipeline);
    pipeline_spool(attended->pipeline);
    say_undelivered(attended);
    bool is_empty = has_nothing(attended);
    control_destroy(attended->control);
    loop_watch_destroy(attended->signals);
    loop_timer_destroy(attended->drain);
    pipeline_destroy(attended->pipeline);
    if (is_empty)
        remove_box(attended);
}

int run_with_console(const struct run *run)
{
    static struct attended attended;
    attended.run = run;
    int error = run->box[0] ? make_box(&attended) : 0;
    if (error)
        fprintf(stderr, "otelshim run: %s cannot be made: %s: not traced\n", attended.box,
                strerrordesc_np(-error));
    if (error || !run->box[0])
        return child_exec(run->argv);

    error = child_start(&attended.child, run->argv);
    if (error) {
        fprintf(stderr, "otelshim run: %s cannot be started: %s\n", run->argv[0], strerrordesc_np(-error));
        return RUN_STATUS_FAILED;
    }
    unsetenv("LD_PRELOAD"); /* NOLINT(concurrency-mt-unsafe): whatever this process starts is not traced */
    attended.loop = loop_create();
    error = start_exporter(&attended);
    if (!error)
        serve(&attended);
    loop_destroy(attended.loop);
    while (!attended.child.has_ended)
        child_wait(&attended.child, -1, -1);
    return child_end_alike(&attended.child);
}
