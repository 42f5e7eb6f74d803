/* What otelshim.h makes besides spans: log records and measurements, how they are encoded, to which trace they refer. */
#include "otelshim.h"

#include "mapped_file.h"
#include "records.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#include "clock.h"
#include "span.h"

static struct records records;

static const struct wire_log *log_at(uint32_t i)
{
    CHECK(i < records.n && records.at[i]->kind == WIRE_RECORD_LOG);
    return (const struct wire_log *)(const void *)records.at[i];
}

static const struct wire_measurement *measurement_at(uint32_t i)
{
    CHECK(i < records.n && records.at[i]->kind == WIRE_RECORD_MEASUREMENT);
    return (const struct wire_measurement *)(const void *)records.at[i];
}

static bool is_zero(const uint8_t *id, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (id[i])
            return false;
    return true;
}

static void every_kind_of_log_record(void)
{
    errno = ENOENT;
    otelshim_report_error(OTELSHIM_CRITICAL, "InsufficientFunds", "잔액 부족",
                          otelshim_kv("coin", "비트코인"));
    otelshim_event("order.placed", otelshim_kv("price", 50000));
    otelshim_trade("buy", otelshim_kv("symbol", "KRW-BTC"));
    otelshim_notice("오늘은 쉽니다");
    otelshim_log_text(OTELSHIM_DEBUG, "as it is: 100 %s");
    otelshim_log(OTELSHIM_WARN, "%s is late by %d ms: %m", "answer", 30);
    CHECK(errno == ENOENT);
    read_records(&records);
    CHECK(records.n == 6 && log_at(0)->kind == WIRE_LOG_ERROR && log_at(0)->severity == 21);
    CHECK(has_text(records.at[0], WIRE_LOG_NAME, 0, "InsufficientFunds"));
    CHECK(has_text(records.at[0], WIRE_LOG_BODY, 0, "잔액 부족"));
    CHECK(has_custom_text(records.at[0], "coin", "비트코인"));
    CHECK(log_at(1)->kind == WIRE_LOG_EVENT && has_text(records.at[1], WIRE_LOG_NAME, 0, "order.placed"));
    CHECK(has_custom_int(records.at[1], "price", 50000) && !find_fact(records.at[1], WIRE_LOG_BODY, 0));
    CHECK(log_at(2)->kind == WIRE_LOG_TRADE && has_text(records.at[2], WIRE_LOG_NAME, 0, "buy"));
    CHECK(log_at(3)->kind == WIRE_LOG_NOTICE && has_text(records.at[3], WIRE_LOG_BODY, 0, "오늘은 쉽니다"));
    CHECK(log_at(4)->kind == WIRE_LOG_LINE && log_at(4)->severity == 5);
    CHECK(has_text(records.at[4], WIRE_LOG_BODY, 0, "as it is: 100 %s"));
    CHECK(has_text(records.at[5], WIRE_LOG_FORMAT, 0, "%s is late by %d ms: %m"));
    CHECK(has_text(records.at[5], WIRE_LOG_ARGUMENT, 0, "answer") &&
          has_int(records.at[5], WIRE_LOG_ARGUMENT, 1, 30));
    CHECK(has_int(records.at[5], WIRE_LOG_ERRNO, 0, ENOENT) && log_at(5)->severity == 13);
    CHECK(is_zero(log_at(5)->trace_id, 16) && log_at(5)->tid == (uint32_t)getpid());
}

static void every_instrument(void)
{
    static const struct otelshim_metric taken = {"order.duration", "s", "until the answer",
                                                 OTELSHIM_HISTOGRAM, 0};
    otelshim_counter_add("orders", 2, otelshim_kv("status", "filled"), otelshim_kv("n", 3));
    otelshim_up_down_add("open", -1);
    otelshim_gauge_set_double("balance", 0.5);
    otelshim_histogram_record_double("size", 1.5);
    otelshim_measure_double(&taken, 0.25);
    otelshim_measure(&taken, 7);
    otelshim_counter_add("", 1);
    read_records(&records);
    CHECK(records.n == 6);
    static const struct {
        uint8_t instrument, is_double;
        const char *name;
    } expected[] = {{WIRE_COUNTER, 0, "orders"},
                    {WIRE_UP_DOWN_COUNTER, 0, "open"},
                    {WIRE_GAUGE, 1, "balance"},
                    {WIRE_HISTOGRAM, 1, "size"},
                    {WIRE_HISTOGRAM, 1, "order.duration"},
                    {WIRE_HISTOGRAM, 0, "order.duration"}};
    for (uint32_t i = 0; i < 6; i++) {
        CHECK(measurement_at(i)->instrument == expected[i].instrument);
        CHECK(measurement_at(i)->is_double == expected[i].is_double);
        CHECK(has_text(records.at[i], WIRE_METRIC_NAME, 0, expected[i].name));
    }
    double quarter = 0.25;
    CHECK(measurement_at(0)->value == 2 && (int64_t)measurement_at(1)->value == -1);
    CHECK(!memcmp(&measurement_at(4)->value, &quarter, 8));
    CHECK(has_custom_text(records.at[0], "status", "filled") && has_custom_int(records.at[0], "n", 3));
    CHECK(has_text(records.at[4], WIRE_METRIC_UNIT, 0, "s"));
    CHECK(has_text(records.at[4], WIRE_METRIC_DESCRIPTION, 0, "until the answer"));
}

