/* incident: the life of one crash case in the exporter. See crashing.h. */
#include "cli/crashing_priv.h"

#include "base/clock.h"
#include "base/log.h"
#include "cli/alerting.h"
#include "cli/client_settings.h"
#include "cli/self.h"
#include "signals/spans/assemble.h"
#include "telemetry/resource.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ADOPT_AGE_S 2u /* a younger case is being made by somebody */

struct incident *incident_create(struct pipeline *pipeline, struct traced *traced)
{
    struct crashing *crashing = pipeline->crashing;
    struct incident *incident = crashing->n_incidents < MAX_INCIDENTS ? calloc(1, sizeof(*incident)) : NULL;
    if (!incident)
        return NULL;
    incident->lock = incident->root_fd = -1;
    incident->began_mono_ns = clock_ns(CLOCK_MONOTONIC);
    incident->traced = traced;
    if (traced)
        incident->resource = resource_reference(traced->process->resource);
    *crashing->last = incident;
    crashing->last = &incident->next;
    crashing->n_incidents++;
    return incident;
}

void incident_destroy(struct pipeline *pipeline, struct incident *incident)
{
    struct crashing *crashing = pipeline->crashing;
    struct incident **at = &crashing->incidents;
    while (*at != incident)
        at = &(*at)->next;
    *at = incident->next;
    if (crashing->last == &incident->next)
        crashing->last = at;
    crashing->n_incidents--;
    if (incident->child.pid) {
        disposable_kill(&incident->child);
        crashing->n_children--;
    }
    if (incident->lock >= 0)
        close(incident->lock);
    if (incident->root_fd >= 0)
        close(incident->root_fd);
    if (incident->traced && incident->traced->mortality->incident == incident)
        incident->traced->mortality->incident = NULL;
    destination_release(pipeline, incident->logs);
    resource_release(incident->resource);
    settings_destroy(incident->settings);
    crash_report_fini(&incident->report);
    crash_case_fini(&incident->crash);
    free(incident);
}

/* ---- on disk ---- */

/* Where the state directory cannot be written, beside what is being read: as the spool. *ret_before: close it. */
static void move_store(struct pipeline *pipeline, struct store *ret_before)
{
    struct crashing *crashing = pipeline->crashing;
    char path[PATH_MAX];
    struct store other;
    ret_before->directory = -1;
    snprintf(path, sizeof(path), "%s/" STORE_IN_BOX, dropbox_directory(pipeline->dropbox));
    if (strcmp(path, crashing->store.path) == 0 || store_open(&other, path, true) != 0)
        return;
    log_write(LOG_LEVEL_WARN, "crash reports go to %s: %s cannot be written", path, crashing->store.path);
    *ret_before = crashing->store;
    crashing->store = other;
}

/* What is elsewhere now is not to be found here by an exporter to come. */
static void leave_store(struct store *before, const struct incident *incident, bool is_elsewhere)
{
    if (is_elsewhere)
        store_remove_case(before, incident->stem);
    store_close(before);
}

/* Somebody removed the directory: it is made anew, where `otelshim crashes` looks. */
static bool remake_store(struct store *store)
{
    char path[PATH_MAX];
    memcpy(path, store->path, sizeof(path));
    store_close(store);
    return store_open(store, path, true) == 0;
}

static int write_case(struct crashing *crashing, struct incident *incident, bool is_last)
{
    return store_write_case(&crashing->store, &incident->crash, incident->stem, is_last, &incident->lock);
}

void incident_store(struct pipeline *pipeline, struct incident *incident, bool is_last)
{
    struct crashing *crashing = pipeline->crashing;
    char path[PATH_MAX];
    if (crashing->store.directory < 0 && crash_store_path(path) == 0)
        (void)store_open(&crashing->store, path, true);
    if (!incident->stem[0]) {
        const char *slash = incident->crash.exe ? strrchr(incident->crash.exe, '/') : NULL;
        store_print_stem(&incident->crash, slash ? slash + 1 : "", incident->stem);
    }
    int error = write_case(crashing, incident, is_last);
    if (error == -ENOENT && remake_store(&crashing->store))
        error = write_case(crashing, incident, is_last);
    if (error) {
        struct store before;
        move_store(pipeline, &before);
        error = write_case(crashing, incident, is_last);
        leave_store(&before, incident, error == 0);
    }
    incident->is_stored = error == 0; /* unlocked, at worst: then a second exporter may finish it too */
    if (error)
        log_write(LOG_LEVEL_ERROR, "%s/%s.case cannot be written: %s", crashing->store.path, incident->stem,
                  strerrordesc_np(-error));
}

