/* offset: see offset.h. */
#include "sources/dropbox/offset.h"

#include "base/clock.h"

#include <string.h>

#define SAMPLE_EVERY_NS 100000000ull
/* Slewing moves at most 0.5 ms a second; finer than this nobody compares clocks of two machines. */
#define TOLERANCE_NS 200000

void offset_add(struct offset_history *history, uint64_t mono_ns, int64_t mono_to_unix_ns)
{
    if (history->n) {
        int64_t moved = mono_to_unix_ns - history->samples[history->n - 1].mono_to_unix_ns;
        if (moved < TOLERANCE_NS && moved > -TOLERANCE_NS) {
            history->last_mono_ns = mono_ns;
            return;
        }
    }
    if (history->n == OFFSET_MAX_SAMPLES) {
        memmove(history->samples, history->samples + 1,
                sizeof(history->samples) - sizeof(history->samples[0]));
        history->n--;
    }
    /* it changed somewhere between the two samples */
    uint64_t from = history->n ? history->last_mono_ns + (mono_ns - history->last_mono_ns) / 2 : mono_ns;
    history->samples[history->n++] = (struct offset_sample){from, mono_to_unix_ns};
    history->last_mono_ns = mono_ns;
}

uint64_t offset_sample_clocks(struct offset_history *history)
{
    uint64_t before = clock_ns(CLOCK_MONOTONIC);
    if (history->n && before - history->last_mono_ns < SAMPLE_EVERY_NS)
        return before;
    for (int i = 0; i < 3; i++) {
        before = clock_ns(CLOCK_MONOTONIC);
        uint64_t real = clock_ns(CLOCK_REALTIME);
        uint64_t after = clock_ns(CLOCK_MONOTONIC);
        if (after - before > 20000 && i < 2)
            continue; /* preempted in between: not the same moment */
        offset_add(history, after, (int64_t)(real - (before + (after - before) / 2)));
        break;
    }
    return before;
}

int64_t offset_at(const struct offset_history *history, uint64_t mono_ns, uint64_t first_mono_ns,
                  int64_t first)
{
    uint32_t i = history->n;
    while (i && history->samples[i - 1].from_mono_ns > mono_ns)
        i--;
    if (i)
        return history->samples[i - 1].mono_to_unix_ns;
    if (!history->n)
        return first;
    /* nobody sampled then: the nearer of the file's making and the first sample */
    uint64_t to_first = mono_ns > first_mono_ns ? mono_ns - first_mono_ns : first_mono_ns - mono_ns;
    uint64_t to_sample = history->samples[0].from_mono_ns - mono_ns;
    return first_mono_ns && to_first < to_sample ? first : history->samples[0].mono_to_unix_ns;
}
