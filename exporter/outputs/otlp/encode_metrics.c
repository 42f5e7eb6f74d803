/*
 * encode_metrics: see encode_metrics.h.
 *
 *     request ─▶ resource ─▶ scope ─▶ metric ─▶ points        written from the last to the first (writer.h)
 *
 * A value inside a oneof is written even where it is zero, and so are the optional sum, min and max of a histogram.
 */
#include "outputs/otlp/encode_metrics.h"

#include "outputs/otlp/write_scope.h"
#include "outputs/otlp/write_span.h"
#include <errno.h>

/* Field numbers of metrics_service.proto and metrics.proto. */
enum { REQUEST_RESOURCE_METRICS = 1 };
enum { METRIC_NAME = 1, METRIC_DESCRIPTION, METRIC_UNIT, METRIC_AS_GAUGE = 5, METRIC_AS_SUM = 7 };
enum { METRIC_AS_HISTOGRAM = 9, METRIC_AS_EXPONENTIAL = 10 };
enum { DATA_POINTS = 1, DATA_TEMPORALITY, DATA_IS_MONOTONIC };
enum { NUMBER_START = 2, NUMBER_TIME, NUMBER_DOUBLE, NUMBER_EXEMPLARS, NUMBER_INT, NUMBER_ATTRIBUTES };
enum { HISTOGRAM_START = 2, HISTOGRAM_TIME, HISTOGRAM_COUNT, HISTOGRAM_SUM, HISTOGRAM_BUCKETS };
enum { HISTOGRAM_BOUNDS = 7, HISTOGRAM_EXEMPLARS, HISTOGRAM_ATTRIBUTES, HISTOGRAM_MIN = 11, HISTOGRAM_MAX };
enum { EXPONENTIAL_ATTRIBUTES = 1, EXPONENTIAL_START, EXPONENTIAL_TIME, EXPONENTIAL_COUNT, EXPONENTIAL_SUM };
enum { EXPONENTIAL_SCALE = 6, EXPONENTIAL_ZERO_COUNT, EXPONENTIAL_POSITIVE };
enum { EXPONENTIAL_EXEMPLARS = 11, EXPONENTIAL_MIN, EXPONENTIAL_MAX };
enum { BUCKETS_OFFSET = 1, BUCKETS_COUNTS };
enum { EXEMPLAR_TIME = 2, EXEMPLAR_DOUBLE, EXEMPLAR_SPAN_ID, EXEMPLAR_TRACE_ID, EXEMPLAR_FILTERED = 7 };

/* All fields of a point but its lists and texts. */
#define MAX_FIELDS_BYTES (12 * WRITER_MAX_FIELD_BYTES)

static uint8_t *put_double(uint8_t *at, unsigned field, double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    return put_fixed64(at, field, bits);
}

static uint64_t zigzag(int32_t number)
{
    return (uint32_t)number << 1 ^ (number < 0 ? UINT32_MAX : 0);
}

/* Words of 64 bits, packed. */
static uint8_t *write_packed(struct writer *writer, uint8_t *at, unsigned field, const void *words,
                             uint32_t n)
{
    size_t before = writer_bytes(writer, at);
    at = writer_reserve(writer, at, n * sizeof(uint64_t) + WRITER_MAX_FIELD_BYTES);
    for (uint32_t i = n; i-- > 0;) {
        uint64_t word;
        memcpy(&word, (const uint8_t *)words + i * sizeof(word), sizeof(word));
        word = htole64(word);
        at -= sizeof(word);
        memcpy(at, &word, sizeof(word));
    }
    return n ? put_message(writer, at, field, before) : at;
}

static uint8_t *write_exemplars(struct writer *writer, uint8_t *at, unsigned field,
                                const struct metric_point *point)
{
    static const uint8_t no_trace[16];
    for (uint32_t i = point->n_exemplars; i-- > 0;) {
        const struct metric_exemplar *exemplar = &point->exemplars[i];
        size_t before = writer_bytes(writer, at);
        at = write_attributes(writer, at, EXEMPLAR_FILTERED, &exemplar->filtered);
        at = writer_reserve(writer, at, MAX_FIELDS_BYTES);
        if (memcmp(exemplar->trace_id, no_trace, sizeof(no_trace)) != 0) {
            at = put_bytes(at, EXEMPLAR_TRACE_ID, exemplar->trace_id, 16);
            at = put_bytes(at, EXEMPLAR_SPAN_ID, exemplar->span_id, 8);
        }
        at = put_double(at, EXEMPLAR_DOUBLE, exemplar->value);
        at = put_fixed64(at, EXEMPLAR_TIME, exemplar->time_unix_ns);
        at = put_message(writer, at, field, before);
    }
    return at;
}

