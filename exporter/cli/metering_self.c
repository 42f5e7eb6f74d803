/* metering_self: see metering_self.h. */
#include "cli/metering_self.h"

#include "base/clock.h"
#include "cli/client_settings.h"
#include "outputs/alerts/alerts.h"
#include "signals/metrics/self.h"
#include "signals/spans/resource.h"
#include "signals/spans/url.h"
#include "sources/machine/sensors.h"
#include "sources/process/proc.h"
#include "sources/process/usage.h"
#include "telemetry/drops.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Series are found by the address of their keys. */
static const char component_type[] = "otel.component.type", component_name[] = "otel.component.name",
                  error_type[] = "error.type";

struct self_metering {
    struct process process; /* ourselves */
    char exe[PATH_MAX];
    struct resource *resource;
    struct metric_set *set;
    struct sensors *sensors;
    struct destination *home;    /* NULL: none yet */
    struct arena scratch;        /* attributes of one call */
    struct alerts_counts alerts; /* as they were told */
    uint64_t n_spans[2], n_logs; /* read, and not told yet; by whether sampled */
    bool has_news;
};

/* ---- ourselves ---- */

static void describe_self(struct self_metering *self)
{
    ssize_t n = readlink("/proc/self/exe", self->exe, sizeof(self->exe) - 1);
    int proc = proc_open((uint32_t)getpid());
    self->exe[n > 0 ? n : 0] = 0;
    self->process = (struct process){.pid = (uint32_t)getpid(),
                                     .uid = geteuid(),
                                     .exe = self->exe,
                                     .arguments = "otelshim",
                                     .arguments_bytes = sizeof("otelshim"),
                                     .pid_namespace = proc_own_pid_namespace(),
                                     .created_unix_ns = clock_ns(CLOCK_REALTIME)};
    if (proc < 0)
        return;
    (void)proc_start_ticks(proc, &self->process.start_ticks);
    close(proc);
}

/* Not by the settings: an exporter that a program started has that program's name and attributes in its environment. */
static struct resource *make_resource(const struct process *process)
{
    static const struct settings none;
    struct resource *resource = resource_create(process, &none);
    attribute_set_string(&resource->attributes, &resource->arena, "service.name", "otelshim");
    attribute_set_string(&resource->attributes, &resource->arena, "service.version", OTELSHIM_VERSION);
    resource->service_name = "otelshim";
    return resource;
}

void metering_self_start(struct pipeline *pipeline)
{
    if (!pipeline->own_settings->self_metrics)
        return;
    struct self_metering *self = calloc(1, sizeof(*self));
    if (!self)
        abort();
    describe_self(self);
    self->resource = make_resource(&self->process);
    self->set = self_create(self->resource, self->process.created_unix_ns);
    pipeline->self = self;
}

void metering_self_stop(struct pipeline *pipeline)
{
    struct self_metering *self = pipeline->self;
    if (!self)
        return;
    pipeline->self = NULL;
    metric_set_destroy(self->set);
    resource_release(self->resource);
    sensors_destroy(self->sensors);
    arena_fini(&self->scratch);
    free(self);
}

/* ---- home ---- */

void metering_self_offer(struct pipeline *pipeline, struct destination *destination)
{
    struct self_metering *self = pipeline->self;
    if (!self || self->home)
        return;
    if (destination->uid == geteuid() && destination->settings->self_metrics)
        self->home = destination;
    else if (destination->uid != geteuid())
        self->home = destination_open_own_metrics(pipeline);
}

struct destination *metering_self_home(const struct pipeline *pipeline)
{
    return pipeline->self ? pipeline->self->home : NULL;
}

static bool is_news(const struct alerts_counts *told, const struct alerts_counts *now)
{
    return now->raised != told->raised || now->sent != told->sent || now->dropped != told->dropped ||
           now->refused != told->refused;
}

