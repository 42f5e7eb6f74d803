/* judge_log, judge_crash, filters: what the program says itself, how it died, and what the settings make of an alert. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "signals/alerts/judge.h"

static struct arena arena;
static struct settings settings;
static struct log_record record;
static struct alert alert;

static int set_up(void **state)
{
    (void)state;
    settings = (struct settings){.alerts = {.is_on = true, .min_level = ALERT_LEVEL_ERROR}};
    record =
        (struct log_record){.time_unix_ns = 7, .severity = SEVERITY_ERROR, .body = {"order 17 lost", 13}};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_fini(&arena);
    arena = (struct arena){0};
    return 0;
}

static bool judge_it(uint8_t kind)
{
    record.kind = kind;
    return judge_log(&settings, &record, &arena, &alert);
}

static void test_levels(void **state)
{
    (void)state;
    static const struct {
        uint8_t kind;
        int severity;
        enum alert_level min, level;
        bool is_told;
    } rows[] = {
        {WIRE_LOG_SYSLOG, 17, ALERT_LEVEL_ERROR, ALERT_LEVEL_ERROR, true},
        {WIRE_LOG_SYSLOG, 13, ALERT_LEVEL_ERROR, ALERT_LEVEL_WARN, false},
        {WIRE_LOG_SYSLOG, 13, ALERT_LEVEL_WARN, ALERT_LEVEL_WARN, true},
        {WIRE_LOG_SYSLOG, 9, ALERT_LEVEL_WARN, ALERT_LEVEL_INFO, false},
        {WIRE_LOG_SYSLOG, 18, ALERT_LEVEL_CRITICAL, ALERT_LEVEL_CRITICAL, true}, /* "crit" */
        {WIRE_LOG_LINE, 18, ALERT_LEVEL_CRITICAL, ALERT_LEVEL_ERROR, false},
        {WIRE_LOG_LINE, 21, ALERT_LEVEL_CRITICAL, ALERT_LEVEL_CRITICAL, true},
        {WIRE_LOG_EVENT, 17, ALERT_LEVEL_ERROR, ALERT_LEVEL_ERROR, true},
        {WIRE_LOG_ERROR, 13, ALERT_LEVEL_ERROR, ALERT_LEVEL_WARN, false},
        {0, 21, ALERT_LEVEL_WARN, ALERT_LEVEL_CRITICAL, false}, /* a crash's: told as such */
        {WIRE_LOG_OUTPUT, 17, ALERT_LEVEL_ERROR, ALERT_LEVEL_ERROR, true},
        {WIRE_LOG_OUTPUT, 13, ALERT_LEVEL_ERROR, ALERT_LEVEL_WARN, false},
        {WIRE_LOG_OUTPUT, 0, ALERT_LEVEL_ERROR, ALERT_LEVEL_INFO, false},        /* a line without a level */
        {WIRE_LOG_OUTPUT, 19, ALERT_LEVEL_CRITICAL, ALERT_LEVEL_CRITICAL, true}, /* nginx's "alert" */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        settings.alerts.min_level = rows[i].min;
        record.severity = (enum log_severity)rows[i].severity;
        if (judge_it(rows[i].kind) != rows[i].is_told)
            fail_msg("row %zu", i);
        if (rows[i].is_told)
            assert_int_equal(alert.level, rows[i].level);
    }
}