static uint8_t *write_number(struct writer *writer, uint8_t *at, const struct metric_point *point)
{
    at = write_attributes(writer, at, NUMBER_ATTRIBUTES, &point->attributes);
    at = writer_reserve(writer, at, MAX_FIELDS_BYTES);
    if (point->is_integer)
        at = put_fixed64(at, NUMBER_INT, (uint64_t)point->value.integer);
    at = write_exemplars(writer, at, NUMBER_EXEMPLARS, point);
    at = writer_reserve(writer, at, MAX_FIELDS_BYTES);
    if (!point->is_integer)
        at = put_double(at, NUMBER_DOUBLE, point->value.number);
    at = put_fixed64(at, NUMBER_TIME, point->time_unix_ns);
    return point->start_unix_ns ? put_fixed64(at, NUMBER_START, point->start_unix_ns) : at;
}

static uint8_t *write_histogram(struct writer *writer, uint8_t *at, const struct metric *metric,
                                const struct metric_point *point)
{
    const struct metric_histogram *histogram = &point->value.histogram;
    at = writer_reserve(writer, at, MAX_FIELDS_BYTES);
    if (histogram->count) {
        at = put_double(at, HISTOGRAM_MAX, histogram->max);
        at = put_double(at, HISTOGRAM_MIN, histogram->min);
    }
    at = write_attributes(writer, at, HISTOGRAM_ATTRIBUTES, &point->attributes);
    at = write_exemplars(writer, at, HISTOGRAM_EXEMPLARS, point);
    at = write_packed(writer, at, HISTOGRAM_BOUNDS, metric->bounds, metric->n_bounds);
    at = write_packed(writer, at, HISTOGRAM_BUCKETS, histogram->buckets, histogram->n_buckets);
    at = writer_reserve(writer, at, MAX_FIELDS_BYTES);
    at = put_double(at, HISTOGRAM_SUM, histogram->sum);
    if (histogram->count)
        at = put_fixed64(at, HISTOGRAM_COUNT, histogram->count);
    at = put_fixed64(at, HISTOGRAM_TIME, point->time_unix_ns);
    return put_fixed64(at, HISTOGRAM_START, point->start_unix_ns);
}

static uint8_t *write_buckets(struct writer *writer, uint8_t *at, const struct metric_histogram *histogram)
{
    size_t before = writer_bytes(writer, at);
    at = writer_reserve(writer, at, (histogram->n_buckets + 3) * WRITER_MAX_FIELD_BYTES);
    for (uint32_t i = histogram->n_buckets; i-- > 0;)
        at = put_varint(at, histogram->buckets[i]);
    at = put_message(writer, at, BUCKETS_COUNTS, before);
    if (histogram->offset)
        at = put_number(at, BUCKETS_OFFSET, zigzag(histogram->offset));
    return put_message(writer, at, EXPONENTIAL_POSITIVE, before);
}

static uint8_t *write_exponential(struct writer *writer, uint8_t *at, const struct metric_point *point)
{
    const struct metric_histogram *histogram = &point->value.histogram;
    at = writer_reserve(writer, at, MAX_FIELDS_BYTES);
    if (histogram->count) {
        at = put_double(at, EXPONENTIAL_MAX, histogram->max);
        at = put_double(at, EXPONENTIAL_MIN, histogram->min);
    }
    at = write_exemplars(writer, at, EXPONENTIAL_EXEMPLARS, point);
    if (histogram->n_buckets)
        at = write_buckets(writer, at, histogram);
    at = writer_reserve(writer, at, MAX_FIELDS_BYTES);
    if (histogram->zero_count)
        at = put_fixed64(at, EXPONENTIAL_ZERO_COUNT, histogram->zero_count);
    if (histogram->scale)
        at = put_number(at, EXPONENTIAL_SCALE, zigzag(histogram->scale));
    at = put_double(at, EXPONENTIAL_SUM, histogram->sum);
    if (histogram->count)
        at = put_fixed64(at, EXPONENTIAL_COUNT, histogram->count);
    at = put_fixed64(at, EXPONENTIAL_TIME, point->time_unix_ns);
    at = put_fixed64(at, EXPONENTIAL_START, point->start_unix_ns);
    return write_attributes(writer, at, EXPONENTIAL_ATTRIBUTES, &point->attributes);
}

