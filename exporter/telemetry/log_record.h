/*
 * log_record: one record of a log, as OpenTelemetry has it, ready to be encoded.
 *
 * Context: loop. Ownership: lives in the arena it was made in; the resource must outlive it.
 */
#ifndef OTELSHIM_LOG_RECORD_H
#define OTELSHIM_LOG_RECORD_H

#include "telemetry/attribute.h"
#include "telemetry/resource.h"

enum log_severity { SEVERITY_INFO = 9, SEVERITY_WARN = 13, SEVERITY_ERROR = 17, SEVERITY_FATAL = 21 };

struct log_record {
    uint64_t time_unix_ns, observed_unix_ns;
    enum log_severity severity; /* or any other SeverityNumber: syslog's "crit" is 18; 0 unknown */
    const char *severity_text, *event_name; /* NULL: none */
    uint8_t kind;                           /* enum wire_log_kind; 0: not said by the program */
    const char *name; /* event, type of the error, template of the trade notice; NULL: none */
    struct text body; /* NULL: none */
    /* of standard output and error: the whole line, and what it says without time and level; NULL: none */
    struct text line, message;
    struct attributes attributes;
    bool has_trace, has_span;
    uint8_t trace_id[16], span_id[8];
    uint32_t flags; /* W3C trace flags */
    const char *scope;
    const struct resource *resource;
};

#endif
