/*
 * said: a program that speaks for itself, N times over: a span with another inside, log records of both kinds, one instrument of each
 * kind. said N [PAUSE_US]
 */
#include "../../../shim/otelshim.h"

#include <errno.h>
#include <stdlib.h>
#include <syslog.h>
#include <unistd.h>

static void work(int i)
{
    OTELSHIM_SPAN("work", otelshim_kv("i", i), otelshim_kv("side", i % 2 ? "buy" : "sell"));
    otelshim_log(OTELSHIM_WARN, "line %d of %s", i, "many");
    if (i % 50 == 0) {
        otelshim_event("order.timeout", otelshim_kv("i", i));
        otelshim_report_error(OTELSHIM_CRITICAL, "TimeoutError", "no answer", otelshim_kv("i", i));
        errno = ETIMEDOUT;
        syslog(LOG_ERR, "%s %d: %m", "order", i);
    }
    {
        OTELSHIM_SPAN_AS(inner, "inner");
        if (i % 50 == 0)
            otelshim_span_error(inner, "TimeoutError", "no answer");
        otelshim_counter_add("orders", 1, otelshim_kv("side", i % 2 ? "buy" : "sell"));
    }
    otelshim_counter_add_double("fees", 0.25);
    otelshim_up_down_add("positions", i % 2 ? 1 : -2);
    otelshim_gauge_set("last", i);
    otelshim_histogram_record("size", i);
}

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 1, pause_us = argc > 2 ? atoi(argv[2]) : 0;
    openlog("said", 0, LOG_LOCAL7);
    for (int i = 0; i < n; i++) {
        work(i);
        if (pause_us)
            usleep((useconds_t)pause_us);
    }
    return 0;
}
