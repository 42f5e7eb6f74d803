/*
 * report: a crash case → a crash report, and its three forms: JSON, text, telemetry.
 *
 *   case ─▶ resolve.c (modules, stacks, names) ─▶ explain.c, own.c, redact.c, fingerprint.c ─▶ struct crash_report
 *                                                     report_json.c   report_text.c   log_record.c   span_event.c
 *
 * Context: commands; where no symbols are asked for, also loop (no file is read, no ELF parsed). Hostile: the case, and a report
 * read back from a file. Errors: negative errno.
 */
#ifndef OTELSHIM_CRASH_SIGNAL_REPORT_H
#define OTELSHIM_CRASH_SIGNAL_REPORT_H

#include "telemetry/crash_report.h"
#include "telemetry/log_record.h"
#include "telemetry/resource.h"
#include "telemetry/span.h"
#include <stdio.h>

#define CRASH_REPORT_MAX_BYTES (8u << 20)

void crash_report_fini(struct crash_report *report);

/* What of the case is looked at: more of it costs more, and may die of what it meets. */
enum crash_depth {
    CRASH_RAW,     /* nothing is unwound, no file is opened: frame 0 as module and offset */
    CRASH_FIRST,   /* the crashed thread and the throw site */
    CRASH_THREADS, /* all threads */
};
/* Never fails. A zeroed `ret_report`. */
void crash_report_make(struct crash_report *ret_report, const struct crash_case *crash,
                       enum crash_depth depth);

/*
 * Of a finished report: names what is still unknown, where symbols are there by now. Returns how many frames it named. `root`: of the
 * files; `debuginfod`: DEBUGINFOD_URLS; NULL: none.
 */
uint32_t crash_report_name_frames(struct crash_report *report, const char *root, const char *debuginfod);

/* ---- report_json.c ---- */
/* One document, indented; the caller frees it. NULL: out of memory. */
char *crash_report_to_json(const struct crash_report *report, bool is_indented);
/* -EBADMSG: not a report. A zeroed `ret_report`. */
int crash_report_from_json(struct crash_report *ret_report, const char *text, size_t n_bytes);

/* ---- report_text.c ---- */
void crash_report_print(FILE *out, const struct crash_report *report, bool has_colour, bool is_utf8);
/* The stack alone, a frame a line: exception.stacktrace. */
char *crash_report_stacktrace(struct arena *arena, const struct crash_report *report);

/* ---- the files: <directory>/<stem>.json and .txt ---- */
/* Both, each whole or not at all. */
int crash_report_save(const struct crash_report *report, int directory, const char *stem);
/* A zeroed `ret_report`. -ENOENT; -EBADMSG. */
int crash_report_load(struct crash_report *ret_report, int directory, const char *stem);

/* ---- log_record.c, span_event.c ---- */
/* Of the crashed process's resource; lives in `arena`, as long as the report and the resource. */
struct log_record *crash_report_to_log(const struct crash_report *report, const struct resource *resource,
                                       struct arena *arena);
/* The span that was open where it crashed: an exception event, error status and error.type. `arena` is the span's. */
void crash_report_mark_span(const struct crash_report *report, struct span *span, struct arena *arena);

#endif