static void a_span_that_is_open_is_referred_to(void)
{
    char trace[33], id[17], expected[33];
    otelshim_span span = otelshim_span_begin("round");
    otelshim_event("inside");
    otelshim_counter_add("n", 1);
    CHECK(strlen(otelshim_trace_id(trace)) == 32 && strlen(otelshim_span_id(id)) == 16);
    otelshim_span_end(span);
    otelshim_event("outside");
    CHECK(otelshim_trace_id(trace)[0] == 0 && otelshim_span_id(expected)[0] == 0);
    read_records(&records);
    CHECK(records.n == 4 && !memcmp(log_at(0)->span_id, &span, 8) && log_at(0)->flags & WIRE_SPAN_SAMPLED);
    CHECK(!memcmp(measurement_at(1)->span_id, &span, 8) && !is_zero(measurement_at(1)->trace_id, 16));
    for (int i = 0; i < 8; i++)
        snprintf(expected + 2 * i, 3, "%02x", log_at(0)->span_id[i]);
    CHECK(!strcmp(id, expected) && is_zero(log_at(3)->trace_id, 16) && is_zero(log_at(3)->span_id, 8));
}

/* A program without one line of telemetry says what went wrong just after the call that did. */
static void behind_a_call_its_episode_is_referred_to(void)
{
    struct span call;
    uint64_t before_ns;
    unsigned n_tries = 0;
    do { /* a machine so busy that it is much later at once has another try */
        n_tries++;
        CHECK(span_begin(&call, 0, WIRE_CALL, NULL, NULL));
        before_ns = clock_mono_ns();
        span_end(&call, WIRE_FAILED);
        otelshim_log(OTELSHIM_ERROR, "it failed");
    } while (clock_mono_ns() - before_ns > 90000000u);
    nanosleep(&(struct timespec){.tv_nsec = 150000000}, NULL); /* OTELSHIM_TRACE_GAP is 100 ms */
    otelshim_log(OTELSHIM_ERROR, "much later");
    read_records(&records);
    CHECK(n_tries > 1 ? records.n > 3 : records.n == 3);
    uint32_t at = records.n - 3;
    const struct wire_span *span = (const void *)records.at[at];
    CHECK(!memcmp(log_at(at + 1)->trace_id, span->facts.trace_id, 16));
    CHECK(!memcmp(log_at(at + 1)->span_id, span->facts.parent_span_id, 8) &&
          is_zero(log_at(at + 2)->trace_id, 16));
}

static void what_is_long_is_cut_and_what_is_odd_left_out(void)
{
    static char text[5000];
    struct otelshim_attribute many[80];
    memset(text, 'x', sizeof text - 1);
    memcpy(text + 2045, "한글", 6);
    for (int i = 0; i < 80; i++)
        many[i] = otelshim_text(i % 2 ? "key" : text, text);
    many[0] = otelshim_text(NULL, "no key");
    many[2] = otelshim_text("", "no key either");
    many[4] = otelshim_text("nothing", NULL);
    many[6].type = 99;
    const struct otelshim_table *table = otelshim_found();
    CHECK(table && table->version == 1 && table->bytes == sizeof(*table));
    table->record(OTELSHIM_LINE, 99, NULL, text, many, 80);
    table->record(99, 9, "x", "x", NULL, 0);
    table->record(OTELSHIM_EVENT, 0, NULL, NULL, NULL, 5);
    otelshim_span span = table->span_begin(NULL, 77, many, 80);
    otelshim_span_end(span);
    table->measure_int(NULL, 1, NULL, 0);
    read_records(&records);
    CHECK(records.n == 3 && log_at(0)->severity == 24 && log_at(1)->severity == 1);
    const struct wire_fact *body = find_fact(records.at[0], WIRE_LOG_BODY, 0);
    CHECK(body && body->flags == WIRE_FACT_CUT && body->bytes == 2048 && body->original == 4999);
    uint32_t bytes;
    CHECK(find_custom(records.at[0], "nothing", WIRE_STRING, &bytes) && bytes == 0);
    CHECK(find_custom(records.at[0], "key", WIRE_STRING, &bytes) && bytes < 2048 &&
          count_facts(records.at[0], WIRE_CUSTOM) > 1);
    CHECK(dropbox_file()->counters->dropped[DROP_FACTS_CUT] == 1); /* the span's */
}

