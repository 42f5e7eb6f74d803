/*
 * loop_api: every call of otelshim.h in a loop, and syslog(3). usage: loop_api CALL CALLS [PAUSE_US]: in bursts of 250, PAUSE_US apart
 * (the exporter empties chunks meanwhile); only the bursts are timed. Prints the median burst's nanoseconds per call, less those of
 * an empty loop. `syslog` is stub_syslog's.
 */
#include "../../shim/otelshim.h"

#include "timing.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#define BURST 250

/* So that nothing is known when the loop is compiled. */
static volatile int number = 3;
static const char *volatile word = "filled";
static otelshim_span open_span;

static void nothing(void)
{
    for (int i = 0; i < BURST; i++)
        __asm__ volatile("" ::: "memory");
}

#define CALL(name, statement)                  \
    static void name(void)                     \
    {                                          \
        for (int i = 0; i < BURST; i++) {      \
            statement;                         \
            __asm__ volatile("" ::: "memory"); \
        }                                      \
    }

CALL(span, otelshim_span_end(otelshim_span_begin("analyze_coin")))
CALL(span_attributes, otelshim_span_end(otelshim_span_begin("analyze_coin", otelshim_kv("status", word),
                                                            otelshim_kv("n", number))))
CALL(set, otelshim_span_set(open_span, otelshim_kv("n", number)))
CALL(error, otelshim_span_error(open_span, "TimeoutError", word))
CALL(counter, otelshim_counter_add("orders.processed", 1))
CALL(counter_attributes,
     otelshim_counter_add("orders.processed", 1, otelshim_kv("status", word), otelshim_kv("n", number)))
CALL(histogram, otelshim_histogram_record_double("order.duration", number, otelshim_kv("status", word)))
CALL(log_line, otelshim_log(OTELSHIM_INFO, "%d orders are %s", number, word))
CALL(event, otelshim_event("order.placed", otelshim_kv("n", number)))
CALL(report_error, otelshim_report_error(OTELSHIM_ERROR, "TimeoutError", word, otelshim_kv("n", number)))
CALL(trade, otelshim_trade("buy", otelshim_kv("symbol", word), otelshim_kv("total_amount", number)))
CALL(system_log, syslog(LOG_DEBUG, "%d orders are %s", number, word))

static void trace_id(void)
{
    for (int i = 0; i < BURST; i++) {
        char text[33];
        (void)otelshim_trace_id(text);
        __asm__ volatile("" ::"r"(text) : "memory");
    }
}

static void server_headers(void)
{
    for (int i = 0; i < BURST; i++) {
        char text[OTELSHIM_SERVER_HEADERS];
        (void)otelshim_server_headers(open_span, word, text);
        __asm__ volatile("" ::"r"(text) : "memory");
    }
}

static const struct {
    const char *name;
    void (*run)(void);
} calls[] = {{"nothing", nothing},
             {"span", span},
             {"span_attributes", span_attributes},
             {"span_set", set},
             {"span_error", error},
             {"trace_id", trace_id},
             {"server_headers", server_headers},
             {"counter_add", counter},
             {"counter_add_attributes", counter_attributes},
             {"histogram_record", histogram},
             {"log", log_line},
             {"event", event},
             {"report_error", report_error},
             {"trade", trade},
             {"syslog", system_log}};

static double measure(void (*run)(void), unsigned n_bursts, unsigned pause_us)
{
    double *bursts = malloc(n_bursts * sizeof(*bursts));
    for (unsigned i = 0; i < n_bursts; i++) {
        /* Attributes of one span fill its room: each burst has a new one. */
        open_span = run == set || run == error || run == server_headers ? otelshim_span_begin("open") : 0;
        double from = now_ns();
        run();
        bursts[i] = (now_ns() - from) / BURST;
        otelshim_span_end(open_span);
        if (pause_us)
            usleep(pause_us);
    }
    double result = median(bursts, n_bursts);
    free(bursts);
    return result;
}

int main(int argc, char **argv)
{
    unsigned n_bursts = argc > 2 ? (unsigned)atoi(argv[2]) / BURST : 0;
    unsigned pause_us = argc > 3 ? (unsigned)atoi(argv[3]) : 0;
    setlogmask(LOG_UPTO(LOG_DEBUG));
    for (size_t i = 0; n_bursts && i < sizeof(calls) / sizeof(*calls); i++) {
        if (strcmp(calls[i].name, argv[1]) != 0)
            continue;
        double empty = measure(nothing, 100, 0);
        printf("%.2f\n", measure(calls[i].run, n_bursts, pause_us) - empty);
        return 0;
    }
    fprintf(stderr, "usage: loop_api CALL CALLS [PAUSE_US]\n");
    return 2;
}
