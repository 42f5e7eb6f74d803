/* encode_metrics: what is encoded decodes, by the schema of proto/metrics.proto, to the same points, and packs to as many bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "metrics_service.pb-c.h"
#include "outputs/otlp/encode_metrics.h"
#include <errno.h>
#include <string.h>

static const double bounds[] = {0.5, 1};
static const uint64_t buckets[] = {3, 0, 300};

static struct metric *add(struct metric_collection *collection, struct metric_scope *scope, const char *name,
                          enum metric_kind kind)
{
    struct metric *metric = metric_add(collection, scope);
    *metric = (struct metric){.previous = metric->previous,
                              .name = name,
                              .unit = "s",
                              .description = "what it is",
                              .kind = kind,
                              .temporality = kind == METRIC_SUM ? METRIC_DELTA : METRIC_CUMULATIVE,
                              .is_monotonic = kind == METRIC_SUM};
    struct metric_point *point = metric_add_point(collection, metric);
    point->start_unix_ns = 10;
    point->time_unix_ns = 20;
    attribute_set_string(&point->attributes, &collection->arena, "k", "v");
    return metric;
}

static void add_histogram(struct metric_collection *collection, struct metric_scope *scope,
                          enum metric_kind kind)
{
    static struct metric_exemplar exemplar = {
        .value = 0.25, .time_unix_ns = 15, .trace_id = {1}, .span_id = {2}};
    struct metric *metric = add(collection, scope, "histogram", kind);
    metric->bounds = kind == METRIC_HISTOGRAM ? bounds : NULL;
    metric->n_bounds = kind == METRIC_HISTOGRAM ? 2 : 0;
    metric->last->value.histogram = (struct metric_histogram){.count = 303,
                                                              .sum = 0, /* written all the same */
                                                              .min = 0,
                                                              .max = 7,
                                                              .buckets = buckets,
                                                              .n_buckets = 3,
                                                              .scale = kind == METRIC_HISTOGRAM ? 0 : -4,
                                                              .offset = kind == METRIC_HISTOGRAM ? 0 : -80};
    metric->last->exemplars = &exemplar;
    metric->last->n_exemplars = 1;
}

static Otlp__ExportMetricsServiceRequest *encode(struct metric_collection *collection)
{
    struct body body = {0};
    assert_int_equal(encode_metrics(collection, 1u << 20, &body), 0);
    Otlp__ExportMetricsServiceRequest *request =
        otlp__export_metrics_service_request__unpack(NULL, body.n_bytes, body.bytes);
    assert_non_null(request);
    assert_int_equal(otlp__export_metrics_service_request__get_packed_size(request), body.n_bytes);
    body_fini(&body);
    return request;
}

static void test_every_kind(void **state)
{
    (void)state;
    struct metric_collection collection = {.n_points = 0};
    struct metric_resource *resource = metric_add_resource(&collection, NULL);
    struct metric_scope *scope = metric_add_scope(&collection, resource, "otelshim.x");
    add(&collection, scope, "sum", METRIC_SUM)->last->is_integer = true; /* of 0 */
    add(&collection, scope, "gauge", METRIC_GAUGE)->last->value.number = -1.5;
    add_histogram(&collection, scope, METRIC_HISTOGRAM);
    add_histogram(&collection, scope, METRIC_EXPONENTIAL);
    Otlp__ExportMetricsServiceRequest *request = encode(&collection);
    Otlp__ScopeMetrics *of_scope = request->resource_metrics[0]->scope_metrics[0];
    assert_string_equal(of_scope->scope->name, "otelshim.x");
    assert_int_equal(of_scope->n_metrics, 4);
    Otlp__Metric **metrics = of_scope->metrics;
    assert_string_equal(metrics[0]->name, "sum");
    assert_true(metrics[0]->sum->is_monotonic);
    assert_int_equal(metrics[0]->sum->aggregation_temporality, METRIC_DELTA);
    Otlp__NumberDataPoint *number = metrics[0]->sum->data_points[0];
    assert_int_equal(number->value_case, OTLP__NUMBER_DATA_POINT__VALUE_AS_INT);
    assert_int_equal(number->as_int, 0);
    assert_int_equal(number->start_time_unix_nano, 10);
    assert_string_equal(number->attributes[0]->key, "k");
    assert_true(metrics[1]->gauge->data_points[0]->as_double == -1.5);
    Otlp__HistogramDataPoint *explicit = metrics[2]->histogram->data_points[0];
    assert_int_equal(explicit->count, 303);
    assert_int_equal(explicit->sum_presence_case, OTLP__HISTOGRAM_DATA_POINT__SUM_PRESENCE_SUM);
    assert_int_equal(explicit->min_presence_case, OTLP__HISTOGRAM_DATA_POINT__MIN_PRESENCE_MIN);
    assert_true(explicit->max == 7);
    assert_memory_equal(explicit->bucket_counts, buckets, sizeof(buckets));
    assert_memory_equal(explicit->explicit_bounds, bounds, sizeof(bounds));
    assert_true(explicit->exemplars[0]->as_double == 0.25);
    assert_int_equal(explicit->exemplars[0]->trace_id.len, 16);
    Otlp__ExponentialHistogramDataPoint *exponential = metrics[3]->exponential_histogram->data_points[0];
    assert_int_equal(exponential->scale, -4);
    assert_int_equal(exponential->positive->offset, -80);
    assert_int_equal(exponential->positive->n_bucket_counts, 3);
    assert_memory_equal(exponential->positive->bucket_counts, buckets, sizeof(buckets));
    otlp__export_metrics_service_request__free_unpacked(request, NULL);
    metric_collection_fini(&collection);
}

static void test_too_large(void **state)
{
    (void)state;
    struct metric_collection collection = {.n_points = 0};
    struct body body = {0};
    struct metric_scope *scope =
        metric_add_scope(&collection, metric_add_resource(&collection, NULL), "otelshim.x");
    for (int i = 0; i < 100; i++)
        add_histogram(&collection, scope, METRIC_HISTOGRAM);
    assert_int_equal(encode_metrics(&collection, 1000, &body), -EMSGSIZE);
    body_fini(&body);
    metric_collection_fini(&collection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_kind), cmocka_unit_test(test_too_large)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