/* More words than the first try has room for. */
static void a_long_line_is_whole(void)
{
    static char texts[4][600];
    for (int i = 0; i < 4; i++)
        memset(texts[i], 'a' + i, sizeof texts[i] - 1);
    otelshim_log(OTELSHIM_INFO, "%s %s %s %s %d", texts[0], texts[1], texts[2], texts[3], 7);
    read_records(&records);
    CHECK(records.n == 1 && count_facts(records.at[0], WIRE_LOG_ARGUMENT) == 5);
    for (uint32_t i = 0; i < 4; i++)
        CHECK(has_text(records.at[0], WIRE_LOG_ARGUMENT, i, texts[i]));
    CHECK(has_int(records.at[0], WIRE_LOG_ARGUMENT, 4, 7));
}

/* Texts that are not UTF-8, and keys of any bytes, go out as they are: the exporter makes them valid. */
static void any_bytes_are_taken(void)
{
    char key[300], text[300];
    srand(1);
    for (int round = 0; round < 2000; round++) {
        size_t n_key = (size_t)rand() % 299, n_text = (size_t)rand() % 299;
        for (size_t i = 0; i < 300; i++) {
            key[i] = (char)(1 + rand() % 255);
            text[i] = (char)(1 + rand() % 255);
        }
        key[n_key] = text[n_text] = 0;
        struct otelshim_attribute attribute = otelshim_text(key, text);
        attribute.bytes = (uint32_t)n_text;
        otelshim_event(text, attribute, otelshim_kv(key, round));
    }
    read_records(&records);
    CHECK(records.n == 2000);
    for (uint32_t i = 0; i < records.n; i++)
        (void)find_fact(records.at[i], WIRE_SPAN_NAME, 0); /* checks every length */
}

/* So long after the one before has ended: the program gets on, however long a machine takes for a handler. */
static const struct itimerspec next_alarm = {.it_value.tv_nsec = IS_SANITIZED ? 200000 : 20000};
static timer_t alarms;

static void on_alarm(int number)
{
    int before = errno;
    (void)number;
    otelshim_counter_add("handler", 1);
    otelshim_log(OTELSHIM_INFO, "handler %d", number);
    (void)timer_settime(alarms, 0, &next_alarm, NULL);
    errno = before; /* it may be over */
}

static void a_handler_at_any_instruction_loses_nothing(void)
{
    otelshim_counter_add("first", 1);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    signal(SIGALRM, on_alarm);
    CHECK(!timer_create(CLOCK_MONOTONIC, &event, &alarms) && !timer_settime(alarms, 0, &next_alarm, NULL));
    for (int i = 0; i < 1000; i++) {
        otelshim_counter_add("main", i, otelshim_kv("i", i));
        for (volatile int k = 0; k < 1000; k++)
            ;
    }
    timer_delete(alarms);
    read_records(&records);
    uint32_t n_main = 0, n_handler = 0, n_said = 0;
    for (uint32_t i = 0; i < records.n; i++) {
        n_main += has_text(records.at[i], WIRE_METRIC_NAME, 0, "main");
        n_handler += has_text(records.at[i], WIRE_METRIC_NAME, 0, "handler");
        n_said += records.at[i]->kind == WIRE_RECORD_LOG;
    }
    CHECK(n_main == 1000 && n_handler == n_said && (n_handler > 0 || IS_SANITIZED));
}

#define TESTS(X)                                    \
    X(every_kind_of_log_record)                     \
    X(every_instrument)                             \
    X(a_span_that_is_open_is_referred_to)           \
    X(behind_a_call_its_episode_is_referred_to)     \
    X(what_is_long_is_cut_and_what_is_odd_left_out) \
    X(a_long_line_is_whole)                         \
    X(any_bytes_are_taken)                          \
    X(a_handler_at_any_instruction_loses_nothing)

MAIN_ALONE(TESTS, "4194304")
