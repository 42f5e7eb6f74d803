/* lines: a sample of what each logger really prints, and what is understood of it; fields, times, ids, secrets of the record it becomes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "signals/lines/lines.h"
#include <stdio.h>

static struct arena arena;

static int tear_down(void **state)
{
    (void)state;
    arena_fini(&arena);
    arena = (struct arena){0};
    return 0;
}

static const struct {
    const char *line, *format;
    uint32_t severity;
    const char *word, *message;
} rows[] = {
    /* Python: logging's basicConfig() with the documents' format, and without one */
    {"2025-11-09 15:30:42,123 - bot.orders - ERROR - order failed", "python", 17, "ERROR", "order failed"},
    {"2025-11-09 15:30:42 - bot - WARNING - slow", "python", 13, "WARNING", "slow"},
    {"2025-11-09 15:30:42 INFO started", "dated", 9, "INFO", "started"},
    {"2025-11-09 15:30:42,123 - ERROR - lost", "dated", 17, "ERROR", "lost"},
    {"2025-11-09 15:30:42,123 [ERROR] lost", "structlog", 17, "ERROR", "lost"},
    {"ERROR:bot.orders:order failed", "python_basic", 17, "ERROR", "order failed"},
    {"CRITICAL:root:out of money", "python_basic", 21, "CRITICAL", "out of money"},
    {"Traceback (most recent call last):", "python_traceback", 17, NULL, NULL},
    /* structlog's ConsoleRenderer, KeyValueRenderer, JSONRenderer */
    {"2025-11-09T06:30:42.123456Z [error    ] order failed                   [bot] market=KRW-BTC",
     "structlog", 17, "error", "order failed                   [bot] market=KRW-BTC"},
    {"2025-11-09 15:30:42 [info     ] started", "structlog", 9, "info", "started"},
    {"event='order failed' level='error' market='KRW-BTC'", "logfmt", 17, "error", "order failed"},
    {"{\"market\": \"KRW-BTC\", \"event\": \"order failed\", \"level\": \"error\"}", "json", 17, "error",
     "order failed"},
    /* loguru */
    {"2025-11-09 15:30:42.123 | ERROR    | bot.orders:place:12 - order failed", "loguru", 17, "ERROR",
     "order failed"},
    {"2025-11-09 15:30:42.123 | SUCCESS  | __main__:<module>:5 - done", "loguru", 9, "SUCCESS", "done"},
    /* celery, gunicorn, uvicorn */
    {"[2025-11-09 15:30:42,123: ERROR/MainProcess] Task failed", "celery", 17, "ERROR", "Task failed"},
    {"[2025-11-09 15:30:42 +0900] [1234] [CRITICAL] WORKER TIMEOUT (pid:1240)", "spdlog", 21, "CRITICAL",
     "WORKER TIMEOUT (pid:1240)"},
    {"INFO:     127.0.0.1:5000 - \"GET / HTTP/1.1\" 200 OK", "postgresql", 9, "INFO",
     "127.0.0.1:5000 - \"GET / HTTP/1.1\" 200 OK"},
    /* glog, absl, klog */
    {"E1109 15:30:42.123456 12345 orders.cc:12] order failed", "glog", 17, "E", "order failed"},
    {"W20251109 15:30:42.123456 12345 orders.cc:12] slow", "glog", 13, "W", "slow"},
    {"F1109 15:30:42.123456       1 main.go:12] Check failed", "glog", 21, "F", "Check failed"},
    /* spdlog, Boost.Log */
    {"[2025-11-09 15:30:42.123] [orders] [error] order failed", "spdlog", 17, "error", "order failed"},
    {"[2025-11-09 15:30:42.123] [critical] over", "spdlog", 21, "critical", "over"},
    {"[2025-11-09 15:30:42.123456] [0x00007f0102030405] [warning] slow", "spdlog", 13, "warning", "slow"},
    /* sd-daemon(3) */
    {"<3>order failed", "sd_daemon", 17, "err", "order failed"},
    {"<30>slow start", "sd_daemon", 9, "info", "slow start"},
    /* log4c, log4j, logback, Spring Boot, NLog, .NET, Serilog */
    {"20251109 15:30:42.123 ERROR    orders- order failed", "log4c", 17, "ERROR", "order failed"},
    {"ERROR    orders - order failed", "log4c", 17, "ERROR", "order failed"},
    {"2025-11-09 15:30:42,123 ERROR [main] com.example.Orders - order failed", "log4j", 17, "ERROR",
     "order failed"},
    {"15:30:42.123 [main] ERROR c.e.Orders -- order failed", "logback", 17, "ERROR", "order failed"},
    {"15:30:42.123 [pool-1 thread-2] ERROR c.e.Orders - order failed", "logback", 17, "ERROR",
     "order failed"},
    {"2025-11-09T15:30:42.123+09:00 ERROR 123 --- [           main] c.e.Orders : order failed", "spring", 17,
     "ERROR", "order failed"},
    {"2025-11-09 15:30:42.1234|ERROR|Orders|order failed", "nlog", 17, "ERROR", "order failed"},
    {"fail: Orders[0]", "plain", 17, "fail", "Orders[0]"},
    {"[15:30:42 ERR] order failed", "serilog", 17, "ERR", "order failed"},
    {"SEVERE: order failed", "postgresql", 17, "SEVERE", "order failed"},
    /* nginx, Apache, PostgreSQL */
    {"2025/11/09 15:30:42 [error] 12#12: *3 connect() failed (111: Connection refused)", "nginx", 17, "error",
     "*3 connect() failed (111: Connection refused)"},
    {"2025/11/09 15:30:42 [emerg] 12#12: bind() failed", "nginx", 21, "emerg", "bind() failed"},
    {"[Sun Nov 09 15:30:42.123456 2025] [core:error] [pid 12:tid 34] AH00124: limit", "apache", 17, "error",
     "AH00124: limit"},
    {"2025-11-09 15:30:42.123 KST [12] ERROR:  relation \"x\" does not exist", "postgresql", 17, "ERROR",
     "relation \"x\" does not exist"},
    {"2025-11-09 15:30:42.123 UTC [12] bot@trades FATAL:  terminating", "postgresql", 21, "FATAL",
     "terminating"},
    {"ERROR:  deadlock detected", "postgresql", 17, "ERROR", "deadlock detected"},
    {"WARNING:  there is no transaction in progress", "postgresql", 13, "WARNING",
     "there is no transaction in progress"},
    /* Rust: env_logger, tracing; a panic */
    {"[2025-11-09T06:30:42Z ERROR bot::orders] order failed", "env_logger", 17, "ERROR", "order failed"},
    {"2025-11-09T06:30:42.123456Z ERROR bot::orders: order failed market=\"KRW-BTC\"", "dated", 17, "ERROR",
     "bot::orders: order failed market=\"KRW-BTC\""},
    {"thread 'main' panicked at src/main.rs:2:5:", "rust_panic", 17, NULL, NULL},
    {"thread 'main' (4711) panicked at src/main.rs:2:5:", "rust_panic", 17, NULL, NULL},
    /* Go: log, slog, zap, zerolog; a panic */
    {"2025/11/09 15:30:42 ERROR order failed", "dated", 17, "ERROR", "order failed"},
    {"2025/11/09 15:30:42 [ERROR] order failed", "structlog", 17, "ERROR", "order failed"},
    {"time=2025-11-09T15:30:42.123+09:00 level=ERROR msg=\"order failed\" market=KRW-BTC", "logfmt", 17,
     "ERROR", "order failed"},
    {"2025-11-09T15:30:42.123+0900\tERROR\torders/place.go:12\torder failed\t{\"market\": \"KRW-BTC\"}",
     "dated", 17, "ERROR", "orders/place.go:12\torder failed\t{\"market\": \"KRW-BTC\"}"},
    {"{\"level\":\"error\",\"ts\":1762669842.123,\"caller\":\"o.go:1\",\"msg\":\"order failed\"}", "json", 17,
     "error", "order failed"},
    {"{\"level\":\"fatal\",\"time\":1762669842,\"message\":\"order failed\"}", "json", 21, "fatal",
     "order failed"},
    {"panic: runtime error: index out of range [5] with length 3", "go_panic", 21, NULL, NULL},
    /* Node: pino, bunyan, winston; GELF; Python's levelno */
    {"{\"level\":50,\"time\":1762669842123,\"pid\":1,\"hostname\":\"h\",\"msg\":\"order failed\"}", "json",
     17, NULL, "order failed"},
    {"{\"name\":\"bot\",\"level\":60,\"msg\":\"over\",\"time\":\"2025-11-09T06:30:42.123Z\",\"v\":0}", "json",
     21, NULL, "over"},
    {"{\"version\":\"1.1\",\"short_message\":\"order failed\",\"level\":3}", "json", 17, NULL,
     "order failed"},
    {"{\"levelno\":40,\"message\":\"order failed\"}", "json", 17, NULL, "order failed"},
    {"error: order failed", "plain", 17, "error", "order failed"},
    /* plain words, tools */
    {"ERROR order failed", "plain", 17, "ERROR", "order failed"},
    {"[ERROR] order failed", "brackets", 17, "ERROR", "order failed"},
    {"WARN - slow", "plain", 13, "WARN", "slow"},
    {"psql: error: connection to server failed", "tool", 17, "error", "connection to server failed"},
    {"Exception in thread \"main\" java.lang.IllegalStateException: over", "java_uncaught", 17, NULL, NULL},
    {"terminate called after throwing an instance of 'std::runtime_error'", "cpp_terminate", 21, NULL, NULL},
    /* none */
    {"order 17 placed", NULL, 0, NULL, NULL},
    {"Error rate of the last hour", NULL, 0, NULL, NULL},
    {"error: 0.3 %", NULL, 0, NULL, NULL},
    {"errors=0 warnings=3", NULL, 0, NULL, NULL},
    {"Information is power", NULL, 0, NULL, NULL},
    {"no error here", NULL, 0, NULL, NULL},
    {"{\"price\": 12", NULL, 0, NULL, NULL},
    {"[1, 2, 3]", NULL, 0, NULL, NULL},
    {"15:30:42 done", NULL, 0, NULL, NULL},
    {"", NULL, 0, NULL, NULL},
};

