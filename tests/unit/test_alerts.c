/* alerts: raised once, counted, told in order, kept over restarts, never lost and never twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glob.h>

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
    struct alert_times times = quick;
    times.edit = 3000; /* a busy machine lets the rest wait that long */
    end();
    start_with(&times);
    raise_error(settings, "TimeoutError", "no answer");
    run_until_told(1);
    for (int i = 0; i < 36; i++)
        raise_error(settings, "TimeoutError", "no answer");
    raise_error(settings, "OtherError", "something else");
    run_until_told(2);
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
    struct settings *settings = SETTINGS("OTELSHIM_ALERT_WINDOW", "2000");
    for (int i = 0; i < 3; i++)
        raise_error(settings, "TimeoutError", "order 123 at 0x7fffab12");
    run_for(2050);
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
    fake.wait_ms = 1000;
    raise_error(settings, "TimeoutError", "no answer");
    raise_error(settings, "OtherError", "something else");
    run_for(20);
    restart();
    run_for(30);
    assert_int_equal(fake.n, 0); /* nobody knows the token yet */
    assert_true(alerts_is_idle(alerts));
    alerts_learn(alerts, settings);
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

/* Killed after the answer was noted, before the file was gone. */
static void test_alerts_noted(void **state)
{
    (void)state;
    struct settings *settings = SETTINGS();
    char from[160], to[160], aside[160];
    fake.wait_ms = 1000;
    raise_error(settings, "TimeoutError", "no answer");
    run_for(10);
    snprintf(from, sizeof(from), "%s/alerts/%016llx-error.json", directory,
             (unsigned long long)queue_next_sequence(alerts->queue) - 1);
    snprintf(to, sizeof(to), "%s/alerts/%016llx-error.sending", directory,
             (unsigned long long)queue_next_sequence(alerts->queue) - 1);
    snprintf(aside, sizeof(aside), "%s/aside", directory);
    assert_int_equal(link(from, aside), 0);
    fake.wait_ms = 0;
    queue_wake(alerts->queue);
    run_until_idle(1000);
    assert_int_equal(fake.n, 1);
    assert_int_equal(rename(aside, to), 0);
    restart();
    alerts_learn(alerts, settings);
    run_until_idle(1000);
    assert_int_equal(fake.n, 0);
    assert_int_not_equal(access(to, F_OK), 0);
    settings_destroy(settings);
}

/* ---- storms ---- */

static void test_alerts_storm(void **state)
{
    (void)state;
    struct settings *settings = SETTINGS();
    for (int i = 0; i < 100000; i++) {
        char message[64];
        snprintf(message, sizeof(message), "order %d was not taken", i);
        raise_error(settings, "TimeoutError", message);
        if (i == 50000)
            raise_error(settings, "OtherError", "in the midst of it");
    }
    run_until_idle(3000);
    assert_int_equal(fake.n - fake.n_edits, 2);
    assert_true(says(1, "in the midst of it"));
    assert_true(says(0, "×100000 "));
    assert_int_equal(dedup_count(alerts->dedup), 2);
    settings_destroy(settings);
}

/* A word of letters for a number: what differs in digits only is the same. */
static void print_word(int i, char ret_word[8])
{
    for (int j = 0; j < 6; j++, i /= 10)
        ret_word[j] = (char)('g' + i % 10);
    ret_word[6] = 0;
}

