/*
 * histogram: measurements in buckets: explicit ones, or OpenTelemetry's base-2 exponential ones (160, scale 20 at most).
 *
 * Context: loop. Pure but for memory. Ownership: histogram_create()'s is the caller's; histogram_destroy() takes NULL.
 * What is not a number, or is infinite or negative, is left out: no clock and no server of ours says such a thing.
 */
#ifndef OTELSHIM_HISTOGRAM_H
#define OTELSHIM_HISTOGRAM_H

#include "telemetry/metric.h"

#define HISTOGRAM_MAX_BUCKETS 160u

struct histogram;

/* `bounds` (kept, not copied) NULL: exponential. */
struct histogram *histogram_create(const double *bounds, uint32_t n_bounds);
void histogram_destroy(struct histogram *histogram);
/* False: left out. *ret_bucket is where it went, for exemplars; of an exponential one always 0. */
bool histogram_record(struct histogram *histogram, double value, uint32_t *ret_bucket);
/* Shows what is in it; the buckets are copied into the arena. */
void histogram_show(const struct histogram *histogram, struct arena *arena,
                    struct metric_histogram *ret_shown);
/* Empty again; an exponential one begins at the finest scale again. */
void histogram_reset(struct histogram *histogram);

/* Index of the bucket of `value` > 0 at `scale`: (base^i, base^(i+1)], base = 2^(2^-scale). */
int32_t histogram_index(double value, int32_t scale);

#endif
