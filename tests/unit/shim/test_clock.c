/*
 * A thread's clock against CLOCK_MONOTONIC: never back, never CLOCK_ERROR_NS away, across CPUs, in UNIX-signal handlers
 * that come at any instruction, after sleeps; and what a counter that lies is worth.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"

#define RUN_NS 400000000u

/* How far one answer lies outside of what the kernel said before and after it. */
static uint64_t error_of(struct clock_anchor *anchor, uint64_t *last_ns)
{
    uint64_t before_ns = clock_mono_ns(), now_ns = clock_thread_ns(anchor), after_ns = clock_mono_ns();
    bool is_back = now_ns < *last_ns;
    *last_ns = now_ns;
    if (is_back)
        return UINT64_MAX;
    return now_ns < before_ns ? before_ns - now_ns : now_ns > after_ns ? now_ns - after_ns : 0;
}

/* The largest error of a run; from time to time on another CPU, and after a sleep. */
static uint64_t watch(struct clock_anchor *anchor, uint64_t run_ns)
{
    uint64_t end_ns = clock_mono_ns() + run_ns, last_ns = 0, worst_ns = 0;
    for (unsigned i = 0; last_ns < end_ns; i++) {
        uint64_t error_ns = error_of(anchor, &last_ns);
        worst_ns = error_ns > worst_ns ? error_ns : worst_ns;
        if (i % 65536 == 0) {
            cpu_set_t cpus;
            CPU_ZERO(&cpus);
            CPU_SET((i >> 16) % (unsigned)sysconf(_SC_NPROCESSORS_ONLN), &cpus);
            (void)sched_setaffinity(0, sizeof(cpus), &cpus);
            usleep(i >> 16 & 1 ? 100 : 3000);
        }
    }
    return worst_ns;
}

static void *watch_alone(void *worst_ns)
{
    struct clock_anchor anchor = {0};
    *(uint64_t *)worst_ns = watch(&anchor, RUN_NS);
    return NULL;
}

static void test_every_threads_clock_is_the_kernels(void **state)
{
    (void)state;
    pthread_t threads[4];
    uint64_t worst_ns[4];
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, watch_alone, &worst_ns[i]), 0);
    for (unsigned i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_in_range(worst_ns[i], 0, CLOCK_ERROR_NS);
    }
}

/* ---- in handlers ---- */
static struct clock_anchor shared;
static volatile uint64_t worst_in_handler_ns, n_handled;
/* From one handler's end to the next: the thread gets on, however long a machine takes for a handler. */
static const struct itimerspec next_signal = {.it_value.tv_nsec = 30000};
static timer_t signals;

static void ask_in_handler(int number)
{
    int before = errno;
    (void)number;
    uint64_t last_ns = 0, error_ns = error_of(&shared, &last_ns);
    if (error_ns > worst_in_handler_ns)
        worst_in_handler_ns = error_ns;
    n_handled++;
    (void)timer_settime(signals, 0, &next_signal, NULL);
    errno = before; /* it may be over */
}

static void test_a_handler_may_come_at_any_instruction(void **state)
{
    (void)state;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    assert_true(signal(SIGUSR1, ask_in_handler) != SIG_ERR &&
                !timer_create(CLOCK_MONOTONIC, &event, &signals) &&
                !timer_settime(signals, 0, &next_signal, NULL));
    uint64_t worst_ns = 0;
    for (unsigned i = 0; i < 50 && n_handled <= 100; i++) { /* a busy machine lets it run seldom */
        uint64_t error_ns = watch(&shared, RUN_NS);
        worst_ns = error_ns > worst_ns ? error_ns : worst_ns;
    }
    timer_delete(signals);
    assert_true(n_handled > 100);
    assert_in_range(worst_ns, 0, CLOCK_ERROR_NS);
    assert_in_range(worst_in_handler_ns, 0, CLOCK_ERROR_NS);
}

/* ---- a counter that lies ---- */

/* Six per cent fast, 60 us in a stretch, from an anchor that holds: the largest error until the next. */
static uint64_t lie(struct clock_anchor *anchor)
{
    uint64_t last_ns = 0, worst_ns = 0;
    for (unsigned i = 0; i < 1000 && !anchor->max_ticks; i++)
        (void)clock_ask(anchor);
    anchor->rate += anchor->rate / 16;
    uint64_t from = anchor->ticks,
             end_ns = clock_mono_ns() + 2 * CLOCK_STRETCH_NS; /* refused before: it stays */
    while (anchor->max_ticks && anchor->ticks == from && clock_mono_ns() < end_ns) {
        uint64_t error_ns = error_of(anchor, &last_ns);
        worst_ns = error_ns > worst_ns ? error_ns : worst_ns;
    }
    return worst_ns;
}

static uint32_t n_slow; /* questions in a row, of the last */

static bool is_counted(void)
{
    struct clock_anchor anchor = {0};
    for (unsigned i = 0; i < 1000 && !anchor.ticks; i++)
        (void)clock_ask(&anchor);
    n_slow = anchor.n_slow;
    return anchor.ticks;
}

/* Last: this process asks the kernel ever after. */
static void test_a_wrong_rate_ends_counting(void **state)
{
    (void)state;
    struct clock_anchor anchor = {0};
    (void)watch(&anchor, RUN_NS);
    if (!is_counted()) {
        print_message("skipped: %s: the kernel does not vouch for a counter here\n", __func__);
        skip();
    }
    uint64_t worst_ns = 0;
    for (unsigned i = 0; i < 200 && is_counted(); i++) { /* who is preempted meanwhile has told no lie */
        uint64_t error_ns = lie(&anchor);
        worst_ns = error_ns > worst_ns ? error_ns : worst_ns;
    }
    if (worst_ns <= CLOCK_ERROR_NS && (anchor.n_slow || n_slow)) { /* not for the lie */
        print_message("skipped: %s: the kernel answers too slowly here\n", __func__);
        skip();
    }
    assert_in_range(worst_ns, CLOCK_ERROR_NS + 1, CLOCK_STRETCH_NS); /* error_of() can tell */
    assert_false(is_counted());

    /* A thread that had been lied to when another one found out. */
    struct clock_anchor late = {.last_ns = clock_mono_ns() + 1000000000u};
    assert_int_equal(clock_thread_ns(&late), late.last_ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_threads_clock_is_the_kernels),
        cmocka_unit_test(test_a_handler_may_come_at_any_instruction),
        cmocka_unit_test(test_a_wrong_rate_ends_counting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
