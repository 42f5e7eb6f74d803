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
#include "text.h"
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

/* Prints another span's traceparent over the one that `own` has, where that is all that goes out. Spans that follow each other are
 * often of one trace, which is there then. */
void propagate_print_trace(const uint8_t trace_id[16], struct propagate_own *own);
static inline void propagate_print_again(const uint8_t trace_id[16], const uint8_t span_id[8], uint8_t flags,
                                         struct propagate_own *own)
{
    char *text = own->lines[0] + sizeof("traceparent: ") - 1;
    uint64_t wanted[2], printed[2];
    memcpy(wanted, trace_id, sizeof(wanted));
    memcpy(printed, own->trace_id, sizeof(printed));
    if (__builtin_expect(((wanted[0] ^ printed[0]) | (wanted[1] ^ printed[1])) != 0, 0))
        propagate_print_trace(trace_id, own);
    text_print_hex8(text + 36, span_id);
    text[54] = (char)('0' + (flags & (WIRE_SPAN_SAMPLED | WIRE_SPAN_RANDOM)));
}

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
