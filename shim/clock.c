/*
 * clock: see clock.h. clock_gettime() is in libc since glibc 2.17, and in musl.
 *
 * Why counting on is CLOCK_MONOTONIC, to CLOCK_ERROR_NS:
 *   anchor    the counter is read before and after clock_gettime(): the anchor lies in the middle of at most
 *             MAX_QUESTION_TICKS, else it is not moved there [47 ns as a rule: 24 ns of error]
 *   rate      from two anchors RATE_MIN_NS or more apart: 2 x 24 ns in 10 ms, 5 millionths, is 5 ns in a stretch
 *   slewing   the kernel's own rate is changed by NTP, by at most 500 millionths: 500 ns in a stretch, for at most the
 *             RATE_RENEW_NS until it is measured again
 *   back      never: what is less than the last answer becomes the last answer
 *   gone by   a stretch over by its ticks (sleep, suspend, a stopped or moved VM, a counter set back: the difference
 *             is unsigned) ends in a question to the kernel
 *   checked   whenever an anchor is moved, what counting on would have said is compared. MAX_ERROR_NS apart (a counter
 *             that the kernel has given up since, a clock slewed by per cents), and this process never counts again
 *
 * prctl(PR_SET_TSC) (rr, some jails) makes rdtsc fault: asked before the first. Emulators, which answer too slowly to tell
 * where an anchor lies, are asked as before.
 */
#include "clock.h"

#include "hot.h"
#include "sys.h"
#include <string.h>

uint64_t clock_unix_ns(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#ifdef __x86_64__
#include <sys/prctl.h>

#define MAX_QUESTION_TICKS 600u
#define MAX_SLOW_QUESTIONS 100u
#define DECIDE_AFTER_NS 1000000u /* a short program never asks whether it may count */
#define RATE_MIN_NS 10000000u
#define RATE_RENEW_NS 100000000u
#define RATE_MAX_NS 1000000000u
#define CHECK_NS 20000000u
#define MAX_ERROR_NS 20000u

enum { UNKNOWN, COUNTED, REFUSED };

/* Relaxed atomics, any thread. */
static struct {
    uint32_t state;    /* UNKNOWN, … */
    uint64_t rate;     /* ns a tick, of 2^32, as measured last; 0 not yet */
    uint64_t first_ns; /* when the time was asked for first; 0 not yet */
} counter HOT_WORD;

static uint64_t load(const uint64_t *at)
{
    return __atomic_load_n(at, __ATOMIC_RELAXED);
}

static bool is_early(void)
{
    uint64_t now_ns = clock_mono_ns(), first_ns = load(&counter.first_ns);
    if (!first_ns)
        __atomic_store_n(&counter.first_ns, now_ns, __ATOMIC_RELAXED);
    return !first_ns || now_ns - first_ns < DECIDE_AFTER_NS;
}

/* Does the kernel tell time by the counter, and may we? Decided once per process; before that nobody counts. */
static __attribute__((noinline)) uint32_t decide(void)
{
    if (is_early())
        return REFUSED;
    static const char name[] = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    char text[8] = {0};
    int may_read = 0;
    uint32_t state = REFUSED;
    int fd = sys_open(name, O_RDONLY | O_NOFOLLOW);
    if (fd >= 0) {
        if (sys_read(fd, text, sizeof(text) - 1) == 4 && memcmp(text, "tsc\n", 4) == 0 &&
            sys_prctl(PR_GET_TSC, &may_read) == 0 && may_read == PR_TSC_ENABLE)
            state = COUNTED;
        sys_close(fd);
    }
    __atomic_store_n(&counter.state, state, __ATOMIC_RELAXED);
    return state;
}

static void refuse(void)
{
    __atomic_store_n(&counter.state, REFUSED, __ATOMIC_RELAXED);
}

/* Is the time what counting on would have said? A stretch that is long over by its ticks is not asked. */
static bool is_right(const struct clock_anchor *anchor, uint64_t ticks, uint64_t now_ns)
{
    uint64_t since_ticks = ticks - anchor->ticks, since_ns = now_ns - anchor->mono_ns;
    if (!anchor->rate || since_ticks > ((uint64_t)CHECK_NS << 32) / anchor->rate)
        return true;
    uint64_t counted_ns = since_ticks * anchor->rate >> 32;
    return counted_ns - since_ns + MAX_ERROR_NS <= 2ull * MAX_ERROR_NS;
}

/* From the base to here. A rate that is another one altogether was measured across a suspend. */
static void measure_rate(struct clock_anchor *anchor, uint64_t ticks, uint64_t now_ns)
{
    uint64_t since_ns = now_ns - anchor->base_ns, since_ticks = ticks - anchor->base_ticks;
    if (anchor->base_ns && since_ns < RATE_MIN_NS)
        return;
    if (anchor->base_ns && since_ns < RATE_MAX_NS && since_ticks) {
        uint64_t rate = (since_ns << 32) / since_ticks, known = load(&counter.rate);
        if (!known || rate - known + (known >> 8) <= known >> 7)
            __atomic_store_n(&counter.rate, rate, __ATOMIC_RELAXED);
        if (since_ns < RATE_RENEW_NS)
            return; /* the longer, the better */
    }
    anchor->base_ns = now_ns;
    anchor->base_ticks = ticks;
}

static void move(struct clock_anchor *anchor, uint64_t ticks, uint64_t now_ns)
{
    uint64_t rate = load(&counter.rate);
    anchor->ticks = ticks;
    anchor->mono_ns = now_ns;
    anchor->rate = rate;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    anchor->max_ticks = rate ? ((uint64_t)CLOCK_STRETCH_NS << 32) / rate : 0;
}

static __attribute__((noinline)) uint64_t ask_and_move(struct clock_anchor *anchor)
{
    anchor->is_moving = 1;
    anchor->max_ticks = 0;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    uint64_t before = __builtin_ia32_rdtsc(), now_ns = clock_mono_ns();
    uint64_t took = __builtin_ia32_rdtsc() - before, ticks = before + took / 2;
    if (took <= MAX_QUESTION_TICKS) {
        anchor->n_slow = 0;
        if (!is_right(anchor, ticks, now_ns))
            refuse();
        measure_rate(anchor, ticks, now_ns);
        move(anchor, ticks, now_ns);
    } else if (++anchor->n_slow > MAX_SLOW_QUESTIONS) {
        refuse();
    }
    now_ns = now_ns > anchor->last_ns ? now_ns : anchor->last_ns;
    anchor->last_ns = now_ns;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    anchor->is_moving = 0;
    return now_ns;
}

HOT uint64_t clock_ask(struct clock_anchor *anchor)
{
    uint32_t state = __atomic_load_n(&counter.state, __ATOMIC_RELAXED);
    if (__builtin_expect(state == REFUSED, 1) || anchor->is_moving ||
        (state == UNKNOWN && decide() == REFUSED)) {
        uint64_t now_ns = clock_mono_ns(); /* before the last answer: the lie was found by another thread */
        return now_ns > anchor->last_ns ? now_ns : anchor->last_ns;
    }
    return ask_and_move(anchor);
}
#else
HOT uint64_t clock_ask(struct clock_anchor *anchor)
{
    (void)anchor;
    return clock_mono_ns();
}
#endif