static void test_alerts_different(void **state)
{
    (void)state;
    struct settings *settings = SETTINGS();
    for (int i = 0; i < 100000; i++) {
        char message[64], word[8];
        print_word(i, word);
        snprintf(message, sizeof(message), "%s was not taken", word);
        raise_error(settings, "TimeoutError", message);
    }
    raise_error(settings, "OtherError", "and another type");
    struct alert ambiguous = an_alert("AmbiguousRequest", "may have happened");
    ambiguous.class = ALERT_AMBIGUOUS;
    alerts_raise(alerts, settings, &ambiguous);
    run_until_idle(5000);
    assert_int_equal(fake.n - fake.n_edits, DEDUP_MAX_OF_TYPE + 3);
    assert_true(says(0, "may have happened"));
    assert_int_equal(counts().folded, 100000 - DEDUP_MAX_OF_TYPE);
    uint32_t n_summaries = 0, n_others = 0;
    for (uint32_t i = 0; i < fake.n; i++) {
        n_summaries += says(i, "counted, not told one by one") && !says(i, "×");
        n_others += says(i, "and another type");
    }
    assert_int_equal(n_summaries, 0); /* it went out with the count */
    assert_int_equal(n_others, 1);
    assert_true(dedup_count(alerts->dedup) < 30);
    settings_destroy(settings);
}

static void test_alerts_many_types(void **state)
{
    (void)state;
    struct settings *settings = SETTINGS();
    for (int i = 0; i < 5000; i++) {
        char word[8];
        print_word(i, word);
        raise_error(settings, word, "failed");
    }
    run_until_idle(5000);
    assert_int_equal(fake.n - fake.n_edits, DEDUP_MAX_OF_SERVICE + 1);
    assert_true(dedup_count(alerts->dedup) <= DEDUP_MAX_ENTRIES);
    settings_destroy(settings);
}

/* ---- what destinations answer ---- */

static void test_alerts_retry_after(void **state)
{
    (void)state;
    struct settings *settings = SETTINGS();
    fake_say(NULL, (struct sent){.outcome = SENT_RETRY, .retry_ms = 5000, .problem = "429"});
    raise_error(settings, "TimeoutError", "no answer");
    run_for(100);
    struct alert crash = an_alert("SIGSEGV", "null pointer");
    crash.class = ALERT_CRASH;
    crash.is_distinct = true;
    alerts_raise(alerts, settings, &crash);
    run_for(120);
    assert_int_equal(fake.n_attempts, 1); /* nobody goes earlier than the server says */
    run_until_idle(2000);
    assert_int_equal(fake.n, 2);
    assert_true(says(0, "SIGSEGV"));
    assert_string_equal(counts().last_error, "429");
    settings_destroy(settings);
}

static void test_alerts_late(void **state)
{
    (void)state;
    struct settings *settings = SETTINGS("OTELSHIM_LANG", "ko");
    fake.is_down = true;
    raise_error(settings, "TimeoutError", "no answer");
    raise_error(settings, "TimeoutError", "no answer");
    run_for(450);
    fake.is_down = false;
    run_until_idle(2000);
    assert_int_equal(fake.n, 1); /* the count is in it: nothing to change afterwards */
    assert_true(fake.messages[0].is_late);
    assert_false(fake.messages[0].is_repetition);
    assert_true(says(0, "메시지:\nno answer"));
    assert_true(says(0, "×2 · 마지막"));
    assert_true(says(0, "초 늦게 전송됨"));
    settings_destroy(settings);
}

static void test_alerts_unsure(void **state)
{
    (void)state;
    struct settings *settings = SETTINGS();
    fake_say(NULL, (struct sent){.outcome = SENT_RETRY, .is_unsure = true, .problem = "no answer came"});
    raise_error(settings, "TimeoutError", "no answer");
    run_until_idle(2000);
    assert_int_equal(fake.n, 1);
    assert_true(fake.messages[0].is_repetition);
    assert_true(says(0, "(may be a repetition)"));
    settings_destroy(settings);
}

static void test_alerts_dead(void **state)
{
    (void)state;
    struct settings *settings = SETTINGS("OTELSHIM_TELEGRAM_ERROR_CHATS", "10, 11");
    struct alert_times times = quick;
    times.dead = 5000;
    end();
    start_with(&times);
    fake_say("10", (struct sent){.outcome = SENT_DEAD, .problem = "bot was blocked"});
    raise_error(settings, "TimeoutError", "no answer");
    run_until_told(1);
    run_until_idle(1000);
    assert_int_equal(fake.n, 1);
    assert_string_equal(fake.messages[0].address, "11");
    assert_true(alerts_is_idle(alerts));
    assert_int_equal(counts().refused, 1);
    raise_error(settings, "OtherError", "something else");
    run_until_told(2);
    assert_int_equal(fake.n, 2);
    assert_int_equal(fake.n_attempts, 3); /* the dead one is let alone */
    run_until_told(4);
    assert_int_equal(fake.n, 4); /* an hour is over */
    assert_int_equal(counts().waiting, 0);
    settings_destroy(settings);
}

