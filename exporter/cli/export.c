/*
 * export: the exporter: serves the traced programs of its user until nothing is left to do.
 *
 *   pipeline   drop boxes → spans → destinations        (pipeline.h)
 *   control    what `otelshim status` asks               (control.h)
 *   tick       once a second: leave? was the binary replaced? does somebody wait for delivery?
 */
#include "base/clock.h"
#include "base/log.h"
#include "cli/boxes.h"
#include "cli/command.h"
#include "cli/control.h"
#include "cli/pipeline.h"
#include "cli/self.h"
#include "sources/process/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TICK_MS 1000u
#define FLUSH_TICK_MS 20u      /* while somebody waits for delivery */
#define RETRY_TIME_MS 3600000u /* with batches in the spool */
#define AUTO_LEAVE_S "30"
#define STARTED_BY "OTELSHIM_STARTED_BY" /* as in shim/start.c */
#define STARTED_BY_FD 3
/* Kept by malloc from batch to batch [given back and faulted in again with each one, it cost 200 ns a span]. */
#define KEPT_BYTES (4 << 20)

const char command_export_help[] =
    "usage: otelshim export [--console] [--dir DIR] [--leave-after SECONDS] [--all-users]\n"
    "\n"
    "Takes what traced programs recorded and sends it where each program's settings say. The library starts "
    "one by\n"
    "itself; start one by hand to watch it, or as a service.\n"
    "\n"
    "  --console              print every trace on stdout\n"
    "  --dir DIR              serve this drop box too (default: OTELSHIM_DIR, where it is set)\n"
    "  --leave-after SECONDS  leave when no program is traced for so long and all is delivered; with batches "
    "in the\n"
    "                         spool after an hour of retries (default: stay)\n"
    "  --all-users            serve every user's programs (a system service; needs root)\n"
    "  --auto                 as the library starts it: log to a file, --leave-after " AUTO_LEAVE_S "\n"
    "\n"
    "Logs to stderr, with --auto to $XDG_STATE_HOME/otelshim/export.log (~/.local/state). SIGTERM and "
    "SIGINT: what is\n"
    "not delivered goes to the spool, for the next exporter.\n"
    "Exit status: 0; 1 another exporter serves this user's drop boxes (0 with --auto), or none can be "
    "made.\n";

struct exporter {
    struct loop *loop;
    struct pipeline *pipeline;
    struct control *control;
    struct loop_timer *tick;
    char **argv;
    bool is_auto;
    const char *log_path;
    char log_path_text[PATH_MAX];
    uint64_t leave_after_ms; /* UINT64_MAX: never */
    uint64_t alone_since_ms; /* when the last program went; 0: some are there */
    uint64_t started_unix_ns;
    int starter_fd; /* pidfd of the program that started it; -1 none */
    uint32_t starter_pid;
    uint64_t starter_ticks;
    bool is_flushing; /* somebody waits for delivery */
    bool must_restart;
};

/* ---- control ---- */

static void print_report(struct exporter *exporter, FILE *out, const char *form)
{
    struct report report = {.pid = (uint32_t)getpid(), .uid = geteuid(), .version = OTELSHIM_VERSION};
    char log[16384];
    log_copy_last(log, sizeof(log));
    report.log = log;
    report.log_path = exporter->log_path;
    report.started_unix_ns = exporter->started_unix_ns;
    pipeline_report(exporter->pipeline, &report);
    if (strcmp(form, "json") == 0)
        report_print_json(out, &report);
    else
        report_print_text(out, &report, strcmp(form, "colour") == 0);
    report_fini(&report);
}

static bool is_delivered(struct exporter *exporter)
{
    return pipeline_has_no_remains(exporter->pipeline) && pipeline_is_delivered(exporter->pipeline);
}

/* "PID STATUS", from `otelshim run`, who waited for it. */
static void note_end(struct exporter *exporter, const char *text)
{
    char *end;
    unsigned long pid = strtoul(text, &end, 10);
    long status = strtol(end, &end, 10);
    if (pid && pid <= UINT32_MAX && !*end && status >= 0 && status <= 0xffff)
        pipeline_note_end(exporter->pipeline, (uint32_t)pid, (int)status);
}

