/*
 * report: what an exporter knows of itself, as text for people and as JSON for programs (`otelshim status`).
 *
 * The exporter fills one and prints it into the control socket. Context: loop. Ownership: the caller's; strings are
 * borrowed until report_fini().
 */
#ifndef OTELSHIM_REPORT_H
#define OTELSHIM_REPORT_H

#include "base/arena.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <wire.h>

#define REPORT_SCHEMA 1
#define REPORT_MAX_DROPS WIRE_MAX_DROPS

struct report_process {
    uint32_t pid, uid;
    const char *name, *service;
    bool is_alive;
    uint64_t recorded; /* spans that came out of its file */
    uint64_t exported; /* of these: delivered, or safe in the spool */
    uint32_t n_in_flight;
    uint64_t dropped[REPORT_MAX_DROPS]; /* by the shim, by reason (wire/drops.h) */
    uint64_t corrupt;
    const char *live;            /* settings that files changed since its start; NULL: none */
    uint64_t excluded;           /* spans that OTELSHIM_INCLUDE or _EXCLUDE kept back */
    uint32_t n_held;             /* spans that wait for OTELSHIM_KEEP's decision */
    uint64_t kept, keep_dropped; /* exported though not sampled; let go undecided */
    const char *note;            /* NULL: none */
};

/* Programs that ended while this exporter lived, all of them: only the last few have a row of their own. */
struct report_ended {
    uint64_t n_processes, recorded, exported, corrupt;
    uint64_t dropped[REPORT_MAX_DROPS];
};

struct report_destination {
    const char *url;
    uint64_t exported, rejected, dropped, repeated, queued, spooled_batches, spooled_bytes;
    bool is_down;
    const char *last_error; /* "": none */
    uint64_t last_error_unix_ns;
};

/* Of outputs/alerts. */
struct report_alerts {
    uint64_t raised, sent, suppressed, dropped, waiting, refused;
    const char *last_error; /* "": none */
};

struct report {
    struct arena arena;
    uint32_t pid, uid;
    const char *version, *directory, *log_path; /* log_path NULL: stderr */
    uint64_t started_unix_ns;
    struct report_process *processes;
    uint32_t n_processes, max_processes;
    struct report_ended ended;
    struct report_destination *destinations;
    uint32_t n_destinations, max_destinations;
    struct report_alerts alerts;
    const char *log; /* the last lines */
};

struct report_process *report_add_process(struct report *report);
struct report_destination *report_add_destination(struct report *report);
void report_fini(struct report *report);

/* For people. */
void report_print_text(FILE *out, const struct report *report, bool has_colour);
/* One JSON object without a newline; `otelshim help status` says what is in it. */
void report_print_json(FILE *out, const struct report *report);

/* A JSON string, made valid UTF-8, with its quotes. */
void report_put_string(FILE *out, const char *text);

#endif
