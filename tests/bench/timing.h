/* timing: what the programs of tests/bench measure with. */
#ifndef OTELSHIM_BENCH_TIMING_H
#define OTELSHIM_BENCH_TIMING_H

#include <stdlib.h>
#include <time.h>

static inline double read_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static inline double now_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

static inline int compare_doubles(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Sorts them. */
static inline double median(double *values, size_t n)
{
    qsort(values, n, sizeof(*values), compare_doubles);
    return values[n / 2];
}

#endif