/* "PID", of a process that is about to become a program with the library. */
static void expect(struct exporter *exporter, const char *text)
{
    char *end;
    unsigned long pid = strtoul(text, &end, 10);
    if (pid && pid <= UINT32_MAX && !*end)
        pipeline_expect(exporter->pipeline, (uint32_t)pid, 0, -1);
}

static bool answer(void *context, const char *request, FILE *out)
{
    struct exporter *exporter = context;
    if (strcmp(request, "pid") == 0) {
        fprintf(out, "%d\n", (int)getpid());
    } else if (strncmp(request, "status", 6) == 0 && (request[6] == 0 || request[6] == ' ')) {
        print_report(exporter, out, request[6] ? request + 7 : "");
    } else if (strncmp(request, "ended ", 6) == 0) {
        note_end(exporter, request + 6);
        fputs("thanks\n", out);
    } else if (strncmp(request, "expect ", 7) == 0) {
        expect(exporter, request + 7);
        fputs("thanks\n", out);
    } else if (strcmp(request, "flush") == 0) {
        if (!is_delivered(exporter)) {
            exporter->is_flushing = true;
            loop_timer_start(exporter->tick, FLUSH_TICK_MS);
            return false;
        }
        fputs("delivered\n", out);
    } else if (!pipeline_answer_alerts(exporter->pipeline, request, out)) {
        fputs("unknown request\n", out);
    }
    return true;
}

/* ---- leaving ---- */

static bool may_leave(struct exporter *exporter)
{
    uint64_t now_ms = loop_now_ms(exporter->loop);
    if (!pipeline_has_no_clients(exporter->pipeline)) {
        exporter->alone_since_ms = 0;
        return false;
    }
    if (exporter->alone_since_ms == 0) {
        exporter->alone_since_ms = now_ms;
        (void)malloc_trim(KEPT_BYTES); /* a storm of processes leaves holes that free() gives nobody back */
    }
    uint64_t alone_ms = now_ms - exporter->alone_since_ms;
    if (exporter->leave_after_ms == UINT64_MAX || alone_ms < exporter->leave_after_ms)
        return false;
    if (!pipeline_is_delivered(exporter->pipeline) && alone_ms < RETRY_TIME_MS) {
        pipeline_flush(exporter->pipeline); /* nothing more comes that could go with it */
        return false;
    }
    return pipeline_leave(exporter->pipeline);
}

static void tick(void *context)
{
    struct exporter *exporter = context;
    if (exporter->is_flushing) {
        pipeline_flush(exporter->pipeline);
        exporter->is_flushing = false; /* set again by whoever still waits */
        control_answer_waiting(exporter->control);
    }
    if (may_leave(exporter)) {
        log_write(LOG_LEVEL_INFO, "nothing left to do: leaving");
        loop_stop(exporter->loop);
        return;
    }
    if (self_was_replaced()) {
        log_write(LOG_LEVEL_INFO, "%s was replaced: starting the new one", self_path());
        exporter->must_restart = true;
        loop_stop(exporter->loop);
        return;
    }
    loop_timer_start(exporter->tick, exporter->is_flushing ? FLUSH_TICK_MS : TICK_MS);
}

static void on_signal(void *context, int signal_number)
{
    struct exporter *exporter = context;
    if (signal_number == SIGHUP)
        return;
    log_write(LOG_LEVEL_INFO, "SIG%s: leaving", sigabbrev_np(signal_number));
    loop_stop(exporter->loop);
}

/* ---- starting ---- */