static uint8_t *write_point(struct writer *writer, uint8_t *at, const struct metric *metric,
                            const struct metric_point *point)
{
    size_t before = writer_bytes(writer, at);
    at = metric->kind == METRIC_HISTOGRAM     ? write_histogram(writer, at, metric, point)
         : metric->kind == METRIC_EXPONENTIAL ? write_exponential(writer, at, point)
                                              : write_number(writer, at, point);
    at = writer_reserve(writer, at, WRITER_MAX_FIELD_BYTES);
    return put_message(writer, at, DATA_POINTS, before);
}

static uint8_t *write_metric(struct writer *writer, uint8_t *at, const struct metric *metric)
{
    static const unsigned fields[] = {[METRIC_SUM] = METRIC_AS_SUM,
                                      [METRIC_GAUGE] = METRIC_AS_GAUGE,
                                      [METRIC_HISTOGRAM] = METRIC_AS_HISTOGRAM,
                                      [METRIC_EXPONENTIAL] = METRIC_AS_EXPONENTIAL};
    size_t before = writer_bytes(writer, at);
    at = writer_reserve(writer, at, MAX_FIELDS_BYTES);
    if (metric->kind == METRIC_SUM && metric->is_monotonic)
        at = put_number(at, DATA_IS_MONOTONIC, 1);
    if (metric->kind != METRIC_GAUGE)
        at = put_number(at, DATA_TEMPORALITY, metric->temporality);
    for (const struct metric_point *point = metric->last; point; point = point->previous)
        at = write_point(writer, at, metric, point);
    at = writer_reserve(writer, at, WRITER_MAX_FIELD_BYTES);
    at = put_message(writer, at, fields[metric->kind], before);
    at = write_text(writer, at, METRIC_UNIT, metric->unit);
    at = write_text(writer, at, METRIC_DESCRIPTION, metric->description);
    at = write_text(writer, at, METRIC_NAME, metric->name);
    return put_message(writer, at, OF_SCOPE_ITEMS, before);
}

static uint8_t *write_scope_metrics(struct writer *writer, uint8_t *at, const struct metric_scope *scope)
{
    size_t before = writer_bytes(writer, at);
    at = write_text(writer, at, OF_SCOPE_SCHEMA_URL, SCHEMA_URL);
    for (const struct metric *metric = scope->last; metric; metric = metric->previous)
        at = write_metric(writer, at, metric);
    at = write_scope(writer, at, scope->name);
    at = writer_reserve(writer, at, WRITER_MAX_FIELD_BYTES);
    return put_message(writer, at, OF_RESOURCE_SCOPES, before);
}

static uint8_t *write_resource_metrics(struct writer *writer, uint8_t *at, const struct metric_resource *of)
{
    size_t before = writer_bytes(writer, at);
    at = write_text(writer, at, OF_RESOURCE_SCHEMA_URL, of->resource ? of->resource->schema_url : NULL);
    for (const struct metric_scope *scope = of->last; scope; scope = scope->previous)
        at = write_scope_metrics(writer, at, scope);
    at = write_resource(writer, at, of->resource);
    at = writer_reserve(writer, at, WRITER_MAX_FIELD_BYTES);
    return put_message(writer, at, REQUEST_RESOURCE_METRICS, before);
}

int encode_metrics(const struct metric_collection *collection, size_t max_bytes, struct body *ret_body)
{
    struct writer writer = {ret_body->memory, ret_body->max_bytes};
    uint8_t *at = writer_reserve(&writer, writer_end(&writer), WRITER_MAX_FIELD_BYTES);
    for (const struct metric_resource *of = collection->last; of; of = of->previous)
        at = write_resource_metrics(&writer, at, of);
    size_t n_bytes = writer_bytes(&writer, at);
    *ret_body = (struct body){at, n_bytes, writer.memory, writer.max_bytes};
    return n_bytes <= max_bytes ? 0 : -EMSGSIZE;
}
