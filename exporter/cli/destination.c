/* destination: the OTLP destinations of an exporter, one per configuration. */
#include "base/log.h"
#include "cli/client_settings.h"
#include "cli/pipeline_priv.h"
#include "cli/spool_size.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void give_back(void *context, const struct receipt *receipts, uint32_t n_receipts)
{
    struct pipeline *pipeline = context;
    traced_count(pipeline, receipts, n_receipts);
    dropbox_acknowledge(pipeline->dropbox, receipts, n_receipts);
    if (pipeline->was_gated && pipeline->pacer)
        pacer_hurry(pipeline->pacer);
    pipeline->was_gated = false;
}

static void note(void *context, const char *line)
{
    (void)context;
    log_write(LOG_LEVEL_WARN, "%s", line);
}

/* `settings` become the destination's. */
static struct destination *create(struct pipeline *pipeline, struct settings *settings, uint32_t uid)
{
    struct destination *destination = calloc(1, sizeof(*destination));
    if (!destination)
        abort();
    struct otlp_events events = {.on_receipts = give_back, .on_note = note, .context = pipeline};
    destination->settings = settings;
    destination->uid = uid;
    destination->otlp = otlp_create(pipeline->loop, settings, pipeline->spool_directory, &events);
    destination->next = pipeline->destinations;
    pipeline->destinations = destination;
    log_write(LOG_LEVEL_INFO, "destination %s", otlp_url(destination->otlp));
    return destination;
}

static void destroy(struct pipeline *pipeline, struct destination *destination)
{
    struct destination **at = &pipeline->destinations;
    while (*at != destination)
        at = &(*at)->next;
    *at = destination->next;
    otlp_destroy(destination->otlp);
    settings_destroy(destination->settings);
    free(destination);
}

/* A token of one user's is never used for another's spans, even where all settings are the same. */
struct destination *destination_get(struct pipeline *pipeline, const struct process *process,
                                    const struct settings *settings)
{
    struct destination *found = pipeline->destinations;
    while (found && !(found->uid == process->uid && otlp_serves(found->otlp, settings)))
        found = found->next;
    if (!found)
        found = create(pipeline, client_settings_create(process), process->uid);
    found->n_users++;
    return found;
}

struct destination *destination_find_alike(struct pipeline *pipeline, const struct process *process,
                                           const struct settings *settings)
{
    struct destination *found = pipeline->destinations;
    while (found && !(found->uid == process->uid && found->settings->n_headers > 0 &&
                      strcmp(found->settings->traces_url, settings->traces_url) == 0))
        found = found->next;
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
        if (each->n_users > 0 || !otlp_is_idle(each->otlp))
            continue;
        destroy(pipeline, each);
        n_idle--;
    }
}

void destination_open_own(struct pipeline *pipeline)
{
    struct spool_size spool;
    spool_look(&spool);
    if (spool.n_batches == 0)
        return;
    struct settings *settings = settings_create_own();
    if (settings->exporters & EXPORT_OTLP)
        create(pipeline, settings, geteuid());
    else
        settings_destroy(settings);
}

void destinations_fini(struct pipeline *pipeline)
{
    while (pipeline->destinations)
        destroy(pipeline, pipeline->destinations);
}
