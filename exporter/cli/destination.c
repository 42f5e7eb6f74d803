/* destination: the OTLP destinations of an exporter, one per configuration. */
#include "base/log.h"
#include "cli/client_settings.h"
#include "cli/metering.h"
#include "cli/metering_self.h"
#include "cli/pipeline_priv.h"
#include "cli/spool_size.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_SPOOLS 16u
#define MAX_EMPTY_SPOOLS 2u

static void give_back(void *context, const struct receipt *receipts, uint32_t n_receipts)
{
    struct pipeline *pipeline = ((struct destination *)context)->pipeline;
    pipeline_give_back(pipeline, receipts, n_receipts);
    if (pipeline->was_gated && pipeline->pacer)
        pacer_hurry(pipeline->pacer);
    pipeline->was_gated = false;
}

static void note(void *context, const char *line)
{
    (void)context;
    log_write(LOG_LEVEL_WARN, "%s", line);
}

static uint32_t free_number(const struct pipeline *pipeline, enum otlp_signal signal)
{
    uint32_t number = 0;
    for (const struct destination *each = pipeline->destinations; each;)
        if (each->signal == signal && each->number == number) {
            number++;
            each = pipeline->destinations;
        } else {
            each = each->next;
        }
    return number;
}

/* `settings` become the destination's. */
static struct destination *create(struct pipeline *pipeline, struct settings *settings, uint32_t uid,
                                  enum otlp_signal signal)
{
    struct destination *destination = calloc(1, sizeof(*destination));
    if (!destination)
        abort();
    struct otlp_events events = {
        .on_receipts = give_back, .on_note = note, .on_result = metering_self_result, .context = destination};
    destination->settings = settings;
    destination->uid = uid;
    destination->signal = signal;
    destination->pipeline = pipeline;
    destination->number = free_number(pipeline, signal);
    destination->otlp = otlp_create(pipeline->loop, settings, signal, pipeline->spool_directory, &events);
    destination->next = pipeline->destinations;
    pipeline->destinations = destination;
    return destination;
}

/* Its counts go with it: what was lost was said at most once a while, and not how much in all. */
static void tell_lost(const struct destination *destination)
{
    struct otlp_counts counts;
    otlp_get_counts(destination->otlp, &counts);
    if (counts.rejected || counts.dropped_spool)
        log_write(LOG_LEVEL_WARN, "%s: %" PRIu64 " delivered, %" PRIu64 " rejected, %" PRIu64 " dropped",
                  otlp_url(destination->otlp), counts.exported, counts.rejected, counts.dropped_spool);
}

static void destroy(struct pipeline *pipeline, struct destination *destination)
{
    struct destination **at = &pipeline->destinations;
    while (*at != destination)
        at = &(*at)->next;
    *at = destination->next;
    tell_lost(destination);
    metering_self_forget(pipeline, destination);
    metering_fini(destination);
    otlp_destroy(destination->otlp);
    settings_destroy(destination->settings);
    free(destination);
}

static uint64_t count_spooled(const struct destination *destination)
{
    struct otlp_counts counts;
    otlp_get_counts(destination->otlp, &counts);
    return counts.spooled_batches;
}

/* In a spool that is none of ours: batches, or the checkpoint of an exporter that was killed. */
static bool has_left_spools(const struct pipeline *pipeline)
{
    struct spool_size all;
    uint64_t n_batches = 0, n_checkpoints = 0;
    spool_look(&all);
    for (struct destination *each = pipeline->destinations; each; each = each->next) {
        struct otlp_counts counts;
        otlp_get_counts(each->otlp, &counts);
        n_batches += counts.spooled_batches;
        n_checkpoints += counts.has_checkpoint;
    }
    return all.n_batches > n_batches || all.n_checkpoints > n_checkpoints;
}

/* `process` NULL: this exporter's own settings. */
static struct settings *make_settings(const struct process *process)
{
    return process ? client_settings_create(process) : settings_create_own();
}

/*
 * Two destinations with one URL and, say, different delays have a spool each. Where the exporter before left two, one alone
 * would send only the first: so more like it are made until they find nothing. An empty one is kept till then, so that the
 * next gets another directory.
 */
