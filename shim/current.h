/*
 * current: what this thread is doing, as others may refer to it: its newest open span, else its running episode, else what
 * the process was given by TRACEPARENT.
 *
 * Context: hot, async-signal-safe; errno kept. Threads: the calling one.
 */
#ifndef OTELSHIM_CURRENT_H
#define OTELSHIM_CURRENT_H

#include "span.h"

/* Open spans only. False, *ret_context unchanged: none is open, or this process has no file. */
bool current_find_open(struct span_context *ret_context);

/*
 * All of it into *ret_context; flags 0 and ids of zeros where there is nothing. An episode counts as long as another call would join it. `frame` is
 * the caller's: what frames that are gone have left open is ended first.
 */
void current_get(struct thread *thread, const void *frame, uint64_t now_ns, struct span_context *ret_context);

#endif
