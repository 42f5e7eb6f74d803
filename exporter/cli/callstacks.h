/*
 * callstacks: calls that failed and wait for the names of their stack (OTELSHIM_ALERT_STACK).
 *
 *   a stack is read ─▶ callstacks_on_stack()    its mappings are taken while the process is there
 *   its call comes  ─▶ callstacks_hold_…()      held: 300 ms at most ─▶ on its way, with the stack or without
 *                          └─▶ a disposable child names it; like stacks of a process are named once
 *
 * Raw stacks are in memory only (the child gets them through a memfd) and are gone when the child has ended. Context: loop.
 */
#ifndef OTELSHIM_CALLSTACKS_H
#define OTELSHIM_CALLSTACKS_H

#include "cli/pipeline_priv.h"
#include "telemetry/raw_stack.h"

struct callstacks;

void callstacks_start(struct pipeline *pipeline);
void callstacks_stop(struct pipeline *pipeline);
/* Of the drop box. `context`: the pipeline. */
void callstacks_on_stack(void *context, const struct raw_stack *raw);
/* True: it has a stack, and comes again by kept_pass() or records_pass_log(), maybe at once. `placed` is its place in the lane. */
bool callstacks_hold_span(struct pipeline *pipeline, struct traced *traced, const struct raw_span *raw,
                          const struct receipt *placed);
bool callstacks_hold_log(struct pipeline *pipeline, struct traced *traced, const struct raw_log *raw,
                         const struct receipt *placed);
/* Nothing waits any longer, from now on. */
void callstacks_leave(struct pipeline *pipeline);
/* Its file is gone, and with it what waits. */
void callstacks_forget(struct pipeline *pipeline, const struct traced *traced);
bool callstacks_is_idle(const struct pipeline *pipeline);

#endif
