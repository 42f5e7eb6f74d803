/*
 * run: a program under the library, in three ways: in place of this process; as its parent and exporter (--console);
 * as its parent and the container's init (pid 1).
 */
#include "cli/run.h"
#include "cli/boxes.h"
#include "cli/child.h"
#include "cli/command.h"
#include "cli/control.h"
#include "cli/self.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_FLUSH_TIMEOUT_MS 2000u

const char command_run_help[] =
    "usage: otelshim run [--console] [--service NAME] [--endpoint URL] [--] PROGRAM [ARGUMENT...]\n"
    "\n"
    "Starts PROGRAM with libotelshim.so in LD_PRELOAD and the library's settings from otelshim.conf in its "
    "environment;\n"
    "this process becomes PROGRAM.\n"
    "\n"
    "  --console       print every trace on stderr as it completes, besides sending it "
    "(OTEL_TRACES_EXPORTER=none before\n"
    "                  it: send nothing); this process stays as the parent\n"
    "  --service NAME  OTEL_SERVICE_NAME\n"
    "  --endpoint URL  OTEL_EXPORTER_OTLP_ENDPOINT: where the OTLP receiver is, http://localhost:4318 by "
    "default\n"
    "\n"
    "As pid 1 of a container it stays as the parent too: it starts the exporter, passes on signals, reaps "
    "orphans, and\n"
    "leaves when PROGRAM has ended and all is delivered, at most OTELSHIM_FLUSH_TIMEOUT (2000) ms later.\n"
    "Exit status: PROGRAM's, or death by the same signal; 125 otelshim failed; 126 PROGRAM cannot be "
    "started; 127 there is\n"
    "no PROGRAM.\n";

/* The rows that act in the program itself: they must be in its environment; the live ones go on following the files. */
static void export_settings(const struct settings *settings)
{
#define SHIM true
#define EXPORTER false
    char from_files[400] = "";
    static const bool is_for_program[] = {
#define SETTING(NAME, who, type, standard, secrecy, allowed, meaning) who,
#include <settings.h>
#undef SETTING
    };
#undef SHIM
#undef EXPORTER
    for (int i = 0; i < N_SETTINGS; i++)
        if (is_for_program[i] && settings->values[i] && settings->origins[i] != ORIGIN_ENVIRONMENT &&
            settings->origins[i] != ORIGIN_DEFAULT) {
            /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
            setenv(settings_name((enum setting)i), settings->values[i], 1);
            size_t at = strlen(from_files);
            if (settings_is_live((enum setting)i))
                snprintf(from_files + at, sizeof(from_files) - at, "%s%s", at ? "," : "",
                         settings_name((enum setting)i));
        }
    if (from_files[0])
        setenv("OTELSHIM_FROM_FILES", from_files, 1); /* NOLINT(concurrency-mt-unsafe) */
}

static void export_library(void)
{
    char library[PATH_MAX], pid[16];
    self_find_library(library);
    char *preload = self_join_preload(library, getenv("LD_PRELOAD")); /* NOLINT(concurrency-mt-unsafe) */
    setenv("LD_PRELOAD", preload, 1);                                 /* NOLINT(concurrency-mt-unsafe) */
    free(preload);
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("OTELSHIM_MAIN", pid, 1); /* NOLINT(concurrency-mt-unsafe) */
}

/* What `--console` adds to: the list as it stands, `none` left out. */
static void add_console(const struct settings *settings)
{
    const char *list = settings->values[SETTING_OTEL_TRACES_EXPORTER];
    char more[200];
    if (!list)
        list = "otlp";
    bool is_none = !(settings->exporters & (EXPORT_OTLP | EXPORT_CONSOLE));
    bool has_console = settings->exporters & EXPORT_CONSOLE;
    snprintf(more, sizeof(more), "%s%sconsole", is_none ? "" : list, is_none ? "" : ",");
    setenv("OTEL_TRACES_EXPORTER", has_console ? list : more, 1); /* NOLINT(concurrency-mt-unsafe) */
}

/* Options are the strongest origin: in the environment, and what would win over them there taken out. */
static int apply_options(const char *service, const char *endpoint)
{
    struct problem problem;
    if (service)
        setenv("OTEL_SERVICE_NAME", service, 1); /* NOLINT(concurrency-mt-unsafe) */
    if (!endpoint)
        return OPTIONS_FINE;
    if (settings_check("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint, &problem) != 0) {
        fprintf(stderr, "otelshim run: --endpoint '%s': allowed is an http:// or https:// URL\n", endpoint);
        return RUN_STATUS_FAILED;
    }
    setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint, 1); /* NOLINT(concurrency-mt-unsafe) */
    unsetenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");     /* NOLINT(concurrency-mt-unsafe) */
    return OPTIONS_FINE;
}

static void apply_settings(struct run *run, bool has_console)
{
    struct settings *settings = settings_create_own();
    for (uint32_t i = 0; i < settings->n_problems; i++)
        fprintf(stderr, "otelshim run: %s\n", settings->problems[i].text);
    export_settings(settings);
    if (has_console)
        add_console(settings);
    const char *flush = settings->values[SETTING_OTELSHIM_FLUSH_TIMEOUT];
    run->flush_timeout_ms = flush ? (uint32_t)strtoul(flush, NULL, 10) : DEFAULT_FLUSH_TIMEOUT_MS;
    settings_destroy(settings);
}

int command_run(int argc, char **argv)
{
    bool has_console = false;
    const char *service = NULL, *endpoint = NULL;
    int first = 1;
    const struct option_row rows[] = {{"--console", NULL, &has_console, NULL},
                                      {"--service", NULL, NULL, &service},
                                      {"--endpoint", NULL, NULL, &endpoint}};
    int status = command_parse_options(argc, argv, rows, 3, RUN_STATUS_FAILED, &first);
    if (status != OPTIONS_FINE)
        return status;
    if (first >= argc) {
        fputs("otelshim run: no program given: otelshim run [--console] [--] PROGRAM [ARGUMENT...]\n",
              stderr);
        return RUN_STATUS_FAILED;
    }
    status = apply_options(service, endpoint);
    if (status != OPTIONS_FINE)
        return status;

    struct run run = {.argv = argv + first};
    struct problem problem;
    apply_settings(&run, has_console);
    int error = boxes_test(run.box, &problem);
    if (problem.text[0])
        fprintf(stderr, "otelshim run: %s\n", problem.text);
    if (error)
        run.box[0] = 0;
    export_library();
    if (has_console)
        return run_with_console(&run);
    if (getpid() == 1)
        return run_as_init(&run);
    if (run.box[0]) /* it may die before its file is seen */
        (void)control_tell_expected(run.box, getpid());
    return child_exec(run.argv);
}
