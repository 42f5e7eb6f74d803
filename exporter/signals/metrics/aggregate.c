/* aggregate: see aggregate.h. Series are found by a hash of their stream and attributes, about 40 ns. */
#include "signals/metrics/aggregate_priv.h"

#include "base/hash.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 16u

static uint32_t n_all_series; /* loop thread only */
static uint64_t generation;   /* likewise */

static void *allocate(size_t bytes)
{
    void *memory = calloc(1, bytes);
    if (!memory)
        abort(); /* as the arena does: the exporter is restarted and finds everything in the drop box */
    return memory;
}

struct metric_set *metric_set_create(const struct settings *settings, struct resource *resource,
                                     uint64_t start_unix_ns)
{
    struct metric_set *set = allocate(sizeof(*set));
    set->resource = resource_reference(resource);
    set->start_unix_ns = set->collected_unix_ns = start_unix_ns;
    set->temporality = settings->temporality;
    set->exemplars = settings->exemplars;
    set->is_exponential = settings->exponential_histograms;
    set->n_slots = FIRST_SLOTS;
    set->slots = allocate(set->n_slots * sizeof(struct series *));
    return set;
}

static void free_series(struct series *series)
{
    histogram_destroy(series->histogram);
    exemplars_fini(&series->exemplars);
    free(series);
    n_all_series--;
    generation++;
}

uint64_t metric_set_generation(void)
{
    return generation;
}

void metric_set_destroy(struct metric_set *set)
{
    if (!set)
        return;
    generation++; /* the next set may lie where it lay */
    for (uint32_t i = 0; i < set->n_streams; i++) {
        for (struct series *series = set->streams[i]->first, *next; series; series = next) {
            next = series->next;
            free_series(series);
        }
        free(set->streams[i]);
    }
    free(set->streams);
    free(set->slots);
    waiting_fini(&set->waiting);
    custom_destroy(set->custom);
    resource_release(set->resource);
    free(set);
}

enum metric_temporality temporality_of(const struct metric_set *set, enum instrument_kind kind)
{
    bool is_sum_of_steps = kind == INSTRUMENT_HISTOGRAM || kind == INSTRUMENT_COUNTER;
    bool is_delta =
        (set->temporality == PREFER_DELTA && (is_sum_of_steps || kind == INSTRUMENT_OBSERVED_COUNTER)) ||
        (set->temporality == PREFER_LOWMEMORY && is_sum_of_steps);
    return is_delta ? METRIC_DELTA : METRIC_CUMULATIVE;
}

/* ---- streams ---- */

static struct stream *add_stream(struct metric_set *set, const struct instrument_row *row,
                                 uint32_t scope_index, const char *scope)
{
    size_t bytes = strlen(scope) + 1;
    struct stream *stream = allocate(sizeof(*stream) + bytes);
    char *copy = (char *)(stream + 1);
    memcpy(copy, scope, bytes);
    *stream = (struct stream){.row = row, .scope_index = scope_index, .scope = copy};
    stream->last = &stream->first;
    struct stream **streams = realloc(set->streams, (set->n_streams + 1) * sizeof(*streams));
    if (!streams)
        abort();
    set->streams = streams;
    set->streams[set->n_streams++] = stream;
    return stream;
}

struct stream *metric_set_stream(struct metric_set *set, const struct instrument_row *row,
                                 uint32_t scope_index, const char *scope)
{
    for (uint32_t i = 0; i < set->n_streams; i++)
        if (set->streams[i]->scope_index == scope_index && set->streams[i]->row == row)
            return set->streams[i];
    return add_stream(set, row, scope_index, scope);
}

/* ---- series ---- */

static uint64_t hash_attributes(uint64_t hash, const struct attribute *attributes, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct attribute *attribute = &attributes[i];
        hash = hash_word(hash, (uint64_t)(uintptr_t)attribute->key);
        hash = attribute->type == ATTRIBUTE_STRING
                   ? hash_bytes(hash, attribute->value.string.bytes, attribute->value.string.n_bytes)
                   : hash_word(hash, (uint64_t)attribute->value.integer);
    }
    return hash;
}

