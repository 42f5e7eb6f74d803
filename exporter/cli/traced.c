/* traced: the processes an exporter serves: their settings, where their spans go, and what is told of them. */
#include "base/log.h"
#include "cli/alerting.h"
#include "cli/callstacks.h"
#include "cli/client_settings.h"
#include "cli/crashing.h"
#include "cli/executable.h"
#include "cli/lines.h"
#include "cli/metering.h"
#include "cli/metering_self.h"
#include "cli/pipeline_priv.h"
#include "signals/metrics/aggregate.h"
#include "signals/spans/resource.h"
#include "telemetry/drops.h"

#include <stdlib.h>
#include <string.h>

#define CONSOLE_NEEDS \
    "OTEL_TRACES_EXPORTER=console needs `otelshim run --console` or `otelshim export` on a terminal"

static uint64_t hash_text(const char *text)
{
    uint64_t hash = 14695981039346656037ull; /* FNV-1a */
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 1099511628211ull;
    return hash;
}

/* A loop that starts the same program a thousand times has one mistake to tell of, not a thousand. */
static bool is_news(struct pipeline *pipeline, const char *text)
{
    uint64_t hash = hash_text(text);
    uint32_t n = pipeline->n_problems < MAX_PROBLEMS ? pipeline->n_problems : MAX_PROBLEMS;
    for (uint32_t i = 0; i < n; i++)
        if (pipeline->problems[i] == hash)
            return false;
    pipeline->problems[pipeline->n_problems++ % MAX_PROBLEMS] = hash;
    return true;
}

void traced_tell(struct pipeline *pipeline, struct traced *traced, const char *text)
{
    if (!traced->note[0])
        snprintf(traced->note, sizeof(traced->note), "%s", text);
    if (is_news(pipeline, text))
        log_write(LOG_LEVEL_WARN, "%s (pid %u): %s", traced->name, traced->pid, text);
}

static void choose_destination(struct pipeline *pipeline, struct traced *traced,
                               const struct process *process)
{
    const struct settings *settings = process->settings;
    traced->missing = client_settings_missing(settings);
    if (!traced->missing) {
        traced->destination = destination_get(pipeline, process, settings, OTLP_TRACES);
        return;
    }
    traced->destination = destination_find_alike(pipeline, process, settings, OTLP_TRACES);
    if (traced->destination) {
        traced->missing = NULL;
        return;
    }
    char text[200];
    snprintf(text, sizeof(text),
             "%s could not be read before the program ended: put it into otelshim.conf; its spans wait",
             traced->missing);
    traced_tell(pipeline, traced, text);
}

/* NOLINTNEXTLINE(readability-function-size): uthash */
static struct traced *create(struct pipeline *pipeline, struct process *process)
{
    struct traced *traced = calloc(1, sizeof(*traced));
    if (!traced)
        abort();
    traced->pipeline = pipeline;
    traced->process = process;
    traced->pid = process->pid;
    traced->uid = process->uid;
    const char *slash = strrchr(process->exe, '/');
    snprintf(traced->name, sizeof(traced->name), "%s", slash ? slash + 1 : process->exe);
    HASH_ADD_PTR(pipeline->traced, process, traced);
    return traced;
}

void traced_begin(struct pipeline *pipeline, struct process *process)
{
    struct traced *traced = create(pipeline, process);
    process->settings = client_settings_create(process);
    executable_describe(process);
    process->resource = resource_create(process, process->settings);
    const struct settings *settings = process->settings;
    snprintf(traced->service, sizeof(traced->service), "%s", process->resource->service_name);
    for (uint32_t i = 0; i < settings->n_problems; i++)
        traced_tell(pipeline, traced, settings->problems[i].text);

    bool wants_console = settings->exporters & EXPORT_CONSOLE;
    traced->is_shown = pipeline->console && (wants_console || pipeline->options.shows_all);
    if (wants_console && !pipeline->console)
        traced_tell(pipeline, traced, CONSOLE_NEEDS);
    if (settings->exporters & EXPORT_OTLP)
        choose_destination(pipeline, traced, process);
    traced->lanes = lanes_create();
    crashing_begin(pipeline, traced);
    metering_begin(pipeline, traced);
    metering_self_begin(pipeline, traced);
    alerting_begin(pipeline, traced);
    live_apply(pipeline, traced);
    log_write(LOG_LEVEL_INFO, "%s (pid %u) as %s, traces to %s", traced->name, traced->pid, traced->service,
              traced->destination ? otlp_url(traced->destination->otlp)
              : traced->is_shown  ? "the console"
                                  : "nowhere");
}