bool metering_self_has_news(const struct pipeline *pipeline)
{
    struct self_metering *self = pipeline->self;
    struct alerts_counts now;
    if (!self || !self->home)
        return false;
    alerts_get_counts(pipeline->alerts, &now);
    return self->has_news || is_news(&self->alerts, &now);
}

/* ---- what happens ---- */

void metering_self_span(struct pipeline *pipeline, bool is_sampled)
{
    if (!pipeline->self)
        return;
    pipeline->self->n_spans[is_sampled]++;
    pipeline->self->has_news = true;
}

void metering_self_log(struct pipeline *pipeline)
{
    if (pipeline->self) {
        pipeline->self->n_logs++;
        pipeline->self->has_news = true;
    }
}

static struct attributes *one(struct self_metering *self, struct attributes *list, const char *key,
                              const char *text)
{
    attribute_set_string(list, &self->scratch, key, text);
    return list;
}

static const char *drop_name(uint32_t number)
{
    return drops_name(number) ? drops_name(number) : "other";
}

static bool loses_span(uint32_t reason)
{
    return reason == DROP_NO_CHUNK || reason == DROP_NO_THREAD_SLOT || reason == DROP_NO_OPERATION ||
           reason == DROP_NESTED || reason == DROP_TOO_DEEP || reason == DROP_NO_MEMORY ||
           reason == DROP_FILE_LATE;
}

/* Drops that lose a span or a log record, in the words of the conventions: the pool is the queue of the processor. */
static void add_processed(struct self_metering *self, uint32_t reason, uint64_t n)
{
    struct attributes list = {0};
    bool is_log = reason == DROP_NO_CHUNK_LOG;
    if (!is_log && !loses_span(reason))
        return;
    bool is_full = is_log || reason == DROP_NO_CHUNK;
    one(self, &list, component_type, is_log ? "batching_log_processor" : "batching_span_processor");
    one(self, &list, component_name, is_log ? "batching_log_processor/0" : "batching_span_processor/0");
    one(self, &list, error_type, is_full ? "queue_full" : drop_name(reason));
    self_add(self->set, is_log ? SELF_LOG_PROCESSED : SELF_SPAN_PROCESSED, &list, n);
    self->has_news = true;
}

/* What a process counted since it was looked at last. The numbers are its own: they may be anything. */
static void take_drops(struct self_metering *self, struct traced *traced, const struct dropbox_counts *counts)
{
    for (uint32_t i = 0; i < WIRE_MAX_DROPS; i++)
        if (counts->dropped[i] > traced->told_drops[i])
            add_processed(self, i, counts->dropped[i] - traced->told_drops[i]);
    memcpy(traced->told_drops, counts->dropped, sizeof(traced->told_drops));
    arena_reset(&self->scratch);
}

void metering_self_begin(struct pipeline *pipeline, struct traced *traced)
{
    struct dropbox_counts counts;
    if (pipeline->self && dropbox_ask(pipeline->dropbox, traced->process, &counts))
        memcpy(traced->told_drops, counts.told[DROPBOX_TOLD_BY_EXPORTER], sizeof(traced->told_drops));
}

void metering_self_end(struct pipeline *pipeline, struct traced *traced, const struct dropbox_counts *counts)
{
    if (pipeline->self)
        take_drops(pipeline->self, traced, counts);
}

/* ---- destinations ---- */

static const char *const exporters[] = {[OTLP_TRACES] = "otlp_http_span_exporter",
                                        [OTLP_METRICS] = "otlp_http_metric_exporter",
                                        [OTLP_LOGS] = "otlp_http_log_exporter"};

static void name_component(struct self_metering *self, const struct destination *destination,
                           const char *type, struct attributes *list)
{
    one(self, list, component_type, type);
    one(self, list, component_name, arena_printf(&self->scratch, "%s/%u", type, destination->number));
}