static bool is_equal(const struct attribute *left, const struct attribute *right)
{
    if (left->key != right->key || left->type != right->type)
        return false;
    if (left->type != ATTRIBUTE_STRING)
        return left->value.integer == right->value.integer;
    return left->value.string.n_bytes == right->value.string.n_bytes &&
           memcmp(left->value.string.bytes, right->value.string.bytes, left->value.string.n_bytes) == 0;
}

static bool is_series(const struct series *series, const struct stream *stream, uint64_t hash,
                      const struct attribute *attributes, uint32_t n)
{
    if (series->hash != hash || series->stream != stream || series->n_attributes != n || series->is_overflow)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (!is_equal(&series->attributes[i], &attributes[i]))
            return false;
    return true;
}

static void grow_table(struct metric_set *set)
{
    uint32_t n_slots = set->n_slots * 2;
    struct series **slots = allocate(n_slots * sizeof(*slots));
    for (uint32_t i = 0; i < set->n_slots; i++)
        for (struct series *series = set->slots[i], *next; series; series = next) {
            next = series->next_in_slot;
            series->next_in_slot = slots[series->hash & (n_slots - 1)];
            slots[series->hash & (n_slots - 1)] = series;
        }
    free(set->slots);
    set->slots = slots;
    set->n_slots = n_slots;
}

/* Everything of it but its histogram in one piece of memory. */
static struct series *copy_attributes(const struct attribute *attributes, uint32_t n)
{
    size_t n_text = 0;
    for (uint32_t i = 0; i < n; i++)
        n_text += attributes[i].type == ATTRIBUTE_STRING ? attributes[i].value.string.n_bytes + 1 : 0;
    struct series *series = allocate(sizeof(*series) + n * sizeof(struct attribute) + n_text);
    char *at = (char *)&series->attributes[n];
    series->n_attributes = n;
    for (uint32_t i = 0; i < n; i++) {
        series->attributes[i] = attributes[i];
        if (attributes[i].type != ATTRIBUTE_STRING)
            continue;
        memcpy(at, attributes[i].value.string.bytes, attributes[i].value.string.n_bytes);
        series->attributes[i].value.string.bytes = at;
        at += attributes[i].value.string.n_bytes + 1;
    }
    return series;
}

static struct series *add_series(struct metric_set *set, struct stream *stream, uint64_t hash,
                                 const struct attribute *attributes, uint32_t n)
{
    const struct instrument_row *row = stream->row;
    struct series *series = copy_attributes(attributes, n);
    series->stream = stream;
    series->hash = hash;
    bool is_delta = temporality_of(set, row->kind) == METRIC_DELTA;
    series->start_unix_ns = is_delta ? set->collected_unix_ns : set->start_unix_ns;
    if (row->kind == INSTRUMENT_HISTOGRAM)
        series->histogram =
            set->is_exponential ? histogram_create(NULL, 0) : histogram_create(row->bounds, row->n_bounds);
    *stream->last = series;
    stream->last = &series->next;
    if (++set->n_series > set->n_slots)
        grow_table(set);
    series->next_in_slot = set->slots[hash & (set->n_slots - 1)];
    set->slots[hash & (set->n_slots - 1)] = series;
    n_all_series++;
    return series;
}

/* It does not count towards the limit: exactly that many sets never overflow. */
struct series *stream_overflow(struct metric_set *set, struct stream *stream)
{
    const struct attribute mark = {
        .key = "otel.metric.overflow", .type = ATTRIBUTE_BOOL, .value.integer = true};
    if (!stream->overflow) {
        stream->overflow = add_series(set, stream, 0, &mark, 1);
        stream->overflow->attributes[0].value.flag = true;
        stream->overflow->is_overflow = true;
    }
    return stream->overflow;
}

struct series *metric_set_find(struct metric_set *set, enum instrument instrument, uint32_t scope_index,
                               const char *scope, const struct attribute *attributes, uint32_t n_attributes)
{
    struct stream *stream = metric_set_stream(set, instrument_row(instrument), scope_index, scope);
    return stream_find(set, stream, attributes, n_attributes);
}