static void test_alerts_refused(void **state)
{
    (void)state;
    struct settings *settings = SETTINGS("OTELSHIM_TELEGRAM_ERROR_CHATS", "10, 11");
    struct alert_times times = quick;
    times.dead = 5000;
    end();
    start_with(&times);
    for (int i = 0; i < 64; i++)
        fake_say(NULL, (struct sent){.outcome = SENT_REFUSED, .problem = "token revoked"});
    raise_error(settings, "TimeoutError", "no answer");
    run_for(50);
    assert_int_equal(fake.n, 0);
    assert_in_range(fake.n_attempts, 1, 2);
    assert_int_equal(counts().refused, 2);
    assert_true(alerts_is_idle(alerts));
    fake.n_script = 0;
    /* the same chats with another token */
    struct settings *mended = settings_create(
        alerting_lookup,
        ((const char *[]){"OTELSHIM_TELEGRAM_TOKEN", "2:mended", "OTELSHIM_TELEGRAM_CHATS", "10, 11", NULL}));
    alerts_learn(alerts, mended);
    run_until_idle(1000);
    assert_int_equal(fake.n, 2);
    settings_destroy(mended);
    settings_destroy(settings);
}

static void test_alerts_moved(void **state)
{
    (void)state;
    struct settings *settings = SETTINGS();
    fake_say("10", (struct sent){.outcome = SENT_RETRY, .address = "-10010", .problem = "upgraded"});
    raise_error(settings, "TimeoutError", "no answer");
    run_until_idle(1000);
    assert_int_equal(fake.n, 1);
    assert_string_equal(fake.messages[0].address, "-10010");
    restart();
    raise_error(settings, "OtherError", "something else");
    run_until_idle(1000);
    assert_int_equal(fake.n, 1);
    assert_string_equal(fake.messages[0].address, "-10010");
    settings_destroy(settings);
}

static void test_alerts_bad(void **state)
{
    (void)state;
    struct settings *settings = SETTINGS();
    fake_say(NULL, (struct sent){.outcome = SENT_BAD, .problem = "not that"});
    raise_error(settings, "TimeoutError", "no answer");
    raise_error(settings, "OtherError", "something else");
    run_until_idle(1000);
    assert_int_equal(fake.n, 1);
    assert_true(says(0, "something else"));
    assert_int_equal(counts().waiting, 0);
    settings_destroy(settings);
}

/* ---- bounds ---- */

static void test_alerts_bounded(void **state)
{
    (void)state;
    struct settings *settings = SETTINGS("OTELSHIM_ALERT_STORE_SIZE", "20K");
    fake.is_down = true;
    for (int i = 0; i < 60; i++) {
        char word[8];
        print_word(i, word);
        struct alert notice = {
            .class = ALERT_INFO, .type = "notice", .body = word, .is_distinct = true, .pid = (uint32_t)i};
        alerts_raise(alerts, settings, &notice);
    }
    assert_true(counts().dropped > 0); /* notices go, the oldest first */
    for (int i = 0; i < 40; i++) {
        char type[16];
        snprintf(type, sizeof(type), "Type%c%c", 'a' + i % 20, 'a' + i / 20);
        raise_error(settings, type, "failed");
    }
    assert_true(counts().folded > 0);
    uint64_t n_kept = counts().waiting, n_folded = counts().folded;
    struct queue_counts queue;
    queue_get_counts(alerts->queue, &queue);
    assert_true(queue.bytes <= 20 << 10);
    struct alert crash = an_alert("SIGSEGV", "null pointer");
    crash.class = ALERT_CRASH;
    crash.is_distinct = true;
    alerts_raise(alerts, settings, &crash);
    assert_int_equal(counts().waiting, n_kept + 1); /* always room for a crash */
    fake.is_down = false;
    run_until_idle(5000);
    assert_true(says(0, "SIGSEGV") || says(1, "SIGSEGV"));
    char text[64];
    snprintf(text, sizeof(text), "%u alerts since ", (unsigned)n_folded);
    bool is_told = false;
    for (uint32_t i = 0; i < fake.n; i++)
        is_told |= says(i, text) && says(i, "found no room");
    assert_true(is_told);
    settings_destroy(settings);
}

