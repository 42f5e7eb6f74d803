/* metering: see metering.h. */
#include "cli/metering.h"

#include "base/clock.h"
#include "cli/metering_self.h"
#include "signals/metrics/custom.h"
#include "signals/metrics/derive.h"
#include "signals/spans/assemble.h"
#include "sources/process/usage.h"

#include <stdlib.h>
#include <string.h>

#define LAST_EXPORT_MS 5000u /* of a process that ended: others may end meanwhile */
#define MAX_ENDED_SETS 64u   /* that wait for it: more are sent at once */
#define MIN_INTERVAL_MS 100u
#define FLUSH_EVERY_MS 1000u
#define MAX_WHOLE 9007199254740992.0 /* up to here a double is one integer */
#define CHECKPOINT_SHARE 20u         /* one part of so many of the time */

/* ---- collecting ---- */

/* True: there are some that were not told. */
static bool note_drops(struct pipeline *pipeline, struct traced *traced)
{
    struct drops drops = {.since_unix_ns = traced->process->created_unix_ns};
    struct dropbox_counts counts;
    if (!dropbox_ask(pipeline->dropbox, traced->process, &counts))
        return false;
    memcpy(drops.counts, counts.dropped, sizeof(drops.counts));
    drops.corrupt = counts.corrupt;
    return metric_set_note_drops(traced->metrics, &drops);
}

/* They are on their way: the next exporter goes on from there. */
static void remember_drops(struct pipeline *pipeline, const struct destination *destination)
{
    for (struct traced *traced = pipeline->traced; traced; traced = traced->hh.next)
        if (traced->metrics_destination == destination)
            dropbox_set_told(pipeline->dropbox, traced->process, DROPBOX_TOLD_BY_PROGRAM,
                             metric_set_drops_said(traced->metrics)->counts);
}

static void collect_living(struct pipeline *pipeline, struct destination *destination,
                           struct metric_collection *collection, uint64_t now_ns)
{
    for (struct traced *traced = pipeline->traced; traced; traced = traced->hh.next) {
        const struct process *process = traced->process;
        struct usage usage;
        if (traced->metrics_destination != destination)
            continue;
        (void)note_drops(pipeline, traced);
        bool is_known = !process->is_foreign && usage_read(process->pid, process->start_ticks, &usage);
        metric_set_collect(traced->metrics, collection, now_ns, is_known ? &usage : NULL, false);
    }
}

/* What is in no request yet. */
static void checkpoint(struct pipeline *pipeline, struct destination *destination)
{
    struct metric_collection collection = {.n_points = 0};
    uint64_t now_ns = clock_ns(CLOCK_REALTIME);
    for (uint32_t i = 0; i < destination->n_ended; i++)
        metric_set_peek(destination->ended[i], &collection, now_ns, true);
    for (struct traced *traced = pipeline->traced; traced; traced = traced->hh.next)
        if (traced->metrics_destination == destination)
            metric_set_peek(traced->metrics, &collection, now_ns, false);
    otlp_checkpoint_metrics(destination->otlp, &collection);
    metric_collection_fini(&collection);
    destination->must_checkpoint = false;
}

/* Numbers of the exporter's own, and no program is left that they could go with: said alone, where something happened. */
static bool must_tell_self(const struct pipeline *pipeline, const struct destination *destination)
{
    return destination == metering_self_home(pipeline) && !pipeline->traced &&
           metering_self_has_news(pipeline);
}

static void collect(struct pipeline *pipeline, struct destination *destination, bool with_living,
                    bool with_self)
{
    struct metric_collection collection = {.n_points = 0};
    uint64_t begin_ns = clock_ns(CLOCK_MONOTONIC);
    uint64_t now_ns = clock_ns(CLOCK_REALTIME);
    for (uint32_t i = 0; i < destination->n_ended; i++)
        metric_set_collect(destination->ended[i], &collection, now_ns, NULL, true);
    if (with_living) {
        destination->collected_ms = loop_now_ms(pipeline->loop);
        collect_living(pipeline, destination, &collection, now_ns);
    }
    if (with_self && destination == metering_self_home(pipeline))
        metering_self_collect(pipeline, &collection, now_ns);
    metering_self_collected(destination, clock_ns(CLOCK_MONOTONIC) - begin_ns);
    if (collection.n_points)
        otlp_add_metrics(destination->otlp, &collection);
    if (with_living)
        remember_drops(pipeline, destination);
    for (uint32_t i = 0; i < destination->n_ended; i++)
        metric_set_destroy(destination->ended[i]);
    destination->n_ended = 0;
    if (collection.n_points && with_living)
        (void)otlp_checkpoint_metrics(destination->otlp, &(struct metric_collection){.n_points = 0});
    else if (collection.n_points)
        checkpoint(pipeline, destination); /* the living ones' counts are acknowledged, and nowhere else */
    metric_collection_fini(&collection);
}