struct series *stream_find(struct metric_set *set, struct stream *stream, const struct attribute *attributes,
                           uint32_t n_attributes)
{
    uint64_t hash = hash_attributes((uint64_t)(uintptr_t)stream, attributes, n_attributes);
    for (struct series *series = set->slots[hash & (set->n_slots - 1)]; series; series = series->next_in_slot)
        if (is_series(series, stream, hash, attributes, n_attributes))
            return series;
    if (stream->n_series >= AGGREGATE_MAX_SERIES || n_all_series >= AGGREGATE_MAX_ALL_SERIES)
        return stream_overflow(set, stream);
    stream->n_series++;
    return add_series(set, stream, hash, attributes, n_attributes);
}

struct series *series_sibling(struct metric_set *set, struct series *series, enum instrument instrument)
{
    if (series->sibling)
        return series->sibling;
    const struct stream *stream = series->stream;
    struct series *sibling = series->is_overflow
                                 ? stream_overflow(set, metric_set_stream(set, instrument_row(instrument),
                                                                          stream->scope_index, stream->scope))
                                 : metric_set_find(set, instrument, stream->scope_index, stream->scope,
                                                   series->attributes, series->n_attributes);
    if (!sibling->sibling) { /* else it is the overflow of many */
        sibling->sibling = series;
        series->sibling = sibling;
    }
    return sibling;
}

void series_forget(struct metric_set *set, struct series *series)
{
    struct series **at = &set->slots[series->hash & (set->n_slots - 1)];
    while (*at != series)
        at = &(*at)->next_in_slot;
    *at = series->next_in_slot;
    struct stream *stream = series->stream;
    for (at = &stream->first; *at != series;)
        at = &(*at)->next;
    *at = series->next;
    if (!series->next)
        stream->last = at;
    if (series->is_overflow)
        stream->overflow = NULL;
    else
        stream->n_series--;
    if (series->sibling)
        series->sibling->sibling = NULL;
    set->n_series--;
    free_series(series);
}

void series_hold(struct series *series)
{
    series->n_holders++;
}

void series_drop(struct series *series)
{
    assert(series->n_holders > 0);
    series->n_holders--;
}

/* ---- measuring ---- */

void series_record(struct metric_set *set, struct series *series, double value,
                   const struct exemplar *exemplar)
{
    uint32_t bucket;
    if (!histogram_record(series->histogram, value, &bucket))
        return;
    series->has_news = series->has_begun = set->has_news = true;
    if (exemplar)
        exemplars_offer(&series->exemplars, set->is_exponential ? 0 : series->stream->row->n_bounds + 1,
                        bucket, exemplar);
}

/* Its numbers were integers so far. */
static void make_double(struct stream *stream)
{
    stream->is_double = true;
    for (struct series *series = stream->first; series; series = series->next)
        series->number = (double)series->sum;
}

static void add_integer(struct series *series, int64_t delta)
{
    enum instrument_kind kind = series->stream->row->kind;
    if (kind == INSTRUMENT_COUNTER && delta < 0)
        delta = 0;
    if (kind == INSTRUMENT_UP_DOWN_COUNTER && delta < 0 && series->sum < -delta)
        delta = -series->sum;
    if (__builtin_add_overflow(series->sum, delta, &series->sum))
        series->sum = delta < 0 ? INT64_MIN : INT64_MAX;
}

void series_add(struct metric_set *set, struct series *series, const struct measured *measured,
                const struct exemplar *exemplar)
{
    struct stream *stream = series->stream;
    bool is_gauge = stream->row->kind == INSTRUMENT_GAUGE;
    if (measured->is_double && !stream->is_double)
        make_double(stream);
    double number = measured->is_double ? measured->value : (double)measured->number;
    if (stream->is_double)
        series->number = is_gauge ? number : series->number + number;
    else if (is_gauge)
        series->sum = measured->number;
    else
        add_integer(series, measured->number);
    series->has_news = series->has_begun = set->has_news = true;
    if (exemplar)
        exemplars_offer(&series->exemplars, 1, 0, exemplar);
}

bool metric_set_has_news(const struct metric_set *set)
{
    return set->has_news;
}

uint32_t metric_set_count_series(void)
{
    return n_all_series;
}
