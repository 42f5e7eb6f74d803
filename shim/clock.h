/*
 * clock: time in nanoseconds, of the clock the mapped file uses: CLOCK_MONOTONIC.
 *
 * Context: hot, async-signal-safe: no system call where the kernel vouches for its clock source.
 *
 * Two ways to read it. clock_mono_ns() asks the vDSO [22 ns]. clock_thread_ns() counts on from the thread's last question
 * by the CPU's time-stamp counter [11 ns], for at most CLOCK_STRETCH_NS, on x86-64 where the kernel itself tells time by that
 * counter (its clock source is "tsc": it has proved it invariant and the same on every CPU). The proof that this is
 * CLOCK_MONOTONIC, bound by bound, is in clock.c; tests/unit/shim/test_clock.c holds it to that.
 */
#ifndef OTELSHIM_CLOCK_H
#define OTELSHIM_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC. Never fails. */
static inline uint64_t clock_mono_ns(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* How far a thread counts on by itself. */
#define CLOCK_STRETCH_NS 1000000u

/* Where one thread counts from; all zero: nowhere yet. Its thread only, and UNIX-signal handlers on it. */
struct clock_anchor {
    uint64_t ticks;               /* of the counter at `mono_ns` */
    uint64_t mono_ns;             /* CLOCK_MONOTONIC then */
    uint64_t max_ticks;           /* how far this holds; 0: it does not */
    uint64_t rate;                /* ns a tick, of 2^32 */
    uint64_t last_ns;             /* what the thread was last told: never less again */
    uint64_t base_ticks, base_ns; /* where the rate is measured from; 0: nowhere */
    volatile uint32_t is_moving;  /* a handler leaves it alone */
    uint32_t n_slow;              /* questions in a row that took too long to tell where the anchor lies */
};

/* Asks the kernel, and moves the anchor there. */
uint64_t clock_ask(struct clock_anchor *anchor);

/* The same clock for one thread: its answers never go back, and are at most CLOCK_ERROR_NS away from CLOCK_MONOTONIC. */
#define CLOCK_ERROR_NS 1000u
static inline uint64_t clock_thread_ns(struct clock_anchor *anchor)
{
#ifdef __x86_64__
    if (__builtin_expect(!anchor->max_ticks, 0))
        return clock_ask(anchor);
    uint64_t from = *(volatile uint64_t *)&anchor->ticks, ticks = __builtin_ia32_rdtsc() - from;
    uint64_t now_ns = anchor->mono_ns + (ticks * anchor->rate >> 32);
    bool is_over = ticks >= anchor->max_ticks;
    /* Or a handler moved the anchor between. */
    if (__builtin_expect(is_over || *(volatile uint64_t *)&anchor->ticks != from, 0))
        return clock_ask(anchor);
    now_ns = now_ns > anchor->last_ns ? now_ns : anchor->last_ns;
    anchor->last_ns = now_ns;
    return now_ns;
#else
    (void)anchor;
    return clock_mono_ns();
#endif
}

/* CLOCK_REALTIME, for the header alone. */
uint64_t clock_unix_ns(void);

#endif
