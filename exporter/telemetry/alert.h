/*
 * alert: something a person is to be told: what happened, to which program, and what is known about it. Made by whoever noticed
 * (signals/alerts, signals/rules, cli), told by outputs/alerts.
 *
 * Context: loop. Ownership: lives in the arena it was made in; alerts_raise() copies. Texts are valid UTF-8, redacted, and NULL where
 * nothing is known.
 */
#ifndef OTELSHIM_ALERT_H
#define OTELSHIM_ALERT_H

#include "telemetry/attribute.h"

/* In the order of their priority. Only the last may be dropped, and is counted then. */
enum alert_class {
    ALERT_CRASH,     /* a crash or death report */
    ALERT_AMBIGUOUS, /* a request that may or may not have been carried out */
    ALERT_ERROR,     /* a failed call, a streak of them, an error that the program reported */
    ALERT_SLOW,
    ALERT_LOG, /* a line that the program logged */
    ALERT_TRADE,
    ALERT_INFO, /* a notice */
    N_ALERT_CLASSES
};

enum alert_level { ALERT_LEVEL_INFO, ALERT_LEVEL_WARN, ALERT_LEVEL_ERROR, ALERT_LEVEL_CRITICAL };

/* One line of the context: "url: https://…". */
struct alert_pair {
    const char *name, *value;
};

#define ALERT_ID_BYTES 33u

struct alert {
    enum alert_class class;
    enum alert_level level;
    uint64_t time_unix_ns;
    const char *type;    /* "TimeoutError", "SIGSEGV", "HTTP 503"; of a trade the name of its template */
    const char *message; /* what went wrong, unshortened */
    const char *title;   /* instead of level and type as the first line; NULL: those */
    struct alert_pair *context;
    uint32_t n_context;
    const char *const *stack; /* lines, innermost first */
    uint32_t n_stack;
    const char *frame; /* innermost own frame, as it goes into the fingerprint: no address, no line number */
    const char *trace_id; /* hexadecimal */
    const char *span_id;
    const char *phases; /* "dns 12 ms · connect 38 ms · …" */
    const char *file;   /* report on disk that goes along as a document */
    const char *
        body; /* of a trade or notice: the message itself, as rich_parse() reads it; then no other line is written */
    const char *
        problem; /* names the thing that is broken ("host api.upbit.com"), so that a later success resolves it */
    /* whose */
    const char *service, *version, *environment, *host;
    uint32_t pid;
    bool is_distinct; /* never the same as another: not de-duplicated (crashes, trades) */
    bool is_late;     /* told after a time without a connection */
    bool
        is_repetition; /* it may have arrived before: the exporter died, or the connection broke, while it was sent */
    bool is_silent; /* told without a sound (OTELSHIM_ALERT_CLASSES, OTELSHIM_ALERT_SILENT) */
};

#endif
