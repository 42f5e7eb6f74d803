/*
 * offset: what to add to a CLOCK_MONOTONIC time to get the real time, as the real-time clock stood then.
 *
 * Context: loop. The clock is stepped, slewed and, over a suspend, left behind: so the difference is sampled now and
 * then, and a record's time takes the sample that held when it was made, not when it was read.
 */
#ifndef OTELSHIM_SOURCE_DROPBOX_OFFSET_H
#define OTELSHIM_SOURCE_DROPBOX_OFFSET_H

#include <stdint.h>

#define OFFSET_MAX_SAMPLES 256u

struct offset_sample {
    uint64_t from_mono_ns;
    int64_t mono_to_unix_ns;
};

/* A zeroed one has no samples. */
struct offset_history {
    struct offset_sample samples[OFFSET_MAX_SAMPLES]; /* oldest first */
    uint32_t n;
    uint64_t last_mono_ns; /* when the newest was last found to hold */
};

/* Samples the clocks when that was not done for 100 ms; returns now. */
uint64_t offset_sample_clocks(struct offset_history *history);
/* For the sampling and for tests: the difference was this, then. */
void offset_add(struct offset_history *history, uint64_t mono_ns, int64_t mono_to_unix_ns);
/* The difference at mono_ns. Before the first sample: `first`, what is known from elsewhere (the file's making). */
int64_t offset_at(const struct offset_history *history, uint64_t mono_ns, uint64_t first_mono_ns,
                  int64_t first);

#endif
