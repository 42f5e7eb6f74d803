/*
 * title: the first line of a report: what, where, doing what. Context: any; pure.
 */
#ifndef OTELSHIM_CRASH_TITLE_H
#define OTELSHIM_CRASH_TITLE_H

#include "signals/crash/explain.h"

/* "place_order (orders.c:57)", "libx.so+0x1234"; NULL: nothing is known of it. */
const char *title_place(struct arena *arena, const struct crash_frame *frame);
/* The span that it was in, or the last that was begun: "POST api.upbit.com/v1/orders"; NULL: none was open. */
const struct crash_span *title_doing(const struct crash_report *report);
/* The thread's last call, where it ended within the last second: what it was at. NULL: none. */
const struct crash_span *title_last(const struct crash_report *report);
const char *title_make(struct arena *arena, const struct crash_report *report, const struct explanation *why);

#endif
