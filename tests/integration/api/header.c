/* The header in every dialect: C99 to C++20, position-independent or not, linked statically; nothing of ours is linked. */
#include "otelshim.h"

#include <errno.h>
#include <stdio.h>

static const struct otelshim_metric taken = {"header.duration", "s", "how long", OTELSHIM_HISTOGRAM, 0};

static void say(void)
{
    otelshim_log(OTELSHIM_INFO, "%d of %s", 3, "four");
    otelshim_log(OTELSHIM_INFO, "plain");
    otelshim_log_text(OTELSHIM_INFO, "text");
    otelshim_event("event");
    otelshim_report_error(OTELSHIM_ERROR, "type", "message");
    otelshim_trade("buy", otelshim_text("symbol", "BTC"));
    otelshim_notice("notice");
}

static void measure(void)
{
    otelshim_counter_add("header", 1, otelshim_text("status", "ok"), otelshim_int("n", 3));
    otelshim_counter_add_double("header.double", 1.5);
    otelshim_up_down_add("header.open", -1);
    otelshim_up_down_add_double("header.open.double", -0.5);
    otelshim_gauge_set("header.gauge", 4);
    otelshim_gauge_set_double("header.gauge.double", 4.5);
    otelshim_histogram_record("header.histogram", 7);
    otelshim_histogram_record_double("header.histogram.double", 7.5);
    otelshim_measure(&taken, 1);
    otelshim_measure_double(&taken, 1.5);
}

int main(void)
{
    char trace[33], id[17], lines[OTELSHIM_SERVER_HEADERS];
    errno = ENOENT;
    OTELSHIM_SPAN("main", otelshim_text("dialect", "C"));
    OTELSHIM_SPAN_AS(inner, "inner");
    otelshim_span span = otelshim_span_begin("by hand", otelshim_bool("b", 1), otelshim_double("d", 1.5));
    otelshim_span_set(span, otelshim_text("coin", "BTC"));
    otelshim_set(otelshim_int("n", 1));
#if defined(__cplusplus)
    otelshim_set({"c++", true}, {"text", "x"}, otelshim_kv("f", 1.5f), {"size", sizeof(span)});
#elif __STDC_VERSION__ >= 201112L
    otelshim_set(otelshim_kv("u", 3u), otelshim_kv("f", 1.5f), otelshim_kv("text", "x"));
#endif
    say();
    measure();
    otelshim_span_status(inner, OTELSHIM_STATUS_OK, NULL);
    otelshim_span_error(OTELSHIM_CURRENT, "type", "message");
    int has_lines = *otelshim_server_headers(OTELSHIM_CURRENT, NULL, lines) != 0;
    otelshim_span_end(span);
    otelshim_span_end(span);
    int has_trace = otelshim_trace_id(trace)[0] != 0, has_span = otelshim_span_id(id)[0] != 0;
    printf("%s %s\n", otelshim_range(70, 40, 70),
           errno == ENOENT && has_trace == has_span && has_lines == has_span ? "fine" : "errno changed");
    return 0;
}