static void name_exporter(struct self_metering *self, const struct destination *destination,
                          struct attributes *list)
{
    const char *text = otlp_delivery(destination->settings, destination->signal)->url;
    struct url url;
    name_component(self, destination, exporters[destination->signal], list);
    url_parse(text, strlen(text), false, &url);
    if (!url.is_valid)
        return;
    attribute_set_text(list, &self->scratch, "server.address", url.host.bytes, url.host.n_bytes);
    if (url.port)
        attribute_set_int(list, &self->scratch, "server.port", url.port);
}

void metering_self_result(void *context, const struct otlp_result *result)
{
    struct destination *destination = context;
    struct self_metering *self = destination->pipeline->self;
    struct attributes list = {0};
    if (!self)
        return;
    enum self_metric metric = SELF_SPAN_EXPORTED + (enum self_metric)destination->signal;
    name_exporter(self, destination, &list);
    self_add(self->set, metric, &list, result->n_exported);
    if (result->error)
        one(self, &list, error_type, result->error);
    self_add(self->set, metric, &list, result->n_failed);
    if (result->status)
        attribute_set_int(&list, &self->scratch, "http.response.status_code", result->status);
    if (result->is_operation)
        self_record(self->set, SELF_OPERATION_DURATION, &list, (double)result->duration_ms / 1000);
    self->has_news |= destination->signal != OTLP_METRICS;
    arena_reset(&self->scratch);
}

/* `counts` zeroed: it goes. */
static void take_levels(struct self_metering *self, struct destination *destination,
                        const struct otlp_counts *counts, uint32_t max_queue)
{
    struct attributes list = {0}, processor = {0};
    bool is_log = destination->signal == OTLP_LOGS;
    name_exporter(self, destination, &list);
    self_set(self->set, SELF_SPAN_INFLIGHT + (enum self_metric)destination->signal, &list,
             counts->n_in_flight);
    self_set(self->set, SELF_SPOOL_SIZE, &list, counts->spooled_bytes);
    self_set(self->set, SELF_SPOOL_BATCHES, &list, counts->spooled_batches);
    if (destination->signal == OTLP_METRICS)
        return;
    name_component(self, destination, is_log ? "batching_log_processor" : "batching_span_processor",
                   &processor);
    self_set(self->set, is_log ? SELF_LOG_QUEUE_SIZE : SELF_SPAN_QUEUE_SIZE, &processor, counts->queued);
    self_set(self->set, is_log ? SELF_LOG_QUEUE_CAPACITY : SELF_SPAN_QUEUE_CAPACITY, &processor, max_queue);
}

/* Counters that no event tells. */
static void take_totals(struct self_metering *self, struct destination *destination,
                        const struct otlp_counts *counts)
{
    struct attributes list = {0}, processor = {0};
    bool is_log = destination->signal == OTLP_LOGS;
    uint64_t processed = counts->added - counts->queued;
    name_exporter(self, destination, &list);
    self_add(self->set, SELF_RETRIES, &list, counts->repeated - destination->told_repeated);
    destination->told_repeated = counts->repeated;
    if (destination->signal == OTLP_METRICS || counts->added < counts->queued ||
        processed < destination->told_processed)
        return;
    name_component(self, destination, is_log ? "batching_log_processor" : "batching_span_processor",
                   &processor);
    self_add(self->set, is_log ? SELF_LOG_PROCESSED : SELF_SPAN_PROCESSED, &processor,
             processed - destination->told_processed);
    destination->told_processed = processed;
}

static uint32_t capacity_of(const struct destination *destination)
{
    return destination->signal == OTLP_LOGS ? destination->settings->log_batches.max_queue
                                            : destination->settings->span_batches.max_queue;
}

void metering_self_forget(struct pipeline *pipeline, struct destination *destination)
{
    static const struct otlp_counts nothing;
    struct self_metering *self = pipeline->self;
    struct otlp_counts counts;
    if (!self)
        return;
    if (self->home == destination)
        self->home = NULL;
    otlp_get_counts(destination->otlp, &counts);
    take_totals(self, destination, &counts);
    take_levels(self, destination, &nothing, 0);
    arena_reset(&self->scratch);
}