static bool is_same(const char *expected, const char *text, size_t bytes)
{
    return expected ? text && strlen(expected) == bytes && memcmp(expected, text, bytes) == 0 : !text;
}

static void test_formats(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct line_reading reading;
        line_read(&arena, rows[i].line, strlen(rows[i].line), &reading);
        const char *format = reading.format ? reading.format : "none",
                   *wanted = rows[i].format ? rows[i].format : "none";
        if (strcmp(format, wanted) != 0 || reading.severity != rows[i].severity ||
            !is_same(rows[i].word, reading.word, reading.n_word) ||
            !is_same(rows[i].message, reading.message, reading.n_message))
            fail_msg("%s\n  %s %u \"%.*s\" \"%.*s\"\n", rows[i].line, format, reading.severity,
                     (int)reading.n_word, reading.word ? reading.word : "", (int)reading.n_message,
                     reading.message ? reading.message : "");
    }
}

/* ---- records ---- */

#define WRITTEN 1762669842000000000 /* 2025-11-09T06:30:42Z */

static struct settings settings;
static struct resource resource;
static struct process process = {.resource = &resource};
static const struct wire_instrumentation row = {.name = "stdio", .family = WIRE_INTERNAL};

static struct log_record *make_part(const char *text, size_t bytes, uint32_t part)
{
    static struct wire_log log;
    log = (struct wire_log){.mono_ns = 5, .tid = 42, .stream = 2, .flags = WIRE_SPAN_SAMPLED};
    memset(log.trace_id, 0x11, sizeof(log.trace_id));
    memset(log.span_id, 0x22, sizeof(log.span_id));
    const struct output_line line = {.bytes = text,
                                     .n_bytes = (uint32_t)bytes,
                                     .part = part,
                                     .log = &log,
                                     .mono_to_unix_ns = WRITTEN - 5,
                                     .instrumentation = &row};
    return line_record_make(&arena, &line, &process, &settings);
}