static void collect_spools(struct pipeline *pipeline, const struct process *process, uint32_t uid,
                           enum otlp_signal signal)
{
    struct destination *empty[MAX_EMPTY_SPOOLS];
    uint32_t n_empty = 0;
    for (uint32_t i = 0; i < MAX_SPOOLS && n_empty < MAX_EMPTY_SPOOLS; i++) {
        if (!has_left_spools(pipeline))
            break;
        struct destination *more = create(pipeline, make_settings(process), uid, signal);
        if (count_spooled(more) == 0)
            empty[n_empty++] = more;
    }
    for (uint32_t i = 0; i < n_empty; i++)
        destroy(pipeline, empty[i]);
}

/* `process` NULL: for this exporter itself. */
static struct destination *get(struct pipeline *pipeline, const struct process *process, uint32_t uid,
                               const struct settings *settings, enum otlp_signal signal)
{
    struct destination *found = pipeline->destinations;
    while (found && !(found->signal == signal && found->uid == uid && otlp_serves(found->otlp, settings)))
        found = found->next;
    if (!found) {
        found = create(pipeline, make_settings(process), uid, signal);
        collect_spools(pipeline, process, uid, signal);
    }
    found->n_users++;
    return found;
}

/* A token of one user's is never used for another's spans, even where all settings are the same. */
struct destination *destination_get(struct pipeline *pipeline, const struct process *process,
                                    const struct settings *settings, enum otlp_signal signal)
{
    return get(pipeline, process, process->uid, settings, signal);
}

struct destination *destination_get_own_logs(struct pipeline *pipeline)
{
    struct settings *settings = settings_create_own();
    bool is_wanted = settings->logs_exporters & EXPORT_OTLP;
    struct destination *found = is_wanted ? get(pipeline, NULL, geteuid(), settings, OTLP_LOGS) : NULL;
    settings_destroy(settings);
    return found;
}

struct destination *destination_open_own_metrics(struct pipeline *pipeline)
{
    const struct settings *own = pipeline->own_settings;
    bool is_named = own->values[SETTING_OTEL_EXPORTER_OTLP_ENDPOINT] ||
                    own->values[SETTING_OTEL_EXPORTER_OTLP_METRICS_ENDPOINT];
    if (!is_named || !own->self_metrics || !(own->metrics_exporters & EXPORT_OTLP))
        return NULL;
    struct destination *found = get(pipeline, NULL, geteuid(), own, OTLP_METRICS);
    found->n_users--;
    return found;
}

struct destination *destination_find_alike(struct pipeline *pipeline, const struct process *process,
                                           const struct settings *settings, enum otlp_signal signal)
{
    struct destination *found = pipeline->destinations;
    const char *url = otlp_delivery(settings, signal)->url;
    for (; found; found = found->next) {
        const struct delivery *theirs = otlp_delivery(found->settings, signal);
        if (found->signal == signal && found->uid == process->uid && theirs->n_headers > 0 &&
            strcmp(theirs->url, url) == 0)
            break;
    }
    if (found)
        found->n_users++;
    return found;
}

void destination_release(struct pipeline *pipeline, struct destination *destination)
{
    if (!destination)
        return;
    destination->n_users--;
    uint32_t n_idle = 0;
    for (struct destination *each = pipeline->destinations; each; each = each->next)
        n_idle += each->n_users == 0;
    struct destination *next;
    for (struct destination *each = pipeline->destinations; each && n_idle > MAX_IDLE_DESTINATIONS;
         each = next) {
        next = each->next;
        if (each->n_users > 0 || each->n_ended > 0 || each == metering_self_home(pipeline) ||
            !otlp_is_idle(each->otlp))
            continue;
        destroy(pipeline, each);
        n_idle--;
    }
}

void destination_open_own(struct pipeline *pipeline)
{
    struct settings *settings = settings_create_own();
    if (settings->exporters & EXPORT_OTLP)
        collect_spools(pipeline, NULL, geteuid(), OTLP_TRACES);
    if (settings->metrics_exporters & EXPORT_OTLP)
        collect_spools(pipeline, NULL, geteuid(), OTLP_METRICS);
    if (settings->logs_exporters & EXPORT_OTLP)
        collect_spools(pipeline, NULL, geteuid(), OTLP_LOGS);
    settings_destroy(settings);
}

void destinations_fini(struct pipeline *pipeline)
{
    while (pipeline->destinations)
        destroy(pipeline, pipeline->destinations);
}