static int open_case(const struct store *store, const char *stem)
{
    char name[STORE_STEM_BYTES + 8];
    snprintf(name, sizeof(name), "%s.case", stem);
    return openat(store->directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

/* The one that is there knows what only the living process showed: it replaces what was collected now. */
bool incident_take_over(struct pipeline *pipeline, struct incident *incident, bool *ret_is_reported)
{
    const struct store *store = &pipeline->crashing->store;
    char stem[STORE_STEM_BYTES];
    bool has_case = store_find(store, incident->crash.id, "case", stem);
    *ret_is_reported = !has_case && store_find(store, incident->crash.id, "json", stem);
    int fd = has_case ? open_case(store, stem) : -1;
    if (fd < 0)
        return false;
    struct crash_case crash = {.kind = CRASH_SIGNAL};
    bool is_read = crash_case_read(&crash, fd) == 0 && strcmp(crash.id, incident->crash.id) == 0;
    close(fd);
    if (!is_read) {
        crash_case_fini(&crash);
        return false;
    }
    crash_case_fini(&incident->crash);
    incident->crash = crash;
    memcpy(incident->stem, stem, sizeof(stem));
    return true;
}

/* ---- spans ---- */

struct span_list {
    struct incident *incident;
    struct crash_span *items;
    uint32_t n, max;
    uint64_t innermost_ns; /* when the crashed thread's innermost span began */
};

static void add_open_span(void *context, const struct raw_span *raw)
{
    struct span_list *list = context;
    struct crash_case *crash = &list->incident->crash;
    if (list->n == list->max) {
        uint32_t max = list->max ? 2 * list->max : 8;
        struct crash_span *items = arena_alloc(&crash->arena, max * sizeof(*items));
        if (list->n)
            memcpy(items, list->items, list->n * sizeof(*items));
        list->items = items;
        list->max = max;
    }
    struct crash_span *to = &list->items[list->n++];
    const struct span *span = assemble_call(&crash->arena, raw, raw->process->settings);
    recent_describe(to, &crash->arena, span, raw->span.tid, true);
    /* The one that began last is the innermost: a thread has a slot for its calls, and one for spans of its own. */
    if (raw->span.tid == crash->tid && raw->span.start_mono_ns >= list->innermost_ns) {
        list->innermost_ns = raw->span.start_mono_ns;
        crash->trace_id = to->trace_id;
        crash->span_id = to->span_id;
    }
}

void incident_add_spans(struct pipeline *pipeline, struct incident *incident)
{
    struct crash_case *crash = &incident->crash;
    struct span_list list = {.incident = incident};
    if (!incident->traced)
        return;
    dropbox_each_open(pipeline->dropbox, incident->traced->process, add_open_span, &list);
    crash->open_spans = list.items;
    crash->n_open_spans = list.n;
    struct crash_span *recent =
        recent_list(incident->traced->mortality->recent, &crash->arena, &crash->n_recent_spans);
    crash->recent_spans = recent;
    /* nobody crashed: what it was doing is clear where only one thread did something */
    bool is_clear = list.n > 0 && !crash->tid;
    for (uint32_t i = 1; i < list.n; i++)
        is_clear &= list.items[i].tid == list.items[0].tid;
    if (is_clear) {
        crash->trace_id = list.items[list.n - 1].trace_id;
        crash->span_id = list.items[list.n - 1].span_id;
    }
}

/* ---- from a complete case to a report ---- */

/* In a crash storm many wait: in memory are their names, not their stacks. */
static void queue(struct pipeline *pipeline, struct incident *incident)
{
    incident->step = INCIDENT_QUEUED;
    if (incident->is_stored)
        crash_case_fini(&incident->crash);
    crashing_hurry(pipeline);
}

/* Not while a thread waits: it may open a spool. */
static struct destination *choose_logs(struct pipeline *pipeline, const struct traced *traced)
{
    const struct settings *settings = traced->process->settings;
    if (!(settings->logs_exporters & EXPORT_OTLP))
        return NULL;
    return traced->missing ? destination_find_alike(pipeline, traced->process, settings, OTLP_LOGS)
                           : destination_get(pipeline, traced->process, settings, OTLP_LOGS);
}

void incident_complete(struct pipeline *pipeline, struct incident *incident)
{
    if (incident->traced && !incident->logs)
        incident->logs = choose_logs(pipeline, incident->traced);
    if (incident->traced && !incident->settings)
        incident->settings = client_settings_create(incident->traced->process);
    incident_add_spans(pipeline, incident);
    incident_store(pipeline, incident, true);
    queue(pipeline, incident);
}

static void start_child(struct pipeline *pipeline, struct incident *incident)
{
    struct crashing *crashing = pipeline->crashing;
    static char name[] = "otelshim", command[] = "symbolize", case_option[] = "--case",
                into_option[] = "--into";
    char file[PATH_MAX + STORE_STEM_BYTES + 8], into[PATH_MAX];
    snprintf(file, sizeof(file), "%s/%s.case", crashing->store.path, incident->stem);
    snprintf(into, sizeof(into), "%s", crashing->store.path);
    char *argv[] = {name, command, case_option, file, into_option, into, NULL};
    incident->step = INCIDENT_RUNNING;
    if (incident->is_stored && disposable_start(&incident->child, self_path(), argv, incident->root_fd) == 0)
        crashing->n_children++;
}

static int save_report(const struct store *store, const struct incident *incident)
{
    return store->directory < 0 ? -ENOENT
                                : crash_report_save(&incident->report, store->directory, incident->stem);
}

/* The disk took the case, but is full now. */
static int save_elsewhere(struct pipeline *pipeline, const struct incident *incident)
{
    struct store before;
    move_store(pipeline, &before);
    int error = save_report(&pipeline->crashing->store, incident);
    leave_store(&before, incident, error == 0);
    return error;
}

/* What the child wrote; else the same report without names, made here: nothing is opened and nothing parsed for it. */
static void take_report(struct pipeline *pipeline, struct incident *incident)
{
    struct store *store = &pipeline->crashing->store;
    if (incident->is_stored && crash_report_load(&incident->report, store->directory, incident->stem) == 0)
        return;
    crash_report_fini(&incident->report);
    if (incident->is_stored) /* its name may be gone, or no descriptor left: the locked one is it */
        (void)crash_case_read(&incident->crash, incident->lock);
    crash_report_make(&incident->report, &incident->crash, CRASH_RAW);
    crash_case_fini(&incident->crash);
    int error = save_report(store, incident);
    if (error == -ENOENT && remake_store(store))
        error = save_report(store, incident);
    if (error)
        error = save_elsewhere(pipeline, incident);
    if (error)
        log_write(LOG_LEVEL_ERROR, "%s/%s.json cannot be written: %s", store->path, incident->stem,
                  strerrordesc_np(-error));
}

static void send_log(const struct incident *incident)
{
    struct arena arena = {0};
    if (incident->logs)
        otlp_add_log(incident->logs->otlp,
                     crash_report_to_log(&incident->report, incident->resource, &arena));
    arena_fini(&arena);
}

/* Once: its document is there when the names are. */
static void tell(struct pipeline *pipeline, struct incident *incident, const struct crash_report *report,
                 bool has_document)
{
    const struct store *store = &pipeline->crashing->store;
    char path[PATH_MAX + STORE_STEM_BYTES + 8];
    if (incident->is_told)
        return;
    incident->is_told = true;
    snprintf(path, sizeof(path), "%s/%s.txt", store->path, incident->stem);
    alerting_crash(pipeline, incident->settings, report, has_document && store->directory >= 0 ? path : NULL);
}

/* Names take long, or others are before it: what there is by now. The child writes the crashed thread first. */
static void tell_in_time(struct pipeline *pipeline, struct incident *incident)
{
    struct crash_report report = {.kind = CRASH_SIGNAL};
    struct crash_case crash = {.kind = CRASH_SIGNAL};
    if (incident->is_told || clock_ns(CLOCK_MONOTONIC) - incident->began_mono_ns < TELL_AFTER_NS)
        return;
    bool has_names = incident->is_stored && incident->step == INCIDENT_RUNNING &&
                     crash_report_load(&report, pipeline->crashing->store.directory, incident->stem) == 0;
    if (!has_names && incident->is_stored) {
        crash_report_fini(&report);
        if (crash_case_read(&crash, incident->lock) == 0)
            crash_report_make(&report, &crash, CRASH_RAW);
    }
    if (report.title)
        tell(pipeline, incident, &report, has_names);
    crash_report_fini(&report);
    crash_case_fini(&crash);
}

static void finish(struct pipeline *pipeline, struct incident *incident, bool is_fine)
{
    struct crashing *crashing = pipeline->crashing;
    take_report(pipeline, incident);
    log_write(LOG_LEVEL_WARN, "%s%s (%s/%s.txt)", incident->report.title ? incident->report.title : "a crash",
              is_fine ? "" : " [symbols could not be read]", crashing->store.path, incident->stem);
    tell(pipeline, incident, &incident->report, true);
    send_log(incident);
    incident->step = INCIDENT_REPORTED;
    if (crashing->store.directory >= 0) {
        store_remove_case(&crashing->store, incident->stem);
        (void)store_prune(&crashing->store, crashing->max_reports, crashing->max_bytes);
    }
    if (pipeline->pacer)
        pacer_hurry(pipeline->pacer); /* its spans may go out now */
}

static bool is_over(const struct incident *incident)
{
    return incident->step == INCIDENT_REPORTED &&
           (!incident->traced || incident->is_living || incident->traced->mortality->incident != incident);
}

void incidents_look(struct pipeline *pipeline)
{
    struct crashing *crashing = pipeline->crashing;
    for (struct incident *incident = crashing->incidents, *next; incident; incident = next) {
        bool is_fine = false;
        next = incident->next;
        if (incident->step == INCIDENT_QUEUED && crashing->n_children < MAX_CHILDREN && !crashing->is_leaving)
            start_child(pipeline, incident);
        if (incident->step == INCIDENT_RUNNING) {
            bool had_child = incident->child.pid != 0;
            if (disposable_has_ended(&incident->child, &is_fine)) {
                crashing->n_children -= had_child;
                finish(pipeline, incident, is_fine && had_child);
            }
        }
        if (incident->step == INCIDENT_QUEUED || incident->step == INCIDENT_RUNNING)
            tell_in_time(pipeline, incident);
        if (is_over(incident))
            incident_destroy(pipeline, incident);
    }
}

/* ---- left by exporters that died ---- */

static void say_hopeless(void *context, const char *stem)
{
    (void)context;
    log_write(LOG_LEVEL_ERROR, "%s: two exporters did not survive this crash case: given up", stem);
}

/* What of its resource the case remembers. */
static struct resource *make_resource(const struct crash_case *crash)
{
    struct resource *resource = calloc(1, sizeof(*resource));
    if (!resource)
        abort();
    const char *const pairs[][2] = {{"service.name", crash->service},
                                    {"service.version", crash->service_version},
                                    {"deployment.environment.name", crash->environment},
                                    {"host.name", crash->host}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        if (pairs[i][1])
            attribute_set_string(&resource->attributes, &resource->arena, pairs[i][0], pairs[i][1]);
    attribute_set_int(&resource->attributes, &resource->arena, "process.pid", crash->pid);
    resource->service_name = crash->service
                                 ? arena_copy(&resource->arena, crash->service, strlen(crash->service))
                                 : "unknown_service";
    resource->n_references = 1;
    return resource;
}

void incidents_adopt(struct pipeline *pipeline)
{
    struct crashing *crashing = pipeline->crashing;
    char stem[STORE_STEM_BYTES];
    int lock;
    while (crashing->n_incidents < MAX_INCIDENTS &&
           store_adopt(&crashing->store, ADOPT_AGE_S, stem, &lock, say_hopeless, NULL)) {
        struct incident *incident = incident_create(pipeline, NULL);
        struct crash_case crash = {.kind = CRASH_SIGNAL};
        if (!incident || crash_case_read(&crash, lock) != 0) {
            log_write(LOG_LEVEL_WARN, "%s.case is not whole: given up", stem);
            store_remove_case(&crashing->store, stem);
            close(lock);
            if (incident)
                incident_destroy(pipeline, incident);
            continue;
        }
        log_write(LOG_LEVEL_INFO, "%s.case was left by an exporter that died: finished now", stem);
        incident->crash = crash;
        incident->lock = lock;
        incident->is_stored = true;
        memcpy(incident->stem, stem, sizeof(stem));
        incident->resource = make_resource(&incident->crash);
        incident->logs = destination_get_own_logs(pipeline);
        queue(pipeline, incident);
    }
}
