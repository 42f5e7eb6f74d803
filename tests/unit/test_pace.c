/* pace: what Telegram allows, with a clock of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "outputs/alerts/pace.h"
#include <stdio.h>

static int fresh(void **state)
{
    (void)state;
    pace_clear();
    return 0;
}

/* How many go out until `end_ms`, each as soon as it may. */
static unsigned run(const char *place, bool is_group, uint64_t begin_ms, uint64_t end_ms)
{
    unsigned n = 0;
    for (uint64_t now = begin_ms;;) {
        now += pace_wait_ms("bot", place, is_group, now);
        if (now >= end_ms)
            return n;
        pace_take("bot", place, is_group, now);
        n++;
    }
}

static void test_one_chat(void **state)
{
    (void)state;
    assert_int_equal(run("4711", false, 5000, 5001), 3); /* at once */
    assert_int_equal(pace_wait_ms("bot", "4711", false, 5001), 999);
    assert_int_equal(run("4711", false, 5001, 15000), 9); /* one a second */
    assert_int_equal(run("4711", false, 60000, 60001), 3);
}

static void test_one_group(void **state)
{
    (void)state;
    assert_int_equal(run("-1", true, 1000, 61000), 18);
    assert_int_equal(run("-1", true, 61000, 121000), 18);
    assert_int_equal(run("-1", true, 400000, 400001), 3);
    assert_int_equal(run("-2", true, 400001, 400002), 3); /* another group */
}

static void test_all_chats_of_a_bot(void **state)
{
    (void)state;
    char place[16];
    unsigned n = 0;
    for (int i = 0; i < 200; i++) {
        snprintf(place, sizeof(place), "%d", i);
        if (pace_wait_ms("bot", place, false, 1000) == 0) {
            pace_take("bot", place, false, 1000);
            n++;
        }
    }
    assert_int_equal(n, 25);
    assert_int_equal(pace_wait_ms("bot", "999", false, 1500), 500);
    assert_int_equal(pace_wait_ms("bot", "999", false, 2000), 0);
    assert_int_equal(pace_wait_ms("other", "999", false, 1500), 0);
}

/* More places and accounts than are kept: forgotten, not broken. */
static void test_is_bounded(void **state)
{
    (void)state;
    char name[16];
    for (int i = 0; i < 100000; i++) {
        snprintf(name, sizeof(name), "%d", i);
        pace_take(i % 2 ? "bot" : name, name, true, 1000 + (uint64_t)i * 100);
    }
    assert_int_equal(pace_wait_ms("bot", "5", true, 20000000), 0);
}

static void test_pause(void **state)
{
    (void)state;
    pace_pause("bot", 7000, 1000);
    pace_pause("bot", 1000, 1000); /* does not shorten it */
    assert_int_equal(pace_wait_ms("bot", "any", false, 2000), 6000);
    assert_int_equal(pace_wait_ms("bot", "any", false, 8000), 0);
    pace_pause("bot", UINT64_MAX, 8000);
    assert_int_equal(pace_wait_ms("bot", "any", false, 8000), 86400000);
}

static void test_backoff(void **state)
{
    (void)state;
    static const uint64_t waits_s[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300};
    uint64_t now = 1000;
    for (size_t i = 0; i < sizeof(waits_s) / sizeof(*waits_s); i++) {
        uint64_t wait = pace_fail("bot", now);
        assert_in_range(wait, waits_s[i] * 1000, waits_s[i] * 1200);
        assert_int_equal(pace_wait_ms("bot", "any", false, now), wait);
        assert_int_equal(pace_fail("bot", now + 1), wait - 1); /* others that were under way */
        now += wait;
    }
    pace_recover("bot");
    assert_in_range(pace_fail("bot", now), 1000, 1200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_one_chat, fresh),
        cmocka_unit_test_setup(test_one_group, fresh),
        cmocka_unit_test_setup(test_all_chats_of_a_bot, fresh),
        cmocka_unit_test_setup(test_is_bounded, fresh),
        cmocka_unit_test_setup(test_pause, fresh),
        cmocka_unit_test_setup(test_backoff, fresh),
    };
    int status = cmocka_run_group_tests_name("pace", tests, NULL, NULL);
    pace_clear();
    return status;
}
