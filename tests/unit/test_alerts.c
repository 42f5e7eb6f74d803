/* alerts: raised once, counted, told in order, kept over restarts, never lost and never twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "alerting.h"

static struct alerts_counts counts(void)
{
    struct alerts_counts now;
    alerts_get_counts(alerts, &now);
    return now;
}

static bool says(uint32_t i, const char *text)
{
    return i < fake.n && strstr(fake.messages[i].text, text);
}

static void test_alerts_once(void **state)
{
    (void)state;
    struct settings *settings = SETTINGS();
    for (int i = 0; i < 5; i++)
        raise_error(settings, "TimeoutError", "no answer");
    run_until_idle(2000);
    assert_int_equal(fake.n - fake.n_edits, 1);
    assert_true(says(0, "⚠️ ERROR: TimeoutError · trader 1.4.2 on pi5\n🕒 "));
    assert_true(says(0, "pid 4121\nMessage:\nno answer"));
    assert_int_equal(counts().suppressed, 4);
    assert_int_equal(counts().sent, 1);
    assert_int_equal(counts().waiting, 0);
    settings_destroy(settings);
}

static void test_alerts_edit(void **state)
{
    (void)state;
    struct settings *settings = SETTINGS();
    raise_error(settings, "TimeoutError", "no answer");
    run_for(20);
    for (int i = 0; i < 36; i++)
        raise_error(settings, "TimeoutError", "no answer");
    raise_error(settings, "OtherError", "something else");
    run_for(15);
    assert_int_equal(fake.n, 2); /* a different one at once, the change later */
    run_until_idle(2000);
    assert_int_equal(fake.n_edits, 1);
    assert_string_equal(fake.messages[2].edits, "1");
    assert_true(says(2, "🔁 ×37 · last "));
    assert_true(says(2, "no answer"));
    assert_true(fake.messages[2].is_silent);
    settings_destroy(settings);
}

static void test_alerts_window(void **state)
{
    (void)state;
    struct settings *settings = SETTINGS("OTELSHIM_ALERT_WINDOW", "100");
    for (int i = 0; i < 3; i++)
        raise_error(settings, "TimeoutError", "order 123 at 0x7fffab12");
    run_for(150);
    raise_error(settings, "TimeoutError", "order 4567 at 0x55");
    run_until_idle(2000);
    assert_int_equal(fake.n - fake.n_edits, 2);
    assert_true(says(fake.n - 1, "2 more of these since "));
    settings_destroy(settings);
}

static void test_alerts_order(void **state)
{
    (void)state;
    struct settings *settings = SETTINGS();
    static const enum alert_class classes[] = {ALERT_INFO,  ALERT_TRADE, ALERT_ERROR,
                                               ALERT_CRASH, ALERT_ERROR, ALERT_AMBIGUOUS};
    fake.is_down = true;
    for (uint32_t i = 0; i < 6; i++) {
        char type[8];
        snprintf(type, sizeof(type), "T%c", 'a' + (int)i);
        struct alert alert = an_alert(type, "m");
        alert.class = classes[i];
        alerts_raise(alerts, settings, &alert);
    }
    run_for(60);
    assert_int_equal(fake.n, 0);
    assert_int_equal(counts().waiting, 6);
    fake.is_down = false;
    run_until_idle(2000);
    const char *const order[] = {"Td", "Tf", "Tc", "Te", "Tb", "Ta"};
    assert_int_equal(fake.n, 6);
    for (uint32_t i = 0; i < 6; i++)
        assert_true(says(i, order[i]));
    settings_destroy(settings);
}

static void test_alerts_restart(void **state)
{
    (void)state;
    struct settings *settings = SETTINGS("OTELSHIM_TELEGRAM_ERROR_CHATS", "10, 11");
    fake.is_down = true;
    raise_error(settings, "TimeoutError", "no answer");
    raise_error(settings, "OtherError", "something else");
    run_for(20);
    restart();
    run_for(30);
    assert_int_equal(fake.n, 0); /* nobody knows the token yet */
    assert_true(alerts_is_idle(alerts));
    raise_error(settings, "TimeoutError", "no answer"); /* still within its window */
    run_until_idle(2000);
    assert_int_equal(fake.n - fake.n_edits, 4);
    assert_int_equal(counts().suppressed, 1);
    assert_int_equal(counts().waiting, 0);
    for (uint32_t i = 0; i < 4; i++)
        assert_false(fake.messages[i].is_repetition);
    restart();
    alerts_learn(alerts, settings);
    run_until_idle(1000);
    assert_int_equal(fake.n, 0);
    settings_destroy(settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_alerts_once, alerting_setup, alerting_teardown),
        cmocka_unit_test_setup_teardown(test_alerts_edit, alerting_setup, alerting_teardown),
        cmocka_unit_test_setup_teardown(test_alerts_window, alerting_setup, alerting_teardown),
        cmocka_unit_test_setup_teardown(test_alerts_order, alerting_setup, alerting_teardown),
        cmocka_unit_test_setup_teardown(test_alerts_restart, alerting_setup, alerting_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
