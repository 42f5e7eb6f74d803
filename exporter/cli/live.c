/*
 * live: settings that change while programs run: otelshim.conf and .env files are looked at four times a second, and a changed one
 * is read again for every process.
 *
 * Looked at, not watched by inotify: the directory may not be there yet, editors write a new file beside the old one, and three
 * stat() calls each time cost less than following all of that. A file is read once it stayed as it is for one look: whoever
 * writes it in place is not caught half-way.
 *
 * At once for what is exported from then on: rules, limits, redaction, OTELSHIM_KEEP; by the live settings word for what acts in
 * the program. Where spans go, and as what, is settled when a process is first seen: its receipts must come back in order.
 */
#include "base/log.h"
#include "cli/alerting.h"
#include "cli/client_settings.h"
#include "cli/pipeline_priv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LOOK_EVERY_MS 250u
#define MAX_FILES 64u

struct file {
    char *path;
    dev_t device;
    ino_t inode; /* 0: not there */
    off_t bytes;
    struct timespec modified, changed;
};

struct live {
    struct loop_timer *timer;
    struct file files[MAX_FILES];
    uint32_t n_files;
    bool is_pending; /* one has changed */
};

static bool is_same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* Takes down how the file is now; true: it was otherwise. */
static bool look_at(struct file *file)
{
    struct stat status = {0};
    if (stat(file->path, &status) != 0)
        status = (struct stat){0};
    bool is_same = file->device == status.st_dev && file->inode == status.st_ino &&
                   file->bytes == status.st_size && is_same_time(file->modified, status.st_mtim) &&
                   is_same_time(file->changed, status.st_ctim);
    file->device = status.st_dev;
    file->inode = status.st_ino;
    file->bytes = status.st_size;
    file->modified = status.st_mtim;
    file->changed = status.st_ctim;
    return !is_same;
}

static void watch(struct live *live, const char *path)
{
    for (uint32_t i = 0; i < live->n_files; i++)
        if (strcmp(live->files[i].path, path) == 0)
            return;
    if (live->n_files == MAX_FILES)
        return;
    struct file *file = &live->files[live->n_files++];
    *file = (struct file){.path = strdup(path)};
    if (!file->path)
        abort();
    look_at(file);
}

void live_apply(struct pipeline *pipeline, struct traced *traced)
{
    const struct settings *settings = traced->process->settings;
    for (uint32_t i = 0; i < settings->n_paths; i++)
        watch(pipeline->live, settings->paths[i]);
    settings_print_live(settings, traced->live, sizeof(traced->live));
    dropbox_set_live(pipeline->dropbox, traced->process, settings->live);
    kept_prepare(pipeline, traced);
}

static void reload(struct pipeline *pipeline, struct traced *traced)
{
    struct process *process = traced->process;
    struct settings *before = process->settings;
    char live_before[sizeof(traced->live)];
    process->settings = client_settings_create(process);
    for (uint32_t i = 0; i < process->settings->n_problems; i++)
        traced_tell(pipeline, traced, process->settings->problems[i].text);
    if (traced->destination && !otlp_serves(traced->destination->otlp, process->settings))
        traced_tell(pipeline, traced, "where spans go changes with the program's next start");
    settings_destroy(before);
    memcpy(live_before, traced->live, sizeof(live_before));
    live_apply(pipeline, traced);
    alerting_reload(pipeline, traced);
    if (strcmp(live_before, traced->live) != 0)
        log_write(LOG_LEVEL_INFO, "%s (pid %u): live settings: %s", traced->name, traced->pid,
                  traced->live[0] ? traced->live : "as started");
}

static void look(void *context)
{
    struct pipeline *pipeline = context;
    struct live *live = pipeline->live;
    bool has_changed = false;
    for (uint32_t i = 0; i < live->n_files; i++)
        has_changed |= look_at(&live->files[i]);
    if (live->is_pending && !has_changed) {
        struct traced *traced, *next;
        HASH_ITER(hh, pipeline->traced, traced, next)
        reload(pipeline, traced);
    }
    live->is_pending = has_changed;
    loop_timer_start(live->timer, LOOK_EVERY_MS);
}

void live_start(struct pipeline *pipeline)
{
    pipeline->live = calloc(1, sizeof(*pipeline->live));
    if (!pipeline->live)
        abort();
    pipeline->live->timer = loop_timer_create(pipeline->loop, look, pipeline);
    loop_timer_start(pipeline->live->timer, LOOK_EVERY_MS);
}

void live_stop(struct pipeline *pipeline)
{
    loop_timer_destroy(pipeline->live->timer);
    for (uint32_t i = 0; i < pipeline->live->n_files; i++)
        free(pipeline->live->files[i].path);
    free(pipeline->live);
}