static struct log_record *make(const char *text)
{
    return make_part(text, strlen(text), 0);
}

static const char *print(const struct attributes *list)
{
    static char out[4000];
    size_t at = 0;
    out[0] = 0;
    for (uint32_t i = 0; i < list->n; i++) {
        const struct attribute *item = &list->items[i];
        at += (size_t)snprintf(out + at, sizeof(out) - at, "%s%s=", i ? " " : "", item->key);
        if (item->type == ATTRIBUTE_STRING)
            at += (size_t)snprintf(out + at, sizeof(out) - at, "'%s'", item->value.string.bytes);
        else if (item->type == ATTRIBUTE_INT)
            at += (size_t)snprintf(out + at, sizeof(out) - at, "%lld", (long long)item->value.integer);
        else if (item->type == ATTRIBUTE_DOUBLE)
            at += (size_t)snprintf(out + at, sizeof(out) - at, "%g!", item->value.number);
        else
            at += (size_t)snprintf(out + at, sizeof(out) - at, "%s", item->value.flag ? "true" : "false");
    }
    return out;
}

static void test_line_without_a_level(void **state)
{
    (void)state;
    const struct log_record *record = make("order 17 placed");
    assert_string_equal(record->body.bytes, "order 17 placed");
    assert_int_equal(record->severity, 0);
    assert_null(record->severity_text);
    assert_int_equal(record->time_unix_ns, WRITTEN);
    assert_string_equal(print(&record->attributes), "log.iostream='stderr' thread.id=42");
    assert_true(record->has_trace && record->has_span && record->flags == 1);
    assert_int_equal(record->trace_id[15], 0x11);
    assert_int_equal(record->span_id[7], 0x22);
    assert_int_equal(record->kind, WIRE_LOG_OUTPUT);
}

