/*
 * lines: what programs write to standard output and error (OTELSHIM_STDIO), joined to the pipes.
 *
 *   a piece is read ─▶ lines_take() ─▶ signals/lines/pieces.h ─▶ a line: a log record ─▶ alerts, rules, otlp
 *                                        └─ a piece is told ─▶ its ticket, which follows its lines on their way
 *
 * Context: loop. Ownership: the pipeline's; pieces are each process's.
 */
#ifndef OTELSHIM_CLI_LINES_H
#define OTELSHIM_CLI_LINES_H

#include "cli/pipeline_priv.h"

struct lines;

void lines_start(struct pipeline *pipeline);
void lines_stop(struct pipeline *pipeline);
/* `placed` is its place in the lane. */
void lines_take(struct pipeline *pipeline, struct traced *traced, const struct raw_log *raw,
                const struct receipt *placed);
/* What waited long enough, and what programs that are gone left. */
void lines_look(struct pipeline *pipeline);
/* Nothing waits any longer, from now on. */
void lines_leave(struct pipeline *pipeline);
/* Its file is gone, and with it what waits. */
void lines_forget(struct traced *traced);
bool lines_is_idle(const struct pipeline *pipeline);

#endif
