/*
 * custom: spans that the program begins and ends by itself (otelshim.h).
 *
 * They have a slot of their own beside the thread's (thread.h, THREAD_CUSTOM): no frame of ours is open while they are, so the
 * rules for entries whose frame is gone are not for them, and what they have is not in the way of a wrapper's facts. Of
 * both stacks the span that began last is the current one: it is the parent of what begins next.
 *
 * `frame` is that of the function which the program called: what frames further in have left open is gone.
 *
 * Context: hot, async-signal-safe: a handler that interrupts one of these calls gets nothing (counted). errno kept.
 * Threads: a span belongs to the thread that began it. It is found by its id, so nothing else can be hit.
 */
#ifndef OTELSHIM_CUSTOM_H
#define OTELSHIM_CUSTOM_H

#include "attribute_list.h"
#include "thread.h"

/* How a span is told apart: its id as one number; 0: none was begun. */
uint64_t custom_begin(const char *name, int kind, const struct attribute_list *list, const void *frame);

/* What began later and is still open ends first, as abandoned. An id that is not open on this thread: nothing. */
void custom_end(uint64_t id);

/* Of a span of this thread, or of the current one (OTELSHIM_CURRENT), be it a library call that is being made. */
void custom_set(uint64_t id, const struct attribute_list *list, const void *frame);
void custom_set_error(uint64_t id, const char *type, const char *message, const void *frame);
/* Which trace it is in, and how long it has been open. False: no span of the program's own that is open on this thread. */
bool custom_look(uint64_t id, uint8_t ret_trace_id[16], uint64_t *ret_age_ns);
/* Only of a span of the program's own. */
void custom_set_status(uint64_t id, int status, const char *description, const void *frame);

#endif
