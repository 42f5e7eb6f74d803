/*
 * clock: a clock of the kernel in nanoseconds. Context: any.
 */
#ifndef OTELSHIM_EXPORTER_CLOCK_H
#define OTELSHIM_EXPORTER_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(clockid_t clock)
{
    struct timespec now = {0};
    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif
