/*
 * clock: time in nanoseconds, of the clock the mapped file uses.
 *
 * Context: hot, async-signal-safe: the vDSO, no system call where the kernel vouches for the clock source.
 */
#ifndef OTELSHIM_CLOCK_H
#define OTELSHIM_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC. Never fails. */
uint64_t clock_mono_ns(void);
/* CLOCK_REALTIME, for the header alone. */
uint64_t clock_unix_ns(void);

#endif