static void test_alerts_without_disk(void **state)
{
    (void)state;
    struct settings *settings = SETTINGS();
    end();
    loop = loop_create();
    fake_init(loop);
    assert_true(alerts_create_with(&alerts, loop, "/proc/nowhere", &quick) < 0);
    raise_error(settings, "TimeoutError", "no answer");
    raise_error(settings, "TimeoutError", "no answer");
    run_until_idle(1000);
    assert_int_equal(fake.n - fake.n_edits, 1);
    settings_destroy(settings);
}

/* ---- the rest ---- */

static void test_alerts_distinct(void **state)
{
    (void)state;
    struct settings *settings = SETTINGS();
    struct alert crash = an_alert("SIGSEGV", "null pointer");
    crash.class = ALERT_CRASH;
    crash.is_distinct = true;
    crash.file = "/nowhere/1.txt";
    alerts_raise(alerts, settings, &crash);
    run_until_idle(1000);
    restart();
    crash.time_unix_ns++;
    alerts_raise(alerts, settings, &crash); /* the same record, read again */
    crash.file = "/nowhere/2.txt";
    alerts_raise(alerts, settings, &crash);
    run_until_idle(1000);
    assert_int_equal(fake.n, 1);
    assert_int_equal(counts().sent, 1);
    settings_destroy(settings);
}

/* A kill after the records were acknowledged takes no count along. */
static void test_alerts_save(void **state)
{
    (void)state;
    struct settings *settings = SETTINGS();
    glob_t found;
    char pattern[128], text[16384] = "";
    for (int i = 0; i < 7; i++)
        raise_error(settings, "TimeoutError", "no answer");
    alerts_save(alerts);
    snprintf(pattern, sizeof(pattern), "%s/alerts/told/*.json", directory);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    FILE *in = fopen(found.gl_pathv[0], "r");
    assert_non_null(in);
    assert_true(fread(text, 1, sizeof(text) - 1, in) > 0);
    fclose(in);
    globfree(&found);
    assert_non_null(strstr(text, "\"n\":7,"));
    settings_destroy(settings);
}

static void test_alerts_mute(void **state)
{
    (void)state;
    struct settings *settings = SETTINGS();
    alerts_mute(alerts, UINT64_MAX / 4);
    restart();
    raise_error(settings, "TimeoutError", "no answer");
    struct alert crash = an_alert("SIGSEGV", "null pointer");
    crash.class = ALERT_CRASH;
    crash.level = ALERT_LEVEL_CRITICAL;
    crash.is_distinct = true;
    alerts_raise(alerts, settings, &crash);
    run_until_idle(1000);
    assert_int_equal(fake.n, 1);
    assert_true(says(0, "SIGSEGV") && fake.messages[0].is_silent);
    raise_error(settings, "TimeoutError", "no answer");
    restart();
    raise_error(settings, "TimeoutError", "no answer");
    char *listed = NULL;
    size_t bytes;
    FILE *out = open_memstream(&listed, &bytes);
    alerts_print(alerts, out, false);
    alerts_print_dedup(alerts, out, false);
    fclose(out);
    assert_non_null(strstr(listed, "  muted     error"));
    assert_non_null(strstr(listed, " left), 1 problems meanwhile; crashes"));
    assert_non_null(strstr(listed, " no answer (muted: not told)\n"));
    free(listed);
    alerts_mute(alerts, 0);
    raise_error(settings, "TimeoutError", "no answer");
    raise_error(settings, "TimeoutError", "no answer");
    run_until_idle(1000);
    assert_true(fake.n >= 1);
    assert_false(fake.messages[0].is_silent);
    assert_true(says(0, "no answer") && says(0, "3 more"));
    settings_destroy(settings);
}