/* The program that started this exporter left a pidfd of itself (shim/start.c). -1: none. */
static int take_starter(uint32_t *ret_pid, uint64_t *ret_start_ticks)
{
    char path[64], text[256] = "", *end;
    const char *name = getenv(STARTED_BY); /* NOLINT(concurrency-mt-unsafe): before any thread */
    if (!name)
        return -1;
    unsigned long pid = strtoul(name, &end, 10);
    uint64_t start_ticks = *end == '-' ? strtoull(end + 1, &end, 10) : 0;
    bool is_right = pid && pid <= UINT32_MAX && start_ticks && !*end;
    unsetenv(STARTED_BY); /* NOLINT(concurrency-mt-unsafe) */
    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", STARTED_BY_FD);
    if (!is_right || proc_read(AT_FDCWD, path, text, sizeof(text)) <= 0 || !strstr(text, "\nPid:") ||
        fcntl(STARTED_BY_FD, F_SETFD, FD_CLOEXEC) != 0)
        return -1;
    *ret_pid = (uint32_t)pid;
    *ret_start_ticks = start_ticks;
    return STARTED_BY_FD;
}

static void open_log(struct exporter *exporter)
{
    struct settings *settings = settings_create_own();
    enum log_level level = LOG_LEVEL_INFO;
    (void)log_parse_level(settings->log_level, &level);
    settings_destroy(settings);
    if (exporter->is_auto && log_default_path(exporter->log_path_text, sizeof(exporter->log_path_text)) == 0)
        exporter->log_path = exporter->log_path_text;
    log_open(exporter->log_path, level);
}

static void say_busy(bool is_auto)
{
    struct box_place places[BOXES_MAX];
    uint32_t n = boxes_list(places, BOXES_MAX);
    for (uint32_t i = 0; i < n; i++) {
        char *pid;
        if (!places[i].is_served || control_ask(places[i].path, "pid", 500, &pid) != 0)
            continue;
        if (is_auto)
            log_write(LOG_LEVEL_DEBUG, "exporter %ld serves %s", strtol(pid, NULL, 10), places[i].path);
        else
            fprintf(stderr, "otelshim export: another exporter (pid %ld) serves %s\n", strtol(pid, NULL, 10),
                    places[i].path);
        free(pid);
        return;
    }
    if (!is_auto)
        fputs("otelshim export: another exporter serves this user's drop boxes\n", stderr);
}

static int start(struct exporter *exporter, const struct pipeline_options *options)
{
    char problem[200], box[PATH_MAX];
    struct problem tested;
    (void)boxes_test(box, &tested); /* what a program started like this would meet */
    int error = pipeline_create(&exporter->pipeline, exporter->loop, options, problem);
    if (error == -EBUSY) {
        say_busy(exporter->is_auto);
        return error;
    }
    if (error) {
        log_write(LOG_LEVEL_ERROR, "%s", tested.text[0] ? tested.text : problem);
        return error;
    }
    if (tested.text[0])
        log_write(LOG_LEVEL_WARN, "%s", tested.text);
    if (exporter->starter_fd >= 0)
        pipeline_expect(exporter->pipeline, exporter->starter_pid, exporter->starter_ticks,
                        exporter->starter_fd);
    error = control_create(&exporter->control, exporter->loop, pipeline_directory(exporter->pipeline), answer,
                           exporter);
    if (error)
        log_write(LOG_LEVEL_WARN,
                  "%s/control cannot be made: %s: `otelshim status` will not know of this exporter",
                  pipeline_directory(exporter->pipeline), strerrordesc_np(-error));
    exporter->tick = loop_timer_create(exporter->loop, tick, exporter);
    loop_timer_start(exporter->tick, TICK_MS);
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        loop_on_signal(exporter->loop, signals[i], on_signal, exporter);
    log_write(LOG_LEVEL_INFO, "otelshim %s (pid %d) serves %s", OTELSHIM_VERSION, (int)getpid(),
              pipeline_directory(exporter->pipeline));
    return 0;
}

static void stop(struct exporter *exporter)
{
    pipeline_print(exporter->pipeline);
    pipeline_spool(exporter->pipeline);
    control_destroy(exporter->control);
    loop_timer_destroy(exporter->tick);
    pipeline_destroy(exporter->pipeline);
}