void metering_self_collected(struct destination *destination, uint64_t duration_ns)
{
    struct self_metering *self = destination->pipeline->self;
    struct attributes list = {0};
    if (!self)
        return;
    name_component(self, destination, "periodic_metric_reader", &list);
    self_record(self->set, SELF_COLLECTION_DURATION, &list, (double)duration_ns / 1e9);
    arena_reset(&self->scratch);
}

/* ---- collecting ---- */

static void take_spans(struct self_metering *self)
{
    static const char *const results[] = {"DROP", "RECORD_AND_SAMPLE"};
    for (uint32_t i = 0; i < 2; i++) {
        struct attributes list = {0};
        self_add(self->set, SELF_SPAN_STARTED, one(self, &list, "otel.span.sampling_result", results[i]),
                 self->n_spans[i]);
        self->n_spans[i] = 0;
    }
    self_add(self->set, SELF_LOG_CREATED, NULL, self->n_logs);
    self->n_logs = 0;
}

struct living {
    struct pipeline *pipeline;
    uint64_t n, n_open;
};

static void take_living(void *context, const struct process *process, const struct dropbox_counts *counts)
{
    struct living *living = context;
    struct traced *traced = traced_find(living->pipeline, process);
    if (!traced)
        return;
    living->n += counts->is_alive;
    living->n_open += counts->n_in_flight;
    take_drops(living->pipeline->self, traced, counts);
    dropbox_set_told(living->pipeline->dropbox, process, DROPBOX_TOLD_BY_EXPORTER, traced->told_drops);
}

static void take_processes(struct pipeline *pipeline)
{
    struct living living = {pipeline, 0, 0};
    dropbox_each(pipeline->dropbox, take_living, &living);
    self_set(pipeline->self->set, SELF_PROCESSES, NULL, living.n);
    self_set(pipeline->self->set, SELF_SPAN_LIVE, NULL, living.n_open);
}

static void take_alerts(struct self_metering *self, const struct alerts *alerts)
{
    struct alerts_counts now, *told = &self->alerts;
    alerts_get_counts(alerts, &now);
    self_add(self->set, SELF_ALERTS_RAISED, NULL, now.raised - told->raised);
    self_add(self->set, SELF_ALERTS_SENT, NULL, now.sent - told->sent);
    self_add(self->set, SELF_ALERTS_SUPPRESSED, NULL,
             now.suppressed + now.folded - told->suppressed - told->folded);
    self_add(self->set, SELF_ALERTS_DROPPED, NULL, now.dropped - told->dropped);
    self_add(self->set, SELF_ALERTS_REFUSED, NULL, now.refused - told->refused);
    self_set(self->set, SELF_ALERTS_WAITING, NULL, now.waiting);
    *told = now;
}

void metering_self_collect(struct pipeline *pipeline, struct metric_collection *collection,
                           uint64_t now_unix_ns)
{
    struct self_metering *self = pipeline->self;
    struct usage usage;
    take_spans(self);
    take_processes(pipeline);
    for (struct destination *each = pipeline->destinations; each; each = each->next) {
        struct otlp_counts counts;
        otlp_get_counts(each->otlp, &counts);
        take_totals(self, each, &counts);
        take_levels(self, each, &counts, capacity_of(each));
    }
    take_alerts(self, pipeline->alerts);
    arena_reset(&self->scratch);
    bool is_known = usage_read(self->process.pid, self->process.start_ticks, &usage);
    metric_set_collect(self->set, collection, now_unix_ns, is_known ? &usage : NULL, false);
    if (!self->sensors)
        self->sensors = sensors_create("");
    observe_machine(collection, sensors_read(self->sensors), now_unix_ns);
    self->has_news = false;
}