/* Of standard error: what the line says, without time and level; a traceback's stack. */
static void test_line_of_output(void **state)
{
    (void)state;
    record.line = record.body = (struct text){"2025-11-09 - ERROR - order 17 lost", 34};
    record.message = (struct text){"order 17 lost", 13};
    attribute_set_string(&record.attributes, &arena, "log.iostream", "stderr");
    attribute_set_string(&record.attributes, &arena, "data.coin", "BTC");
    assert_true(judge_it(WIRE_LOG_OUTPUT));
    assert_string_equal(alert.type, "stderr");
    assert_string_equal(alert.message, "order 17 lost");
    assert_int_equal(alert.class, ALERT_LOG);
    assert_int_equal(alert.n_context, 1);
    assert_string_equal(alert.context[0].name, "data.coin");
    assert_int_equal(alert.n_stack, 0);
    record.name = "KeyError";
    attribute_set_string(&record.attributes, &arena, "exception.stacktrace",
                         "Traceback:\n  File \"x\"\nKeyError");
    assert_true(judge_it(WIRE_LOG_OUTPUT));
    assert_string_equal(alert.type, "KeyError");
    assert_int_equal(alert.n_stack, 3);
    settings.alerts.is_on = false;
    assert_false(judge_it(WIRE_LOG_OUTPUT));
}

/* otelshim_report_error(), as the documents' ErrorReporter has it (R041, R108). */
static void test_reported_error_R108(void **state)
{
    (void)state;
    record.name = "InsufficientFundsError";
    attribute_set_int(&record.attributes, &arena, "thread.id", 42);
    attribute_set_string(&record.attributes, &arena, "exception.type", "InsufficientFundsError");
    attribute_set_string(&record.attributes, &arena, "coin", "비트코인");
    attribute_set_double(&record.attributes, &arena, "amount", 50000.5);
    attribute_set_bool(&record.attributes, &arena, "is_retry", true);
    assert_true(judge_it(WIRE_LOG_ERROR));
    assert_int_equal(alert.class, ALERT_ERROR);
    assert_string_equal(alert.type, "InsufficientFundsError");
    assert_string_equal(alert.message, "order 17 lost");
    assert_int_equal(alert.n_context, 3);
    assert_string_equal(alert.context[0].name, "coin");
    assert_string_equal(alert.context[1].value, "50000.5");
    assert_string_equal(alert.context[2].value, "true");
    record.attributes = (struct attributes){0};
}

static void test_trade_and_notice(void **state)
{
    (void)state;
    record.severity = SEVERITY_INFO;
    record.name = "no such template";
    attribute_set_string(&record.attributes, &arena, "symbol", "KRW-BTC");
    assert_true(judge_it(WIRE_LOG_TRADE));
    assert_int_equal(alert.class, ALERT_TRADE);
    assert_string_equal(alert.body, "*no such template*\nsymbol: KRW-BTC");
    assert_true(alert.is_distinct);
    record.name = "buy";
    assert_true(judge_it(WIRE_LOG_TRADE));
    assert_non_null(strstr(alert.body, "KRW-BTC"));
    assert_null(strstr(alert.body, "symbol:"));
    assert_true(judge_it(WIRE_LOG_NOTICE));
    assert_int_equal(alert.class, ALERT_INFO);
    assert_string_equal(alert.body, "order 17 lost");
    record.attributes = (struct attributes){0};
}

static void test_trace_only_where_it_is_exported(void **state)
{
    (void)state;
    record.has_trace = record.has_span = true;
    memset(record.trace_id, 0xab, sizeof(record.trace_id));
    assert_true(judge_it(WIRE_LOG_SYSLOG));
    assert_null(alert.trace_id);
    record.flags = 1;
    assert_true(judge_it(WIRE_LOG_SYSLOG));
    assert_string_equal(alert.trace_id, "abababababababababababababababab");
}

/* ---- filters ---- */