/* The documents' StructuredLogger: {timestamp, event, data} (R238). */
static void test_json_of_the_documents_R238(void **state)
{
    (void)state;
    const struct log_record *record = make("{\"timestamp\": \"2025-11-09T15:30:41.5+09:00\", \"level\": "
                                           "\"error\", \"event\": \"order_failed\", \"data\": "
                                           "{\"coin\": \"BTC\", \"amount\": 1.5, \"tries\": 3, \"final\": "
                                           "true, \"why\": null, \"prices\": [1, 2], "
                                           "\"exchange\": {\"name\": \"upbit\"}}}");
    assert_string_equal(record->body.bytes, "order_failed");
    assert_int_equal(record->severity, 17);
    assert_string_equal(record->severity_text, "error");
    assert_int_equal(record->time_unix_ns, WRITTEN - 500000000); /* its own, which has a zone */
    assert_int_equal(record->observed_unix_ns, WRITTEN);
    assert_string_equal(print(&record->attributes),
                        "data.coin='BTC' data.amount=1.5! data.tries=3 data.final=true data.prices='[1,2]' "
                        "data.exchange.name='upbit' log.iostream='stderr' thread.id=42");
    assert_non_null(strstr(record->line.bytes, "\"event\": \"order_failed\""));
}

static void test_times(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        uint64_t time;
    } cases[] = {
        {"2025-11-09 15:30:41,500 - x - ERROR - no zone", WRITTEN},
        {"2025-11-09T06:30:41.25Z ERROR zone", WRITTEN - 750000000},
        {"2025-11-09 15:30:41.250 +09:00 ERROR zone", WRITTEN - 750000000},
        {"[2025-11-09 01:30:41 -0500] [7] [ERROR] zone", WRITTEN - 1000000000},
        {"2024-11-09T06:30:41Z ERROR another day: it replays", WRITTEN},
        {"{\"ts\":1762669841.5,\"level\":\"info\",\"msg\":\"s\"}", WRITTEN - 500000000},
        {"{\"time\":1762669841500,\"level\":30,\"msg\":\"ms\"}", WRITTEN - 500000000},
        {"{\"ts\":\"1762669841500000000\",\"level\":30,\"msg\":\"text\"}", WRITTEN},
        {"{\"ts\":-5,\"level\":30,\"msg\":\"negative\"}", WRITTEN},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t time = make(cases[i].line)->time_unix_ns;
        if (time / 1000 != cases[i].time / 1000)
            fail_msg("%s: %llu", cases[i].line, (unsigned long long)time);
    }
}

static void test_traces_of_the_line(void **state)
{
    (void)state;
    const struct log_record *record =
        make("{\"level\":\"info\",\"msg\":\"x\",\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\","
             "\"span_id\":\"00f067aa0ba902b7\"}");
    assert_int_equal(record->trace_id[0], 0x4b);
    assert_int_equal(record->span_id[1], 0xf0);
    assert_true(record->has_trace && record->has_span && !record->flags);
    record = make("level=info msg=x trace.id=4bf92f3577b34da6a3ce929d0e0e4736");
    assert_true(record->has_trace && !record->has_span);
    record = make("level=info msg=x trace_id=00000000000000000000000000000000");
    assert_int_equal(record->trace_id[0], 0x11);
    assert_non_null(strstr(print(&record->attributes), "trace_id='0000"));
}

