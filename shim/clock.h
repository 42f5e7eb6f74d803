/*
 * clock: time in nanoseconds, of the clock the mapped file uses.
 *
 * Context: hot, async-signal-safe: the vDSO, no system call where the kernel vouches for the clock source.
 */
#ifndef OTELSHIM_CLOCK_H
#define OTELSHIM_CLOCK_H

#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC. Never fails. */
static inline uint64_t clock_mono_ns(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* CLOCK_REALTIME, for the header alone. */
uint64_t clock_unix_ns(void);

#endif
