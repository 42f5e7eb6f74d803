/*
 * collect: a set's series as points.
 *
 * Cumulative ones are said each time; of the others those that were measured since the last time, which then begin anew,
 * and those that were idle are forgotten. Where that is so is the preference's business (OTel spec, "Temporality").
 */
#include "signals/metrics/aggregate_priv.h"

struct metric *collect_metric(struct metric_collection *collection, struct metric_scope *scope,
                              const struct metric_set *set, const struct instrument_row *row)
{
    struct metric *metric = metric_add(collection, scope);
    metric->name = row->name;
    metric->description = row->description;
    metric->unit = row->unit;
    metric->temporality = temporality_of(set, row->kind);
    switch (row->kind) {
    case INSTRUMENT_HISTOGRAM:
        metric->kind = set->is_exponential ? METRIC_EXPONENTIAL : METRIC_HISTOGRAM;
        metric->bounds = row->bounds;
        metric->n_bounds = row->n_bounds;
        break;
    case INSTRUMENT_COUNTER:
    case INSTRUMENT_OBSERVED_COUNTER:
        metric->is_monotonic = true;
        metric->kind = METRIC_SUM;
        break;
    case INSTRUMENT_UP_DOWN_COUNTER:
    case INSTRUMENT_CUSTOM_UP_DOWN_COUNTER:
    case INSTRUMENT_OBSERVED_UP_DOWN_COUNTER:
        metric->kind = METRIC_SUM;
        break;
    case INSTRUMENT_GAUGE:
    case INSTRUMENT_OBSERVED_GAUGE:
        metric->kind = METRIC_GAUGE;
        break;
    }
    return metric;
}

static struct metric_point *show(struct metric_collection *collection, struct metric *metric,
                                 struct series *series, uint64_t now_unix_ns)
{
    struct metric_point *point = metric_add_point(collection, metric);
    point->attributes = (struct attributes){
        .items = series->attributes, .n = series->n_attributes, .max = series->n_attributes};
    point->start_unix_ns = metric->kind == METRIC_GAUGE ? 0 : series->start_unix_ns;
    point->time_unix_ns = now_unix_ns;
    if (series->histogram) {
        histogram_show(series->histogram, &collection->arena, &point->value.histogram);
    } else if (series->stream->is_double) {
        point->value.number = series->number;
    } else {
        point->is_integer = true;
        point->value.integer = series->sum;
    }
    return point;
}

static void begin_anew(struct series *series, uint64_t now_unix_ns)
{
    series->start_unix_ns = now_unix_ns;
    series->sum = 0;
    series->number = 0;
    if (series->histogram)
        histogram_reset(series->histogram);
}

/* The texts of a forgotten series are gone: it had no point. */
static void collect_stream(struct metric_set *set, struct metric_collection *collection,
                           struct metric_scope *scope, struct stream *stream, uint64_t now_unix_ns)
{
    struct metric *metric = NULL;
    bool is_delta = temporality_of(set, stream->row->kind) == METRIC_DELTA;
    for (struct series *series = stream->first, *next; series; series = next) {
        next = series->next;
        if (is_delta && !series->has_news) {
            if (!series->n_holders)
                series_forget(set, series);
            else
                begin_anew(series, now_unix_ns);
            continue;
        }
        if (!series->has_begun)
            continue; /* made for what is not acknowledged yet */
        if (!metric)
            metric = collect_metric(collection, scope, set, stream->row);
        struct metric_point *point = show(collection, metric, series, now_unix_ns);
        exemplars_take(&series->exemplars, &collection->arena, series->start_unix_ns, now_unix_ns, point);
        series->has_news = false;
        if (is_delta)
            begin_anew(series, now_unix_ns);
    }
}

/* What was measured since the last collection, as it stands. */
static void peek_stream(struct metric_set *set, struct metric_collection *collection,
                        struct metric_scope *scope, struct stream *stream, uint64_t now_unix_ns)
{
    struct metric *metric = NULL;
    for (struct series *series = stream->first; series; series = series->next) {
        if (!series->has_news)
            continue;
        if (!metric)
            metric = collect_metric(collection, scope, set, stream->row);
        show(collection, metric, series, now_unix_ns);
    }
}

typedef void (*stream_fn)(struct metric_set *set, struct metric_collection *collection,
                          struct metric_scope *scope, struct stream *stream, uint64_t now_unix_ns);

/* Whatever it had open is closed: the process is gone. */
static void close_all(struct metric_set *set)
{
    for (uint32_t i = 0; i < set->n_streams; i++) {
        if (set->streams[i]->row->kind != INSTRUMENT_UP_DOWN_COUNTER)
            continue;
        for (struct series *series = set->streams[i]->first; series; series = series->next) {
            set->has_news |= series->sum != 0;
            series->sum = 0;
        }
    }
}

static bool is_first_of_scope(const struct metric_set *set, uint32_t i)
{
    for (uint32_t j = 0; j < i; j++)
        if (set->streams[j]->scope_index == set->streams[i]->scope_index)
            return false;
    return true;
}

static void collect_scope(struct metric_set *set, struct metric_collection *collection,
                          struct metric_resource *resource, uint32_t first, uint64_t now_unix_ns,
                          stream_fn each)
{
    struct metric_scope *scope = metric_add_scope(collection, resource, set->streams[first]->scope),
                        *previous = scope->previous;
    for (uint32_t i = first; i < set->n_streams; i++)
        if (set->streams[i]->scope_index == set->streams[first]->scope_index)
            each(set, collection, scope, set->streams[i], now_unix_ns);
    if (!scope->last)
        resource->last = previous; /* nothing in it: OTLP wants no empty ones */
}

void metric_set_collect(struct metric_set *set, struct metric_collection *collection, uint64_t now_unix_ns,
                        const struct usage *usage, bool is_last)
{
    if (is_last)
        close_all(set);
    if (is_last && !set->has_news)
        return;
    if (now_unix_ns <= set->collected_unix_ns)
        now_unix_ns = set->collected_unix_ns + 1; /* windows are not empty, and clocks are set back */
    struct metric_resource *resource = metric_add_resource(collection, set->resource),
                           *previous = resource->previous;
    for (uint32_t i = 0; i < set->n_streams; i++)
        if (is_first_of_scope(set, i))
            collect_scope(set, collection, resource, i, now_unix_ns, collect_stream);
    observe(set, collection, resource, now_unix_ns, usage);
    set->drops_said = set->drops;
    if (!resource->last)
        collection->last = previous;
    set->collected_unix_ns = now_unix_ns;
    set->has_news = false;
}

void metric_set_peek(struct metric_set *set, struct metric_collection *collection, uint64_t now_unix_ns,
                     bool has_ended)
{
    if (!set->has_news)
        return;
    if (now_unix_ns <= set->collected_unix_ns)
        now_unix_ns = set->collected_unix_ns + 1;
    struct metric_resource *resource = metric_add_resource(collection, set->resource);
    for (uint32_t i = 0; i < set->n_streams; i++)
        if (is_first_of_scope(set, i))
            collect_scope(set, collection, resource, i, now_unix_ns, peek_stream);
    if (has_ended)
        observe_drops(set, collection, resource, now_unix_ns);
    if (!resource->last)
        collection->last = resource->previous;
}