/* NOLINTNEXTLINE(readability-function-size): uthash */
struct traced *traced_find(struct pipeline *pipeline, const struct process *process)
{
    if (pipeline->last && pipeline->last->process == process)
        return pipeline->last;
    struct traced *traced;
    HASH_FIND_PTR(pipeline->traced, &process, traced);
    pipeline->last = traced;
    return traced;
}

/* NOLINTNEXTLINE(readability-function-size): uthash */
static void forget(struct pipeline *pipeline, struct traced *traced)
{
    /* NOLINTBEGIN(clang-analyzer-unix.Malloc,clang-analyzer-core.NullDereference): uthash's lists are beyond it */
    if (traced->process)
        HASH_DEL(pipeline->traced, traced);
    if (traced->client)
        HASH_DELETE(hh_client, pipeline->by_client, traced);
    /* NOLINTEND(clang-analyzer-unix.Malloc,clang-analyzer-core.NullDereference) */
    if (pipeline->last == traced)
        pipeline->last = NULL;
}

static void release(struct traced *traced)
{
    callstacks_forget(traced->pipeline, traced);
    lines_forget(traced);
    kept_release(traced->pipeline, traced);
    alerting_end(traced);
    lanes_destroy(traced->lanes);
    traced->lanes = NULL;
    settings_destroy(traced->process->settings);
    resource_release(traced->process->resource);
    traced->process->settings = NULL;
    traced->process->resource = NULL;
    traced->process = NULL;
    traced->client = 0;
}

/* Its file goes: what was not recorded is told now or never. */
static void tell_end(struct pipeline *pipeline, struct traced *traced)
{
    char drops[256];
    if (dropbox_ask(pipeline->dropbox, traced->process, &traced->counts))
        metering_self_end(pipeline, traced, &traced->counts);
    drops_print(traced->counts.dropped, drops, sizeof(drops));
    log_write(LOG_LEVEL_INFO, "%s (pid %u) is gone: %llu spans recorded, %llu exported%s%s", traced->name,
              traced->pid, (unsigned long long)traced->recorded, (unsigned long long)traced->exported,
              *drops ? "; lost in the program: " : "", drops);
    struct report_ended *gone = &pipeline->gone;
    gone->n_processes++;
    gone->recorded += traced->recorded;
    gone->exported += traced->exported;
    gone->corrupt += traced->counts.corrupt;
    for (uint32_t i = 0; i < WIRE_MAX_DROPS; i++)
        gone->dropped[i] += traced->counts.dropped[i];
}

void traced_end(struct pipeline *pipeline, struct process *process)
{
    struct traced *traced = traced_find(pipeline, process);
    if (!traced)
        return;
    tell_end(pipeline, traced);
    crashing_end(pipeline, traced);
    forget(pipeline, traced);
    metering_end(pipeline, traced);
    release(traced);
    destination_release(pipeline, traced->destination);
    destination_release(pipeline, traced->logs_destination);
    traced->destination = traced->logs_destination = NULL;
    traced->counts.is_alive = false;
    struct traced **place = &pipeline->ended[pipeline->n_ended++ % MAX_ENDED];
    free(*place);
    *place = traced;
}

/* NOLINTNEXTLINE(readability-function-size): uthash */
static void add_client(struct pipeline *pipeline, struct traced *traced, uint64_t client)
{
    traced->client = client;
    HASH_ADD(hh_client, pipeline->by_client, client, sizeof(traced->client), traced);
}

struct traced *traced_take(struct pipeline *pipeline, const struct process *process,
                           const struct receipt *receipt)
{
    struct traced *traced = traced_find(pipeline, process);
    if (traced && !traced->client)
        add_client(pipeline, traced, receipt->client);
    return traced;
}

/* NOLINTNEXTLINE(readability-function-size): uthash */
struct traced *traced_of_client(struct pipeline *pipeline, uint64_t client)
{
    struct traced *traced;
    HASH_FIND(hh_client, pipeline->by_client, &client, sizeof(client), traced);
    return traced;
}

void traced_fini(struct pipeline *pipeline)
{
    struct traced *traced, *next;
    HASH_ITER(hh, pipeline->traced, traced, next)
    {
        crashing_end(pipeline, traced);
        forget(pipeline, traced);
        metric_set_destroy(traced->metrics);
        release(traced);
        free(traced);
    }
    for (uint32_t i = 0; i < MAX_ENDED; i++)
        free(pipeline->ended[i]);
}
