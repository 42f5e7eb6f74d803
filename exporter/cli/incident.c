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
    const struct store *store = incident_place(pipeline, incident);
    snprintf(file, sizeof(file), "%s/%s.case", store->path, incident->stem);
    snprintf(into, sizeof(into), "%s", store->path);
    char *argv[] = {name, command, case_option, file, into_option, into, NULL};
    incident->step = INCIDENT_RUNNING;
    if (incident->is_stored &&
        disposable_start(&incident->child, self_path(), argv, incident->root_fd, -1) == 0)
        crashing->n_children++;
}

/* What the child wrote; else the same report without names, made here: nothing is opened and nothing parsed for it. */
static void take_report(struct pipeline *pipeline, struct incident *incident)
{
    const struct store *store = incident_place(pipeline, incident);
    if (incident->is_stored && crash_report_load(&incident->report, store->directory, incident->stem) == 0)
        return;
    crash_report_fini(&incident->report);
    if (incident->is_stored) /* its name may be gone, or no descriptor left: the locked one is it */
        (void)crash_case_read(&incident->crash, incident->lock);
    crash_report_make(&incident->report, &incident->crash, CRASH_RAW);
    crash_case_fini(&incident->crash);
    incident_save(pipeline, incident);
}

static void send_log(const struct incident *incident)
{
    struct arena arena = {0};
    if (incident->logs)
        otlp_add_log(incident->logs->otlp,
                     crash_report_to_log(&incident->report, incident->resource, &arena));
    arena_fini(&arena);
}

/*
 * Once, and where it had to go without its document (no names in time), a second time, without a sound, when that is there.
 */
static void tell(struct pipeline *pipeline, struct incident *incident, const struct crash_report *report,
                 bool has_document)
{
    const struct store *store = incident_place(pipeline, incident);
    char path[PATH_MAX + STORE_STEM_BYTES + 8];
    has_document = has_document && store->directory >= 0;
    if (incident->is_told && (incident->has_document || !has_document))
        return;
    snprintf(path, sizeof(path), "%s/%s.txt", store->path, incident->stem);
    alerting_crash(pipeline, incident->settings, report, has_document ? path : NULL, incident->is_told);
    incident->is_told = true;
    incident->has_document = has_document;
}

/* Names take long, or others are before it: what there is by now. The child writes the crashed thread first. */
static void tell_in_time(struct pipeline *pipeline, struct incident *incident)
{
    struct crash_report report = {.kind = CRASH_SIGNAL};
    struct crash_case crash = {.kind = CRASH_SIGNAL};
    if (incident->is_told || clock_ns(CLOCK_MONOTONIC) - incident->began_mono_ns < TELL_AFTER_NS)
        return;
    bool has_names =
        incident->is_stored && incident->step == INCIDENT_RUNNING &&
        crash_report_load(&report, incident_place(pipeline, incident)->directory, incident->stem) == 0;
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
    const struct store *store = incident_place(pipeline, incident);
    log_write(LOG_LEVEL_WARN, "%s%s (%s/%s.txt)", incident->report.title ? incident->report.title : "a crash",
              is_fine ? "" : " [symbols could not be read]", store->path, incident->stem);
    tell(pipeline, incident, &incident->report, true);
    send_log(incident);
    incident->step = INCIDENT_REPORTED;
    if (store->directory >= 0) {
        store_remove_case(store, incident->stem);
        (void)store_prune(store, crashing->max_reports, crashing->max_bytes);
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

static void adopt_from(struct pipeline *pipeline, enum crash_place place)
{
    struct crashing *crashing = pipeline->crashing;
    const struct store *store = &crashing->places[place];
    char stem[STORE_STEM_BYTES];
    int lock;
    while (crashing->n_incidents < MAX_INCIDENTS &&
           store_adopt(store, ADOPT_AGE_S, stem, &lock, say_hopeless, NULL)) {
        struct incident *incident = incident_create(pipeline, NULL);
        struct crash_case crash = {.kind = CRASH_SIGNAL};
        if (!incident || crash_case_read(&crash, lock) != 0) {
            log_write(LOG_LEVEL_WARN, "%s.case is not whole: given up", stem);
            store_remove_case(store, stem);
            close(lock);
            if (incident)
                incident_destroy(pipeline, incident);
            continue;
        }
        log_write(LOG_LEVEL_INFO, "%s.case was left by an exporter that died: finished now", stem);
        incident->crash = crash;
        incident->lock = lock;
        incident->place = place;
        incident->is_stored = true;
        memcpy(incident->stem, stem, sizeof(stem));
        incident->resource = make_resource(&incident->crash);
        incident->logs = destination_get_own_logs(pipeline);
        queue(pipeline, incident);
    }
}

void incidents_adopt(struct pipeline *pipeline)
{
    for (enum crash_place place = 0; place < N_PLACES; place++)
        adopt_from(pipeline, place);
}
