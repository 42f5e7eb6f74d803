/*
 * histogram: see histogram.h.
 *
 * An exponential one keeps the finest scale at which what it has seen fits into its buckets; what does not fit makes it
 * coarser by merging neighbours, and it never gets finer again (OTel spec, metrics SDK, "Base2 Exponential Bucket Histogram").
 */
#include "signals/metrics/histogram.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SCALE 20
#define MIN_SCALE (-11) /* one bucket for all that is above 1, one for what is below */

struct histogram {
    uint64_t count;
    double sum, min, max;
    const double *bounds; /* NULL: exponential */
    uint32_t n_bounds, n_buckets;
    int32_t scale, offset; /* bucket 0 has index `offset` */
    uint64_t zero_count;
    uint64_t buckets[]; /* n_bounds + 1, or HISTOGRAM_MAX_BUCKETS of which n_buckets are in use */
};

struct histogram *histogram_create(const double *bounds, uint32_t n_bounds)
{
    uint32_t n = bounds ? n_bounds + 1 : HISTOGRAM_MAX_BUCKETS;
    struct histogram *histogram = calloc(1, sizeof(*histogram) + n * sizeof(histogram->buckets[0]));
    if (!histogram)
        abort(); /* as the arena does */
    histogram->bounds = bounds;
    histogram->n_bounds = n_bounds;
    histogram_reset(histogram);
    return histogram;
}

void histogram_destroy(struct histogram *histogram)
{
    free(histogram);
}

void histogram_reset(struct histogram *histogram)
{
    uint32_t n = histogram->bounds ? histogram->n_bounds + 1 : HISTOGRAM_MAX_BUCKETS;
    memset(histogram->buckets, 0, n * sizeof(histogram->buckets[0]));
    histogram->count = histogram->zero_count = 0;
    histogram->sum = histogram->min = histogram->max = 0;
    histogram->n_buckets = histogram->bounds ? n : 0;
    histogram->scale = histogram->bounds ? 0 : MAX_SCALE;
    histogram->offset = 0;
}

/* A power of two belongs to the bucket below it: upper bounds are inclusive. */
int32_t histogram_index(double value, int32_t scale)
{
    int exponent;
    double fraction = frexp(value < DBL_MIN ? DBL_MIN : value, &exponent); /* [0.5, 1) */
    bool is_power = fraction == 0.5;
    int32_t floor_log2 = exponent - 1;
    if (scale <= 0)
        return (is_power ? floor_log2 - 1 : floor_log2) >> -scale;
    if (is_power)
        return (int32_t)((uint32_t)floor_log2 << scale) - 1;
    return (int32_t)floor(log(value < DBL_MIN ? DBL_MIN : value) * ldexp(1 / M_LN2, scale));
}

static int64_t lower(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t higher(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* `by` times half as many buckets. */
static void make_coarser(struct histogram *histogram, int32_t by)
{
    uint64_t merged[HISTOGRAM_MAX_BUCKETS] = {0};
    int32_t offset = histogram->offset >> by;
    for (uint32_t i = 0; i < histogram->n_buckets; i++)
        merged[((histogram->offset + (int32_t)i) >> by) - offset] += histogram->buckets[i];
    if (histogram->n_buckets)
        histogram->n_buckets =
            (uint32_t)(((histogram->offset + (int32_t)histogram->n_buckets - 1) >> by) - offset) + 1;
    memcpy(histogram->buckets, merged, sizeof(merged));
    histogram->offset = offset;
    histogram->scale -= by;
}

static void record_exponential(struct histogram *histogram, double value)
{
    int64_t index = histogram_index(value, histogram->scale), low = index, high = index;
    if (histogram->n_buckets) {
        low = lower(index, histogram->offset);
        high = higher(index, (int64_t)histogram->offset + histogram->n_buckets - 1);
    }
    int32_t by = 0;
    while ((high >> by) - (low >> by) >= HISTOGRAM_MAX_BUCKETS && histogram->scale - by > MIN_SCALE)
        by++;
    if (by) {
        make_coarser(histogram, by);
        index >>= by, low >>= by, high >>= by;
    }
    if (!histogram->n_buckets)
        histogram->offset = (int32_t)index;
    uint32_t shift = (uint32_t)(histogram->offset - low);
    if (shift) {
        memmove(histogram->buckets + shift, histogram->buckets,
                histogram->n_buckets * sizeof(histogram->buckets[0]));
        memset(histogram->buckets, 0, shift * sizeof(histogram->buckets[0]));
        histogram->offset = (int32_t)low;
    }
    histogram->n_buckets = (uint32_t)(high - low + 1);
    histogram->buckets[index - low]++;
}

/* Few bounds, and most values are below the first ones. */
static uint32_t find_bucket(const struct histogram *histogram, double value)
{
    uint32_t i = 0;
    while (i < histogram->n_bounds && value > histogram->bounds[i])
        i++;
    return i;
}

bool histogram_record(struct histogram *histogram, double value, uint32_t *ret_bucket)
{
    if (!isfinite(value) || value < 0)
        return false;
    *ret_bucket = 0;
    if (histogram->bounds)
        histogram->buckets[ *ret_bucket = find_bucket(histogram, value)]++;
    else if (value == 0)
        histogram->zero_count++;
    else
        record_exponential(histogram, value);
    histogram->min = histogram->count == 0 || value < histogram->min ? value : histogram->min;
    histogram->max = histogram->count == 0 || value > histogram->max ? value : histogram->max;
    histogram->sum += value;
    histogram->count++;
    return true;
}

void histogram_show(const struct histogram *histogram, struct arena *arena,
                    struct metric_histogram *ret_shown)
{
    uint64_t *buckets = arena_alloc(arena, (histogram->n_buckets + 1) * sizeof(*buckets));
    memcpy(buckets, histogram->buckets, histogram->n_buckets * sizeof(*buckets));
    *ret_shown = (struct metric_histogram){
        .count = histogram->count,
        .sum = histogram->sum,
        .min = histogram->min,
        .max = histogram->max,
        .buckets = buckets,
        .n_buckets = histogram->n_buckets,
        .scale = histogram->scale,
        .offset = histogram->offset,
        .zero_count = histogram->zero_count,
    };
}
