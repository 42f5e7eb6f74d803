/* streaks: failures in a row, refused credentials, the failed share; bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "signals/alerts/streaks.h"

#define SECOND 1000000000ull

static struct streaks *streaks;
static struct host_news news;
static uint64_t now_ns;
static const struct host_limits limits = {.streak = 5, .error_rate = 0.5};

static int set_up(void **state)
{
    (void)state;
    streaks = streaks_create();
    now_ns = 10000 * SECOND;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    streaks_destroy(streaks);
    return 0;
}

static struct host *host_of(const char *name)
{
    return streaks_find(streaks, name, strlen(name));
}

static void note(const char *name, enum host_event event, uint64_t path)
{
    now_ns += SECOND / 10;
    streaks_note(host_of(name), &(struct host_call){event, now_ns, path}, &limits, &news);
}

static void test_in_a_row(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 1; i <= 12; i++) {
            note("a", HOST_FAILED, 0);
            assert_int_equal(news.fails, i == 5); /* once */
            assert_int_equal(news.in_a_row, i);
            assert_false(news.fails_often); /* the streak has told of them */
        }
        note("a", HOST_ANSWERED, 0); /* a 404: it lives */
        assert_true(news.is_back);
        note("a", HOST_SERVED, 0);
        assert_false(news.is_back);
    }
    for (int i = 0; i < 50; i++) {
        note("b", i % 5 == 4 ? HOST_SERVED : HOST_FAILED, 0);
        assert_false(news.fails);
        assert_false(news.is_back);
    }
}

/* Of another thread's chunk: it ended before the failures did. */
static void test_late_success(void **state)
{
    (void)state;
    uint64_t before = now_ns;
    for (int i = 0; i < 5; i++)
        note("a", HOST_FAILED, 0);
    streaks_note(host_of("a"), &(struct host_call){HOST_SERVED, before, 0}, &limits, &news);
    assert_false(news.is_back);
    note("a", HOST_SERVED, 0);
    assert_true(news.is_back);
}

static void test_share(void **state)
{
    (void)state;
    int told = 0, over = 0;
    for (int i = 0; i < 60; i++) {
        note("a", i % 3 ? HOST_FAILED : HOST_SERVED, 0);
        told += news.fails_often;
        if (news.fails_often)
            assert_true(news.n_calls >= 20 && news.n_failed * 2 >= news.n_calls);
    }
    assert_int_equal(told, 1);
    for (int i = 0; i < 400; i++) {
        note("a", HOST_SERVED, 0);
        over += news.is_rarely_again;
    }
    assert_int_equal(over, 1);
    now_ns += STREAKS_WINDOW_NS; /* what was is forgotten */
    for (int i = 0; i < 19; i++) {
        note("a", i % 3 ? HOST_FAILED : HOST_SERVED, 0);
        assert_false(news.fails_often); /* too few to say so */
    }
}

static void test_window_slides(void **state)
{
    (void)state;
    for (int i = 0; i < 19; i++)
        note("a", i % 3 ? HOST_FAILED : HOST_SERVED, 0);
    now_ns += STREAKS_WINDOW_NS + 30 * SECOND;
    for (int i = 0; i < 19; i++) {
        note("a", i % 3 ? HOST_FAILED : HOST_SERVED, 0);
        assert_false(news.fails_often);
    }
}

/* What needs no key goes on well while the key is refused. */
static void test_credentials_R061(void **state)
{
    (void)state;
    int told = 0;
    for (int i = 0; i < 10; i++) {
        note("a", HOST_REJECTED, 7);
        told += news.rejects;
        assert_int_equal(told, i >= 4);
        note("a", HOST_SERVED, 1); /* public */
        assert_false(news.accepts);
    }
    note("a", HOST_REJECTED, 8);
    note("a", HOST_SERVED, 8);
    assert_true(news.accepts);
    note("a", HOST_SERVED, 7);
    assert_false(news.accepts);
    for (int i = 0; i < 4; i++)
        note("a", HOST_REJECTED, 7);
    now_ns += 3601 * SECOND;
    note("a", HOST_REJECTED, 7);
    assert_false(news.rejects); /* one an hour is no streak */
}

static void test_limits_off(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        now_ns += SECOND;
        streaks_note(host_of("a"), &(struct host_call){i % 2 ? HOST_FAILED : HOST_REJECTED, now_ns, 0},
                     &(struct host_limits){0, 0}, &news);
        assert_false(news.fails || news.rejects || news.fails_often);
    }
}

/* A crawler does not push out the one host that is in trouble. */
static void test_bounded(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        note("failing", HOST_FAILED, 0);
    for (int i = 0; i < 3; i++)
        note("quiet", HOST_FAILED, 0);
    for (int i = 0; i < 1000; i++) {
        char name[200];
        memset(name, 'x', sizeof(name));
        snprintf(name, sizeof(name), "host-%d", i);
        name[strlen(name)] = i % 2 ? 'x' : 0; /* long ones are cut */
        name[sizeof(name) - 1] = 0;
        note(name, HOST_SERVED, 0);
    }
    note("failing", HOST_SERVED, 0);
    assert_true(news.is_back);
    note("quiet", HOST_FAILED, 0);
    assert_int_equal(news.in_a_row, 1); /* forgotten */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_in_a_row, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_late_success, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_share, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_window_slides, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_credentials_R061, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limits_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bounded, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