static uint64_t interval_ms(const struct destination *destination)
{
    uint32_t ms = destination->settings->metric_interval_ms;
    return ms > MIN_INTERVAL_MS ? ms : MIN_INTERVAL_MS;
}

static void read_due(void *context);

/* From start to start; intervals that were missed are not made up for. */
static void arm_reader(struct pipeline *pipeline, struct destination *destination)
{
    uint64_t now_ms = loop_now_ms(pipeline->loop), interval = interval_ms(destination), due_ms;
    if (!destination->reader)
        destination->reader = loop_timer_create(pipeline->loop, read_due, destination);
    if (destination->next_read_ms <= now_ms)
        destination->next_read_ms = now_ms + interval;
    due_ms = destination->next_read_ms;
    if (destination->n_ended && destination->last_export_ms < due_ms)
        due_ms = destination->last_export_ms;
    bool is_awaited = destination == metering_self_home(pipeline) && pipeline->traced;
    if (destination->n_users || destination->n_ended || is_awaited)
        loop_timer_start(destination->reader, due_ms > now_ms ? due_ms - now_ms : 0);
}

static void read_due(void *context)
{
    struct destination *destination = context;
    struct pipeline *pipeline = destination->pipeline;
    uint64_t now_ms = loop_now_ms(pipeline->loop);
    bool is_whole = destination->next_read_ms <= now_ms;
    if (!otlp_is_busy(destination->otlp))
        collect(pipeline, destination, is_whole,
                (is_whole && pipeline->traced) || must_tell_self(pipeline, destination));
    else if (destination->n_ended)
        destination->last_export_ms = now_ms + LAST_EXPORT_MS;
    arm_reader(pipeline, destination);
}

/* ---- processes ---- */

void metering_begin(struct pipeline *pipeline, struct traced *traced)
{
    const struct process *process = traced->process;
    if (!(process->settings->metrics_exporters & EXPORT_OTLP))
        return;
    struct destination *destination =
        traced->missing ? destination_find_alike(pipeline, process, process->settings, OTLP_METRICS)
                        : destination_get(pipeline, process, process->settings, OTLP_METRICS);
    if (!destination)
        return;
    traced->metrics_destination = destination;
    traced->metrics = metric_set_create(process->settings, process->resource, clock_ns(CLOCK_REALTIME));
    struct dropbox_counts counts;
    if (dropbox_ask(pipeline->dropbox, process, &counts))
        metric_set_begin_drops(traced->metrics, counts.told[DROPBOX_TOLD_BY_PROGRAM]);
    if (destination->n_users == 1) /* the first since it was idle */
        arm_reader(pipeline, destination);
    metering_self_offer(pipeline, destination);
    struct destination *home = metering_self_home(pipeline);
    if (home && !home->n_users)
        arm_reader(pipeline, home);
}

static void keep_ended(struct pipeline *pipeline, struct destination *destination, struct metric_set *set)
{
    if (!destination->ended) {
        destination->ended = calloc(MAX_ENDED_SETS, sizeof(struct metric_set *));
        if (!destination->ended)
            abort();
    }
    if (destination->n_ended == 0)
        destination->last_export_ms = loop_now_ms(pipeline->loop) + LAST_EXPORT_MS;
    destination->ended[destination->n_ended++] = set;
    if (destination->n_ended == MAX_ENDED_SETS)
        collect(pipeline, destination, false, false);
}

void metering_end(struct pipeline *pipeline, struct traced *traced)
{
    struct destination *destination = traced->metrics_destination;
    if (!destination)
        return;
    derive_settle_all(traced->metrics);
    bool has_drops = note_drops(pipeline, traced);
    keep_ended(pipeline, destination, traced->metrics);
    traced->metrics = NULL;
    traced->metrics_destination = NULL;
    arm_reader(pipeline, destination);
    if (has_drops) /* they stood in its file, which goes now */
        checkpoint(pipeline, destination);
    destination_release(pipeline, destination);
}

/* ---- records ---- */

uint32_t metering_span(struct traced *traced, const struct raw_span *raw, const struct span *span)
{
    return traced->metrics && derive_span(traced->metrics, raw, span) ? 1 : 0;
}

/* Its attributes are those of a call on the same connection: so they are made by the same code. */
uint32_t metering_count(struct pipeline *pipeline, struct traced *traced, const struct raw_count *raw)
{
    if (!traced->metrics)
        return 0;
    struct raw_span call = {
        .kind = RAW_SPAN,
        .process = raw->process,
        .instrumentation = raw->instrumentation,
        .span = {.operation = WIRE_CONNECT, .start_mono_ns = raw->mono_ns},
        .end_mono_ns = raw->mono_ns,
        .facts = raw->facts,
        .n_facts = raw->n_facts,
    };
    const struct span *span = assemble_call(&pipeline->scratch, &call, raw->process->settings);
    return derive_count(traced->metrics, raw, span);
}

