/*
 * propagate: trace context as text: W3C traceparent, tracestate and baggage, b3; in and out.
 *
 * The one file of the shim that parses and prints (STYLE §13.3): headers go out now. Source of the rules: W3C Trace
 * Context Level 2, W3C Baggage, openzipkin b3-propagation. Has a fuzzer of its own.
 *
 * Context: hot, async-signal-safe: pure functions on caller's memory.
 */
#ifndef OTELSHIM_PROPAGATE_H
#define OTELSHIM_PROPAGATE_H

#include "span.h"
#include <stddef.h>

#define PROPAGATE_MAX_HEADERS 7u
#define PROPAGATE_LINE_BYTES 96u

/* One header line "name: value", NUL-terminated. `line` points into `own` or at text that lives for ever. */
struct propagate_header {
    const char *line;
    uint32_t own_bytes; /* with its NUL, where it is in `own` */
    char own[PROPAGATE_LINE_BYTES];
};

/* Fills `headers` for the configured propagators; returns how many. None when propagation is off. `with_baggage`: the
 * program sends none of its own. */
uint32_t propagate_headers(const struct span_context *context, bool with_baggage,
                           struct propagate_header *headers);

/* Is `line` ("Name: value", any case) a trace context in any format we know? Then the program propagates by itself. */
bool propagate_is_own_header(const char *line);
bool propagate_is_baggage(const char *line);

/* Does a glob of the comma list (*, ?) match the host name? Case does not count, nor does a dot at its end. */
bool propagate_is_excluded(const char *list, const char *host, size_t bytes);

/* "00-…-…-01", 55 characters and a NUL. */
void propagate_print_traceparent(const struct span_context *context, char text[56]);

/* False: invalid, to be ignored as a whole. */
bool propagate_parse_traceparent(const char *text, size_t bytes, struct span_context *ret_context);
/* b3 single header. False: invalid, or it carries no ids. */
bool propagate_parse_b3(const char *text, size_t bytes, struct span_context *ret_context);

#endif
