/* logs: what becomes of each kind of log record; custom attributes, also from a hostile file; secrets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "signals/logs/logs.h"
#include <errno.h>
#include <stdio.h>
#include <syslog.h>

static struct {
    struct arena arena;
    struct settings settings;
    struct resource resource;
    struct process process;
    struct wire_instrumentation row;
    struct raw_fact facts[RAW_MAX_FACTS];
    struct raw_log raw;
    uint8_t custom[16][200];
    uint32_t n_custom;
} given;

static void begin(enum wire_log_kind kind, uint8_t severity)
{
    arena_fini(&given.arena);
    memset(&given, 0, sizeof(given));
    given.row = (struct wire_instrumentation){.name = "api", .family = WIRE_INTERNAL};
    given.process = (struct process){.resource = &given.resource};
    given.raw = (struct raw_log){.process = &given.process,
                                 .instrumentation = &given.row,
                                 .mono_to_unix_ns = 1700000000000000000,
                                 .facts = given.facts};
    given.raw.log.kind = (uint8_t)kind;
    given.raw.log.severity = severity;
    given.raw.log.mono_ns = 5;
    given.raw.log.tid = 42;
}

static void text(enum wire_attribute key, const char *value)
{
    given.facts[given.raw.n_facts++] = (struct raw_fact){
        .key = key, .type = WIRE_STRING, .bytes = value, .n_bytes = (uint32_t)strlen(value)};
}

static void number(enum wire_attribute key, int64_t value)
{
    given.facts[given.raw.n_facts++] = (struct raw_fact){.key = key, .type = WIRE_INT, .integer = value};
}

static void custom(uint8_t type, const char *key, const void *value, uint32_t n_bytes)
{
    uint8_t *at = given.custom[given.n_custom++];
    at[0] = type;
    at[1] = (uint8_t)strlen(key);
    memcpy(at + 2, key, at[1]);
    memcpy(at + 2 + at[1], value, n_bytes);
    given.facts[given.raw.n_facts++] = (struct raw_fact){
        .key = WIRE_CUSTOM, .type = WIRE_BYTES, .bytes = (const char *)at, .n_bytes = 2u + at[1] + n_bytes};
}

static void custom_text(const char *key, const char *value)
{
    custom(WIRE_STRING, key, value, (uint32_t)strlen(value));
}

static const char *print(const struct attributes *list)
{
    static char out[2000];
    size_t at = 0;
    out[0] = 0;
    for (uint32_t i = 0; i < list->n; i++) {
        const struct attribute *item = &list->items[i];
        at += (size_t)snprintf(out + at, sizeof(out) - at, "%s%s=", i ? " " : "", item->key);
        if (item->type == ATTRIBUTE_STRING)
            at += (size_t)snprintf(out + at, sizeof(out) - at, "\"%s\"", item->value.string.bytes);
        else if (item->type == ATTRIBUTE_INT)
            at += (size_t)snprintf(out + at, sizeof(out) - at, "%lld", (long long)item->value.integer);
        else if (item->type == ATTRIBUTE_DOUBLE)
            at += (size_t)snprintf(out + at, sizeof(out) - at, "%g!", item->value.number);
        else
            at += (size_t)snprintf(out + at, sizeof(out) - at, "%s", item->value.flag ? "true" : "false");
    }
    return out;
}

static struct log_record *assemble(void)
{
    return logs_assemble(&given.arena, &given.raw, &given.settings);
}

static void test_syslog(void **state)
{
    (void)state;
    begin(WIRE_LOG_SYSLOG, 17);
    number(WIRE_LOG_PRIORITY, LOG_DAEMON | LOG_CRIT);
    text(WIRE_LOG_IDENTITY, "trader");
    text(WIRE_LOG_FORMAT, "order %d: %m\n");
    number(WIRE_LOG_ARGUMENT, 7);
    number(WIRE_LOG_ERRNO, ETIMEDOUT);
    memset(given.raw.log.trace_id, 1, 16);
    memset(given.raw.log.span_id, 2, 8);
    given.raw.log.flags = WIRE_SPAN_SAMPLED | WIRE_SPAN_HAS_PARENT;
    struct log_record *record = assemble();
    assert_string_equal(record->body.bytes, "order 7: Connection timed out");
    assert_int_equal(record->severity, 18);
    assert_string_equal(record->severity_text, "crit");
    assert_string_equal(print(&record->attributes),
                        "thread.id=42 syslog.facility=3 syslog.appname=\"trader\"");
    assert_int_equal(record->time_unix_ns, 1700000000000000005);
    assert_true(record->has_trace && record->has_span);
    assert_memory_equal(record->trace_id, given.raw.log.trace_id, 16);
    assert_memory_equal(record->span_id, given.raw.log.span_id, 8);
    assert_int_equal(record->flags, 1);
    assert_null(record->event_name);
    assert_null(record->name);
    assert_int_equal(record->kind, WIRE_LOG_SYSLOG);
    assert_string_equal(record->scope, "otelshim.api");
    assert_ptr_equal(record->resource, &given.resource);
}

/* The log data model's table, appendix B, "RFC 5424 Syslog". */
static void test_severities(void **state)
{
    static const struct {
        int level, severity;
        const char *word;
    } rows[] = {{LOG_EMERG, 21, "emerg"}, {LOG_ALERT, 19, "alert"},     {LOG_CRIT, 18, "crit"},
                {LOG_ERR, 17, "err"},     {LOG_WARNING, 13, "warning"}, {LOG_NOTICE, 10, "notice"},
                {LOG_INFO, 9, "info"},    {LOG_DEBUG, 5, "debug"}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin(WIRE_LOG_SYSLOG, 1);
        number(WIRE_LOG_PRIORITY, rows[i].level | LOG_LOCAL7);
        struct log_record *record = assemble();
        assert_int_equal(record->severity, rows[i].severity);
        assert_string_equal(record->severity_text, rows[i].word);
        assert_int_equal(attribute_find(&record->attributes, "syslog.facility")->value.integer, 23);
        assert_null(record->body.bytes);
    }
    begin(WIRE_LOG_LINE, 18);
    assert_int_equal(assemble()->severity, 18);
    assert_string_equal(assemble()->severity_text, "ERROR2");
    begin(WIRE_LOG_LINE, 0);
    assert_int_equal(assemble()->severity, 0);
    assert_null(assemble()->severity_text);
    assert_string_equal(logs_severity_name(1), "TRACE");
    assert_string_equal(logs_severity_name(24), "FATAL4");
    assert_null(logs_severity_name(25));
}

