/* loop: timers, descriptors, UNIX signals, work from other threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/loop.h"
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

struct seen {
    struct loop *loop;
    struct loop_timer *timer;
    struct loop_watch *watch;
    char order[16];
    unsigned n;
    int fd;
};

static void note(struct seen *seen, char what)
{
    seen->order[seen->n++] = what;
}

static void fire_a(void *context)
{
    note(context, 'a');
}

static void fire_b_and_stop(void *context)
{
    struct seen *seen = context;
    note(seen, 'b');
    loop_stop(seen->loop);
}

static void fire_c(void *context)
{
    note(context, 'c');
}

static void test_timers_fire_in_order_and_stop(void **state)
{
    (void)state;
    struct seen seen = {.loop = loop_create()};
    struct loop_timer *late = loop_timer_create(seen.loop, fire_b_and_stop, &seen);
    struct loop_timer *early = loop_timer_create(seen.loop, fire_a, &seen);
    struct loop_timer *never = loop_timer_create(seen.loop, fire_c, &seen);
    uint64_t begin_ms = loop_now_ms(seen.loop);
    loop_timer_start(late, 30);
    loop_timer_start(early, 500);
    loop_timer_start(early, 5); /* moves it */
    loop_timer_start(never, 10);
    loop_timer_stop(never);
    loop_run(seen.loop);
    assert_string_equal(seen.order, "ab");
    assert_in_range(loop_now_ms(seen.loop) - begin_ms, 29, 60000);
    loop_timer_destroy(late);
    loop_timer_destroy(early);
    loop_timer_destroy(NULL);
    loop_destroy(seen.loop); /* takes `never` with it */
}

static void destroy_itself(void *context)
{
    struct seen *seen = context;
    note(seen, 'd');
    loop_timer_destroy(seen->timer);
    loop_stop(seen->loop);
}

static void test_timer_destroys_itself(void **state)
{
    (void)state;
    struct seen seen = {.loop = loop_create()};
    seen.timer = loop_timer_create(seen.loop, destroy_itself, &seen);
    loop_timer_start(seen.timer, 0);
    loop_run(seen.loop);
    assert_string_equal(seen.order, "d");
    loop_destroy(seen.loop);
}

static void ready(void *context, int events)
{
    struct seen *seen = context;
    char byte;
    assert_true(events & LOOP_READ);
    assert_int_equal(read(seen->fd, &byte, 1), 1);
    note(seen, byte);
    if (byte == 'y') {
        loop_watch_destroy(seen->watch);
        loop_stop(seen->loop);
    }
}

static void test_watch_reads(void **state)
{
    (void)state;
    int pipe_fds[2];
    assert_int_equal(pipe(pipe_fds), 0);
    struct seen seen = {.loop = loop_create(), .fd = pipe_fds[0]};
    seen.watch = loop_watch_create(seen.loop, pipe_fds[0], ready, &seen);
    assert_int_equal(write(pipe_fds[1], "xy", 2), 2);
    struct loop_timer *timer = loop_timer_create(seen.loop, fire_b_and_stop, &seen);
    loop_timer_start(timer, 10);
    loop_run(seen.loop);
    assert_string_equal(seen.order, "b"); /* paused until set */
    loop_watch_set(seen.watch, LOOP_READ);
    loop_run(seen.loop);
    assert_string_equal(seen.order, "bxy");
    loop_destroy(seen.loop);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static void caught(void *context, int signal_number)
{
    struct seen *seen = context;
    assert_int_equal(signal_number, SIGUSR1);
    note(seen, 's');
    loop_stop(seen->loop);
}

static void test_signal_arrives(void **state)
{
    (void)state;
    struct seen seen = {.loop = loop_create()};
    loop_on_signal(seen.loop, SIGUSR1, caught, &seen);
    raise(SIGUSR1);
    loop_run(seen.loop);
    assert_string_equal(seen.order, "s");
    loop_destroy(seen.loop);
}

static void *post_from_thread(void *context)
{
    struct seen *seen = context;
    for (int i = 0; i < 3; i++)
        loop_post(seen->loop, fire_a, seen);
    loop_post(seen->loop, fire_b_and_stop, seen);
    return NULL;
}

static void test_post_runs_in_order(void **state)
{
    (void)state;
    struct seen seen = {.loop = loop_create()};
    pthread_t thread;
    pthread_create(&thread, NULL, post_from_thread, &seen);
    loop_run(seen.loop);
    pthread_join(thread, NULL);
    assert_string_equal(seen.order, "aaab");
    loop_post(seen.loop, fire_a, &seen);
    loop_destroy(seen.loop); /* what was not run is freed */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timers_fire_in_order_and_stop),
        cmocka_unit_test(test_timer_destroys_itself),
        cmocka_unit_test(test_watch_reads),
        cmocka_unit_test(test_signal_arrives),
        cmocka_unit_test(test_post_runs_in_order),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