static void test_filters(void **state)
{
    (void)state;
    static const struct alert_filter both = {.parts = {{ALERT_HOST, "API.*"}, {ALERT_STATUS, "50?"}}, .n = 2},
                                     type = {.parts = {{ALERT_TYPE, "timeout*"}}, .n = 1},
                                     words = {.parts = {{ALERT_MESSAGE, "*maintenance*"}}, .n = 1},
                                     statement = {.parts = {{ALERT_STATEMENT, "SELECT *"}}, .n = 1};
    static const struct {
        const struct alert_filter *filter;
        const char *host, *type, *message;
        int64_t status;
        bool is_match;
    } rows[] = {
        {&both, "api.upbit.com", "HTTP 503", "x", 503, true},
        {&both, "api.upbit.com", "HTTP 404", "x", 404, false},
        {&both, "other", "HTTP 503", "x", 503, false},
        {&both, NULL, "HTTP 503", "x", 0, false},
        {&type, "h", "TimeoutError", "x", 0, true},
        {&type, "h", "SSLError", "x", 0, false},
        {&words, "h", "HTTP 503", "under maintenance now", 503, true},
        {&words, "h", "HTTP 503", "Maintenance", 503, false},
        {&statement, "h", "HTTP 503", "x", 503, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct span span = {.name = "GET"};
        if (rows[i].host)
            attribute_set_string(&span.attributes, &arena, "server.address", rows[i].host);
        if (rows[i].status)
            attribute_set_int(&span.attributes, &arena, "http.response.status_code", rows[i].status);
        struct alert one = {.class = ALERT_ERROR,
                            .level = ALERT_LEVEL_ERROR,
                            .type = rows[i].type,
                            .message = rows[i].message};
        settings.alerts.ignore = (struct alert_filters){rows[i].filter, 1};
        if (judge_admit(&settings, &span, &one) == rows[i].is_match)
            fail_msg("row %zu", i);
        settings.alerts.ignore.n = 0;
        settings.alerts.silent = (struct alert_filters){rows[i].filter, 1};
        assert_true(judge_admit(&settings, &span, &one));
        assert_int_equal(one.is_silent, rows[i].is_match);
        settings.alerts.silent.n = 0;
    }
}

static void test_classes(void **state)
{
    (void)state;
    struct alert one = {.class = ALERT_CRASH, .type = "SIGSEGV", .message = ""};
    static const struct alert_filter all = {.parts = {{ALERT_TYPE, "*"}}, .n = 1};
    settings.alerts.ignore = (struct alert_filters){&all, 1};
    assert_true(judge_admit(&settings, NULL, &one)); /* no pattern hides a death; its class does */
    settings.alerts.sounds[ALERT_CRASH] = ALERT_SILENT;
    assert_true(judge_admit(&settings, NULL, &one));
    assert_true(one.is_silent);
    settings.alerts.sounds[ALERT_CRASH] = ALERT_OFF;
    assert_false(judge_admit(&settings, NULL, &one));
    settings.alerts = (struct alert_settings){.is_on = false};
    assert_false(judge_admit(&settings, NULL, &one));
}

/* ---- deaths ---- */

static void test_deaths(void **state)
{
    (void)state;
    static const struct {
        enum crash_kind kind;
        const char *type;
    } rows[] = {{CRASH_SIGNAL, "SIGSEGV"},  {CRASH_HANDLED, "SIGSEGV"},   {CRASH_KILLED, "Killed"},
                {CRASH_OOM, "OutOfMemory"}, {CRASH_VANISHED, "Vanished"}, {CRASH_STACKS, "Stuck"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct crash_report report = {.kind = rows[i].kind,
                                      .signal = "SIGSEGV",
                                      .title = "trader: SIGSEGV in place_order",
                                      .reason = "write to 0x0: null pointer",
                                      .uptime_ns = 3 * 86400000000000ull + 4 * 3600000000000ull,
                                      .service = "trader",
                                      .pid = 7};
        judge_crash(&report, "/x.txt", &arena, &alert);
        assert_string_equal(alert.type, rows[i].type);
        assert_string_equal(alert.message, "trader: SIGSEGV in place_order");
        assert_string_equal(alert.context[0].value, "write to 0x0: null pointer");
        assert_string_equal(alert.context[1].value, "3d 04h");
        assert_int_equal(alert.level, ALERT_LEVEL_CRITICAL);
        assert_true(alert.is_distinct);
        assert_int_equal(alert.n_stack, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_levels, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_line_of_output, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reported_error_R108, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_trade_and_notice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_trace_only_where_it_is_exported, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_filters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_classes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_deaths, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