static int serve(struct exporter *exporter, const struct pipeline_options *options)
{
    exporter->started_unix_ns = clock_ns(CLOCK_REALTIME);
    exporter->starter_fd = take_starter(&exporter->starter_pid, &exporter->starter_ticks);
    signal(SIGPIPE, SIG_IGN);
    /* NOLINTBEGIN(concurrency-mt-unsafe): before any thread */
    (void)mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
    (void)mallopt(M_MMAP_THRESHOLD, KEPT_BYTES);
    /* NOLINTEND(concurrency-mt-unsafe) */
    (void)self_path(); /* as long as it is there */
    open_log(exporter);
    exporter->loop = loop_create();
    int error = start(exporter, options);
    if (!error) {
        loop_run(exporter->loop);
        stop(exporter);
    }
    loop_destroy(exporter->loop);
    log_close();
    if (!error && exporter->must_restart)
        error = self_restart(exporter->argv);
    if (error == -EBUSY && exporter->is_auto)
        return 0;
    return error ? STATUS_FAILED : 0;
}

static int parse_seconds(const char *command, const char *text, uint64_t *ret_ms)
{
    char *end;
    errno = 0;
    unsigned long seconds = strtoul(text, &end, 10);
    if (errno || end == text || *end || text[0] == '-' || seconds > 86400 * 365ul) {
        fprintf(stderr, "otelshim %s: --leave-after %s: allowed are seconds\n", command, text);
        return STATUS_USAGE;
    }
    *ret_ms = seconds * 1000ull;
    return OPTIONS_FINE;
}

/* Who starts an exporter by hand is there to mend it; an automatic one notes it for each program. */
static bool has_bad_rules(const char *command)
{
    struct settings *settings = settings_create_own();
    bool is_bad = settings->has_bad_rule;
    for (uint32_t i = 0; is_bad && i < settings->n_problems; i++)
        fprintf(stderr, "otelshim %s: %s\n", command, settings->problems[i].text);
    settings_destroy(settings);
    return is_bad;
}

int command_export(int argc, char **argv)
{
    static struct exporter exporter;
    bool has_console = false;
    int first = 1;
    const char *leave_after = NULL;
    struct pipeline_options options = {.directory =
                                           getenv("OTELSHIM_DIR")}; /* NOLINT(concurrency-mt-unsafe) */
    const struct option_row rows[] = {
        {"--console", NULL, &has_console, NULL},     {"--dir", NULL, NULL, &options.directory},
        {"--leave-after", NULL, NULL, &leave_after}, {"--all-users", NULL, &options.all_users, NULL},
        {"--auto", NULL, &exporter.is_auto, NULL},
    };
    int status =
        command_parse_options(argc, argv, rows, sizeof(rows) / sizeof(rows[0]), STATUS_USAGE, &first);
    if (status == OPTIONS_FINE)
        status = command_refuse_operands(argc, argv, first, STATUS_USAGE);
    if (!leave_after && exporter.is_auto)
        leave_after = AUTO_LEAVE_S;
    exporter.leave_after_ms = UINT64_MAX;
    if (status == OPTIONS_FINE && leave_after)
        status = parse_seconds(argv[0], leave_after, &exporter.leave_after_ms);
    if (status != OPTIONS_FINE)
        return status;
    if (options.directory && options.directory[0] != '/') {
        if (*options.directory)
            fprintf(stderr, "otelshim %s: --dir %s: allowed is an absolute path\n", argv[0],
                    options.directory);
        if (*options.directory)
            return STATUS_USAGE;
        options.directory = NULL;
    }
    if (!exporter.is_auto && has_bad_rules(argv[0]))
        return STATUS_USAGE;
    exporter.argv = argv - 1; /* "otelshim export …" */
    options.shows_all = has_console;
    if (has_console || (!exporter.is_auto && isatty(STDOUT_FILENO)))
        options.console = stdout;
    return serve(&exporter, &options);
}
