/*
 * crashing: deaths of traced processes, from the crash slot to a report that is sent.
 *
 *   on_crash (a thread waits) ─▶ collect ─▶ STEM.case ─▶ `captured`        incident.c
 *   on_death, may_bury ─▶ was it one? ─▶ how it ended, spans ─▶ STEM.case       crashing.c
 *   `otelshim symbolize` in a child ─▶ STEM.json, .txt ─▶ log record, exception event on its span
 *
 * Context: loop. Ownership: an incident outlives its process. Errors: the raw case stays where anything fails; the next exporter
 * finishes it, once.
 */
#ifndef OTELSHIM_CRASHING_H
#define OTELSHIM_CRASHING_H

#include "cli/pipeline_priv.h"

void crashing_start(struct pipeline *pipeline);
/* What is not finished is the next exporter's. */
void crashing_stop(struct pipeline *pipeline);

/* Leaving: nothing is waited for any more. */
void crashing_leave(struct pipeline *pipeline);

/* A process is there; is gone. */
void crashing_begin(struct pipeline *pipeline, struct traced *traced);
void crashing_end(struct pipeline *pipeline, struct traced *traced);

/* ---- events of the drop box (dropbox.h); the context is the pipeline ---- */
void crashing_on_crash(void *context, struct process *process);
void crashing_on_death(void *context, struct process *process, const char *death, int pidfd);
bool crashing_may_bury(void *context, struct process *process);
/* At least once a second. */
void crashing_look(struct pipeline *pipeline);

/* A finished call: one of the last twenty. */
void crashing_note_span(struct traced *traced, const struct span *span, uint32_t tid);
/* A span that its process left open: the exception event, where it died of one. */
void crashing_mark(struct traced *traced, struct span *span, struct arena *arena);

/* The parent of a process knows how it ended. */
void crashing_note_end(struct pipeline *pipeline, uint32_t pid, int wait_status);
/* Nothing is being made or sent. */
bool crashing_is_idle(const struct pipeline *pipeline);

#endif