static void tell(void *context, const char *line)
{
    struct traced *traced = context;
    traced_tell(traced->pipeline, traced, line);
}

uint32_t metering_measurement(struct pipeline *pipeline, struct traced *traced,
                              const struct raw_measurement *raw)
{
    struct custom_measurement measurement;
    const struct custom_notes notes = {tell, traced};
    if (!traced->metrics)
        return 0;
    custom_read(&pipeline->scratch, raw, raw->process->settings, &measurement);
    return custom_measure(traced->metrics, &measurement, &notes) ? 1 : 0;
}

/* Whole numbers are counted as such. */
static bool is_whole(double value)
{
    return value >= -MAX_WHOLE && value <= MAX_WHOLE && value == (double)(int64_t)value;
}

uint32_t metering_rules(struct traced *traced, const struct rule_measurement *counted, uint32_t n_counted,
                        uint64_t time_unix_ns)
{
    const struct custom_notes notes = {tell, traced};
    uint32_t n = 0;
    for (uint32_t i = 0; traced->metrics && i < n_counted; i++) {
        const struct custom_measurement measurement = {
            .instrument = counted[i].instrument,
            .name = counted[i].name,
            .unit = counted[i].unit,
            .is_double = !is_whole(counted[i].value),
            .integer = is_whole(counted[i].value) ? (int64_t)counted[i].value : 0,
            .number = counted[i].value,
            .attributes = counted[i].attributes,
            .time_unix_ns = time_unix_ns,
        };
        n += custom_measure(traced->metrics, &measurement, &notes);
    }
    return n;
}

uint64_t metering_next(const struct traced *traced)
{
    return traced->metrics ? derive_next(traced->metrics) : 0;
}

void metering_settle(struct traced *traced, const struct measured_range *measured)
{
    if (!measured->n || !traced->metrics)
        return;
    derive_settle(traced->metrics, measured->first, measured->n);
    traced->metrics_destination->must_checkpoint = true;
}

/* ---- the checkpoint ---- */

void metering_checkpoint(struct pipeline *pipeline)
{
    for (struct destination *each = pipeline->destinations; each; each = each->next) {
        if (!each->must_checkpoint)
            continue;
        uint64_t begin_ns = clock_ns(CLOCK_MONOTONIC);
        checkpoint(pipeline, each);
        uint64_t end_ns = clock_ns(CLOCK_MONOTONIC);
        pipeline->checkpoint_due_ns = end_ns + CHECKPOINT_SHARE * (end_ns - begin_ns);
    }
}

uint32_t metering_checkpoint_wait_ms(const struct pipeline *pipeline)
{
    uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    return now_ns >= pipeline->checkpoint_due_ns
               ? 0
               : (uint32_t)((pipeline->checkpoint_due_ns - now_ns) / 1000000u + 1);
}

/* ---- leaving ---- */

static bool has_news(const struct pipeline *pipeline, const struct destination *destination)
{
    for (const struct traced *traced = pipeline->traced; traced; traced = traced->hh.next)
        if (traced->metrics_destination == destination && metric_set_has_news(traced->metrics))
            return true;
    return false;
}

void metering_flush(struct pipeline *pipeline)
{
    uint64_t now_ms = loop_now_ms(pipeline->loop);
    for (struct destination *each = pipeline->destinations; each; each = each->next) {
        if (each->signal != OTLP_METRICS || otlp_is_busy(each->otlp))
            continue;
        bool with_living = now_ms - each->collected_ms >= FLUSH_EVERY_MS && has_news(pipeline, each);
        bool with_self = with_living || must_tell_self(pipeline, each);
        if (with_self || each->n_ended)
            collect(pipeline, each, with_living, with_self);
    }
}

void metering_hand_over(struct pipeline *pipeline)
{
    for (struct destination *each = pipeline->destinations; each; each = each->next)
        if (each->signal == OTLP_METRICS)
            collect(pipeline, each, has_news(pipeline, each), metering_self_has_news(pipeline));
}

bool metering_is_handed_over(const struct pipeline *pipeline)
{
    for (const struct destination *each = pipeline->destinations; each; each = each->next)
        if (each->n_ended || must_tell_self(pipeline, each))
            return false;
    return true;
}

void metering_fini(struct destination *destination)
{
    for (uint32_t i = 0; i < destination->n_ended; i++)
        metric_set_destroy(destination->ended[i]);
    free(destination->ended);
    loop_timer_destroy(destination->reader);
}
