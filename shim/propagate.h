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
#define PROPAGATE_OWN_LINES \
    4u /* as many of them say something of the span: traceparent, b3, X-B3-TraceId, X-B3-SpanId */
#define PROPAGATE_LINE_BYTES 72u

/* Where lines of the span's own are printed: they live as long as the caller's memory. */
struct propagate_own {
    uint8_t trace_id[16];      /* as the first line has it */
    bool is_traceparent_alone; /* nothing else went out, nor would for another span */
    char lines[PROPAGATE_OWN_LINES][PROPAGATE_LINE_BYTES];
};

/* Fills `lines` with "name: value", NUL-terminated, for the configured propagators; returns how many. None when propagation is
 * off. Each lies in `own` or lives for ever. `with_baggage`: the program sends none of its own. */
uint32_t propagate_headers(const struct span_context *context, bool with_baggage, struct propagate_own *own,
                           const char *lines[PROPAGATE_MAX_HEADERS]);

/* Prints another span's traceparent over the one that `own` has, where that is all that goes out. */
void propagate_print_again(const struct span_context *context, struct propagate_own *own);

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
