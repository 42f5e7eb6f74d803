/*
 * pipeline: where the pipes are joined: drop boxes → spans → OTLP destinations and the console.
 *
 *   dropbox_poll()  ─ on_span ─▶ assemble_call() ─┬─▶ otlp_add()  ─ on_receipts ─▶ dropbox_acknowledge()
 *                                                 └─▶ console_add()
 *                   and ─▶ metering (metering.h) ─▶ otlp_add_metrics()
 *
 * Used by `otelshim export` and `otelshim run --console`. Context: loop. Ownership: the loop must outlive it, and is not run
 * after pipeline_destroy().
 */
#ifndef OTELSHIM_PIPELINE_H
#define OTELSHIM_PIPELINE_H

#include "base/loop.h"
#include "cli/report.h"
#include <stdio.h>

struct pipeline;

struct pipeline_options {
    const char *directory; /* a box to serve besides the standard ones; NULL: none */
    bool only_directory, all_users;
    FILE *console;  /* NULL: nobody looks */
    bool shows_all; /* on the console, not only what OTEL_TRACES_EXPORTER asks for */
};

/* 0; -EBUSY: another exporter serves every box; -errno with the reason in `problem`. */
int pipeline_create(struct pipeline **ret_pipeline, struct loop *loop, const struct pipeline_options *options,
                    char problem[200]);
/* Unlocks the boxes. What is in memory and not spooled is delivered by the next exporter. NULL is fine. */
void pipeline_destroy(struct pipeline *pipeline);

/* Looks into the files until there is nothing new. True: there was. */
bool pipeline_look(struct pipeline *pipeline);
/* Looks into the files at the next turn of the loop, and sends without waiting for the schedule delay. */
void pipeline_flush(struct pipeline *pipeline);
/* Every trace that waits on the console is printed. */
void pipeline_print(struct pipeline *pipeline);
/* Everything in memory goes to the spool, at once. */
void pipeline_spool(struct pipeline *pipeline);

/* A program is about to make its file (dropbox_expect()). */
void pipeline_expect(struct pipeline *pipeline, uint32_t pid, uint64_t start_ticks, int pidfd);

/* The parent of a traced process waited for it: this is how it ended. */
void pipeline_note_end(struct pipeline *pipeline, uint32_t pid, int wait_status);
/* A request of `otelshim alerts` (control.h): prints the answer. False: it is none. */
bool pipeline_answer_alerts(struct pipeline *pipeline, const char *request, FILE *out);

/* No program is served. */
bool pipeline_has_no_clients(const struct pipeline *pipeline);
/* Nothing waits in the file of a program that has ended. */
bool pipeline_has_no_remains(struct pipeline *pipeline);
/* Nothing waits for a destination, in memory or on disk. */
bool pipeline_is_delivered(const struct pipeline *pipeline);
/* Some destination cannot be reached just now: waiting is of little use. */
bool pipeline_is_stuck(const struct pipeline *pipeline);
/* As dropbox_leave(). */
bool pipeline_leave(struct pipeline *pipeline);

const char *pipeline_directory(const struct pipeline *pipeline);
/* Fills everything but what the exporter knows of itself. */
void pipeline_report(struct pipeline *pipeline, struct report *report);

#endif