static void test_secrets(void **state)
{
    (void)state;
    const struct log_record *record =
        make("{\"level\":\"info\",\"msg\":\"GET "
             "https://u:pw@h/?token=abc\",\"api_key\":\"k123\",\"n\":[{\"password\":\"p9\"}]}");
    assert_null(strstr(record->body.bytes, "pw@"));
    assert_null(strstr(record->line.bytes, "k123"));
    assert_null(strstr(print(&record->attributes), "k123"));
    assert_null(strstr(print(&record->attributes), "p9"));
    record = make("ERROR:root:password=hunter2");
    assert_string_equal(record->body.bytes, "ERROR:root:password=REDACTED");
    assert_string_equal(record->message.bytes, "password=REDACTED");
    settings.raw = true;
    assert_string_equal(make("ERROR:root:password=hunter2")->body.bytes, "ERROR:root:password=hunter2");
    settings.raw = false;
}

static void test_colours_and_rubbish(void **state)
{
    (void)state;
    const struct log_record *record = make(
        "\x1b[2m2025-11-09T06:30:42Z\x1b[0m [\x1b[31m\x1b[1merror    \x1b[0m] \x1b[1morder failed\x1b[0m\r");
    assert_int_equal(record->severity, 17);
    assert_string_equal(record->body.bytes, "2025-11-09T06:30:42Z [error    ] order failed");
    record = make_part("ERROR a\0b \xff\xfe \x1b]0;title\x07"
                       "c",
                       24, 0);
    assert_int_equal(record->severity, 17);
    assert_string_equal(record->body.bytes, "ERROR a b \xef\xbf\xbd\xef\xbf\xbd c");
    assert_null(make(" \t\x1b[0m"));
    assert_null(make(""));
}

static void test_parts_of_a_long_line(void **state)
{
    (void)state;
    assert_int_equal(make_part("ERROR begins", 12, 1)->severity, 17);
    const struct log_record *record = make_part("ERROR goes on", 13, 2);
    assert_int_equal(record->severity, 0);
    assert_string_equal(print(&record->attributes), "log.iostream='stderr' thread.id=42 otelshim.log.part=2");
}

static void test_traceback(void **state)
{
    (void)state;
    const struct log_record *record = make(
        "2025-11-09 15:30:42,123 - bot - ERROR - order failed\nTraceback (most recent call last):\n"
        "  File \"/bot.py\", line 3, in <module>\n    place()\npsycopg2.errors.DeadlockDetected: deadlock");
    assert_string_equal(record->name, "psycopg2.errors.DeadlockDetected");
    assert_int_equal(record->severity, 17);
    assert_string_equal(record->message.bytes, "order failed");
    assert_string_equal(
        print(&record->attributes),
        "log.iostream='stderr' thread.id=42 exception.type='psycopg2.errors.DeadlockDetected' "
        "exception.message='deadlock' exception.stacktrace='Traceback (most recent call last):\n"
        "  File \"/bot.py\", line 3, in <module>\n    place()\n"
        "psycopg2.errors.DeadlockDetected: deadlock'");
    record = make("Traceback (most recent call last):\n  File \"x\"\nKeyError: 'ETH'");
    assert_string_equal(record->message.bytes, "'ETH'");
    record = make("Traceback (most recent call last):\n  File \"x\"\nKeyboardInterrupt");
    assert_string_equal(record->name, "KeyboardInterrupt");
    assert_string_equal(record->message.bytes, "");
    assert_null(make("Traceback (most recent call last):\n  File \"x\"")->name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_line_without_a_level, tear_down),
        cmocka_unit_test_teardown(test_json_of_the_documents_R238, tear_down),
        cmocka_unit_test_teardown(test_times, tear_down),
        cmocka_unit_test_teardown(test_traces_of_the_line, tear_down),
        cmocka_unit_test_teardown(test_secrets, tear_down),
        cmocka_unit_test_teardown(test_colours_and_rubbish, tear_down),
        cmocka_unit_test_teardown(test_parts_of_a_long_line, tear_down),
        cmocka_unit_test_teardown(test_traceback, tear_down),
        cmocka_unit_test_teardown(test_formats, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