static void test_kinds_of_the_api(void **state)
{
    (void)state;
    begin(WIRE_LOG_ERROR, 21);
    text(WIRE_LOG_NAME, "InsufficientFunds");
    text(WIRE_LOG_BODY, "balance 5000");
    custom_text("coin", "KRW-BTC");
    struct log_record *record = assemble();
    assert_string_equal(record->event_name, "exception");
    assert_string_equal(record->name, "InsufficientFunds");
    assert_string_equal(
        print(&record->attributes),
        "thread.id=42 exception.type=\"InsufficientFunds\" exception.message=\"balance 5000\" "
        "coin=\"KRW-BTC\"");
    begin(WIRE_LOG_EVENT, 9);
    text(WIRE_LOG_NAME, "order.placed");
    record = assemble();
    assert_string_equal(record->event_name, "order.placed");
    assert_null(record->body.bytes);
    assert_false(record->has_trace);
    begin(WIRE_LOG_TRADE, 9);
    text(WIRE_LOG_NAME, "buy");
    record = assemble();
    assert_string_equal(record->event_name, "otelshim.trade");
    assert_string_equal(print(&record->attributes), "thread.id=42 otelshim.trade.template=\"buy\"");
    begin(WIRE_LOG_NOTICE, 9);
    text(WIRE_LOG_BODY, "line one\nline two");
    record = assemble();
    assert_string_equal(record->event_name, "otelshim.notice");
    assert_string_equal(record->body.bytes, "line one\nline two");
    begin(WIRE_LOG_LINE, 9);
    text(WIRE_LOG_FORMAT, "%d bought");
    number(WIRE_LOG_ARGUMENT, 3);
    assert_string_equal(assemble()->body.bytes, "3 bought");
}

static void test_custom_attributes(void **state)
{
    const int64_t integer = -5;
    const double fraction = 0.25;
    const uint8_t yes = 1;
    (void)state;
    begin(WIRE_LOG_LINE, 9);
    custom_text("a", "first");
    custom(WIRE_INT, "n", &integer, 8);
    custom(WIRE_DOUBLE, "d", &fraction, 8);
    custom(5, "b", &yes, 1);
    custom_text("a", "last");
    custom_text("bad utf-8", "\xff\xfe");
    custom_text("empty", "");
    assert_string_equal(print(&assemble()->attributes), "thread.id=42 a=\"last\" n=-5 d=0.25! b=true "
                                                        "bad utf-8=\"\xef\xbf\xbd\xef\xbf\xbd\" empty=\"\"");
}

static void test_custom_attributes_that_are_none(void **state)
{
    static const char *const wrong[] = {"",         "\1",           "\1\1",           "\1\0x",
                                        "\1\5abcd", "\2\1k1234567", "\3\1k123456789", "\5\1k",
                                        "\5\1kxx",  "\6\1kv",       "\0\1kv"};
    (void)state;
    begin(WIRE_LOG_LINE, 9);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        text(WIRE_CUSTOM, wrong[i]);
        given.facts[given.raw.n_facts - 1].n_bytes = i == 3 ? 3 : (uint32_t)strlen(wrong[i]);
    }
    number(WIRE_CUSTOM, 1);
    assert_string_equal(print(&assemble()->attributes), "thread.id=42");
}

static void test_secrets(void **state)
{
    static const char token[] = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw";
    char line[200];
    (void)state;
    for (int is_raw = 0; is_raw < 2; is_raw++) {
        begin(WIRE_LOG_SYSLOG, 9);
        given.settings.raw = is_raw;
        text(WIRE_LOG_FORMAT, "https://api.telegram.org/bot%s/sendMessage password=%s");
        text(WIRE_LOG_ARGUMENT, token);
        text(WIRE_LOG_ARGUMENT, "hunter2");
        custom_text("api_key", "abc");
        custom_text("url", "https://u:pw@host/");
        struct log_record *record = assemble();
        snprintf(line, sizeof(line), "%s %s", record->body.bytes, print(&record->attributes));
        assert_int_equal(strstr(line, token) != NULL, is_raw);
        assert_int_equal(strstr(line, "hunter2") != NULL, is_raw);
        assert_int_equal(strstr(line, "\"abc\"") != NULL, is_raw);
        assert_int_equal(strstr(line, "u:pw") != NULL, is_raw);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_syslog),
        cmocka_unit_test(test_severities),
        cmocka_unit_test(test_kinds_of_the_api),
        cmocka_unit_test(test_custom_attributes),
        cmocka_unit_test(test_custom_attributes_that_are_none),
        cmocka_unit_test(test_secrets),
    };
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_fini(&given.arena);
    return n_failed;
}