static void test_alerts_resolve(void **state)
{
    (void)state;
    struct settings *settings = SETTINGS("OTELSHIM_ALERT_RESOLVED", "true");
    struct alert alert = an_alert("HostDown", "api.x fails");
    alert.problem = "host api.x";
    alerts_raise(alerts, settings, &alert);
    run_until_told(1);
    alerts_resolve(alerts, settings, "trader", "host api.y");
    alerts_resolve(alerts, settings, "trader", "host api.x");
    alerts_resolve(alerts, settings, "trader", "host api.x");
    run_until_idle(2000);
    assert_int_equal(fake.n, 3);
    assert_string_equal(fake.messages[1].replies_to, "1");
    assert_true(fake.messages[1].is_silent);
    assert_true(says(1, "✅ resolved after ") && says(1, " s · host api.x"));
    assert_string_equal(fake.messages[2].edits, "1");
    assert_true(says(2, "api.x fails") && says(2, "✅ resolved after"));
    settings_destroy(settings);
}

static void test_alerts_print(void **state)
{
    (void)state;
    struct settings *settings = SETTINGS();
    char *text = NULL;
    size_t bytes = 0;
    raise_error(settings, "TimeoutError", "no answer");
    run_until_idle(1000);
    fake.is_down = true;
    raise_error(settings, "OtherError", "two\nlines");
    for (int as_json = 0; as_json < 2; as_json++) {
        FILE *out = open_memstream(&text, &bytes);
        alerts_print(alerts, out, as_json);
        alerts_print_dedup(alerts, out, as_json);
        fclose(out);
        assert_non_null(strstr(text, "TimeoutError"));
        assert_non_null(strstr(text, "waiting"));
        assert_non_null(strstr(text, as_json ? "\"seconds_left\":300" : "300 s       1  trader: no answer"));
        assert_null(strstr(text, "1:token"));
        free(text);
    }
    settings_destroy(settings);
}

/* Nobody to tell: kept for `otelshim alerts`. */
static void test_alerts_kept(void **state)
{
    (void)state;
    struct settings *settings = settings_create(alerting_lookup, ((const char *[]){NULL}));
    char *text = NULL;
    size_t bytes = 0;
    raise_error(settings, "TimeoutError", "no answer");
    raise_error(settings, "TimeoutError", "no answer");
    run_until_idle(1000);
    FILE *out = open_memstream(&text, &bytes);
    alerts_print(alerts, out, false);
    fclose(out);
    assert_non_null(strstr(text, "  kept "));
    assert_int_equal(fake.n, 0);
    free(text);
    settings_destroy(settings);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, alerting_setup, alerting_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_alerts_once),        TEST(test_alerts_edit),      TEST(test_alerts_window),
        TEST(test_alerts_order),       TEST(test_alerts_restart),   TEST(test_alerts_noted),
        TEST(test_alerts_storm),       TEST(test_alerts_different), TEST(test_alerts_many_types),
        TEST(test_alerts_retry_after), TEST(test_alerts_late),      TEST(test_alerts_unsure),
        TEST(test_alerts_dead),        TEST(test_alerts_refused),   TEST(test_alerts_moved),
        TEST(test_alerts_bad),         TEST(test_alerts_bounded),   TEST(test_alerts_without_disk),
        TEST(test_alerts_distinct),    TEST(test_alerts_mute),      TEST(test_alerts_save),
        TEST(test_alerts_resolve),     TEST(test_alerts_print),     TEST(test_alerts_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
