/* propagate: see propagate.h. */
#include "propagate.h"

#include "hot.h"
#include "settings.h"
#include "text.h"
#include <string.h>

#define TRACEPARENT_BYTES 55u

static uint8_t w3c_flags(const struct span_context *context)
{
    return context->flags & (WIRE_SPAN_SAMPLED | WIRE_SPAN_RANDOM);
}

void propagate_print_traceparent(const struct span_context *context, char text[56])
{
    text[0] = text[1] = '0';
    text[2] = text[35] = text[52] = '-';
    text_print_hex(text + 3, context->trace_id, 16);
    text_print_hex(text + 36, context->span_id, 8);
    static_assert((WIRE_SPAN_SAMPLED | WIRE_SPAN_RANDOM) < 10, "one digit");
    text[53] = '0';
    text[54] = (char)('0' + w3c_flags(context));
    text[TRACEPARENT_BYTES] = 0;
}

/* The name of a line of ours; returns where its value goes. */
#define BEGIN_LINE(line, name) ((char *)memcpy(line, name, sizeof(name) - 1) + sizeof(name) - 1)
static_assert(sizeof("traceparent: ") + TRACEPARENT_BYTES <= PROPAGATE_LINE_BYTES, "the longest line");

static void print_b3(const struct span_context *context, char *text)
{
    char *line = BEGIN_LINE(text, "b3: ");
    text_print_hex(line, context->trace_id, 16);
    line[32] = '-';
    text_print_hex(line + 33, context->span_id, 8);
    line[49] = '-';
    line[50] = context->flags & WIRE_SPAN_SAMPLED ? '1' : '0';
    line[51] = 0;
}

static void print_b3_multi(const struct span_context *context, char *trace_line, char *span_line)
{
    char *value = BEGIN_LINE(trace_line, "X-B3-TraceId: ");
    text_print_hex(value, context->trace_id, 16);
    value[32] = 0;
    value = BEGIN_LINE(span_line, "X-B3-SpanId: ");
    text_print_hex(value, context->span_id, 8);
    value[16] = 0;
}

__attribute__((noinline, cold)) void propagate_print_trace(const uint8_t trace_id[16],
                                                           struct propagate_own *own)
{
    memcpy(own->trace_id, trace_id, sizeof(own->trace_id));
    text_print_hex(own->lines[0] + sizeof("traceparent: ") - 1 + 3, trace_id, 16);
}

uint32_t propagate_headers(const struct span_context *context, bool with_baggage, struct propagate_own *own,
                           const char *lines[PROPAGATE_MAX_HEADERS])
{
    const struct shim_settings *settings = settings_get();
    uint32_t n = 0;
    if (settings->propagators & PROPAGATE_TRACECONTEXT) {
        propagate_print_traceparent(context, BEGIN_LINE(own->lines[0], "traceparent: "));
        memcpy(own->trace_id, context->trace_id, sizeof(own->trace_id));
        lines[n++] = own->lines[0];
        if (settings->tracestate_line && context->in_process_trace)
            lines[n++] = settings->tracestate_line;
    }
    if (with_baggage && (settings->propagators & PROPAGATE_BAGGAGE) && settings->baggage_line)
        lines[n++] = settings->baggage_line;
    if (settings->propagators & PROPAGATE_B3) {
        print_b3(context, own->lines[1]);
        lines[n++] = own->lines[1];
    }
    if (settings->propagators & PROPAGATE_B3MULTI) {
        print_b3_multi(context, own->lines[2], own->lines[3]);
        lines[n++] = own->lines[2];
        lines[n++] = own->lines[3];
        lines[n++] = context->flags & WIRE_SPAN_SAMPLED ? "X-B3-Sampled: 1" : "X-B3-Sampled: 0";
    }
    own->is_traceparent_alone = n == 1 && lines[0] == own->lines[0] && !settings->tracestate_line;
    return n;
}

/* "Name: value", or "Name;": curl's way to send an empty one. */
static bool has_name(const char *line, const char *name)
{
    return text_begins_ignoring_case(line, name) && (line[strlen(name)] == ':' || line[strlen(name)] == ';');
}

bool propagate_is_own_header(const char *line)
{
    static const char *const names[] = {"traceparent", "tracestate", "b3", "x-b3-traceid", "x-b3-spanid"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (has_name(line, names[i]))
            return true;
    return false;
}

bool propagate_is_baggage(const char *line)
{
    return has_name(line, "baggage");
}

bool propagate_is_excluded(const char *list, const char *host, size_t bytes)
{
    const char *glob;
    size_t glob_bytes;
    while (bytes && host[bytes - 1] == '.')
        bytes--;
    while (text_next_word(&list, &glob, &glob_bytes))
        if (text_matches_glob(glob, glob_bytes, host, bytes, true))
            return true;
    return false;
}

/* ---- what came in ---- */

static void trim(const char **text, size_t *bytes)
{
    while (*bytes && (**text == ' ' || **text == '\t'))
        (*text)++, (*bytes)--;
    while (*bytes && ((*text)[*bytes - 1] == ' ' || (*text)[*bytes - 1] == '\t'))
        (*bytes)--;
}

static bool is_all_zero(const uint8_t *bytes, size_t n)
{
    uint8_t seen = 0;
    for (size_t i = 0; i < n; i++)
        seen |= bytes[i];
    return !seen;
}

/* W3C Trace Context Level 2, "traceparent": version 00 is exactly 55 characters; later ones may go on after a dash. */
bool propagate_parse_traceparent(const char *text, size_t bytes, struct span_context *ret_context)
{
    struct span_context context = {0};
    uint8_t version, flags;
    trim(&text, &bytes);
    if (bytes < TRACEPARENT_BYTES || !text_parse_hex(&version, text, 1, false) || version == 0xff)
        return false;
    if (version == 0 ? bytes != TRACEPARENT_BYTES
                     : bytes > TRACEPARENT_BYTES && text[TRACEPARENT_BYTES] != '-')
        return false;
    if (text[2] != '-' || text[35] != '-' || text[52] != '-' ||
        !text_parse_hex(context.trace_id, text + 3, 16, false) ||
        !text_parse_hex(context.span_id, text + 36, 8, false) || !text_parse_hex(&flags, text + 53, 1, false))
        return false;
    if (is_all_zero(context.trace_id, 16) || is_all_zero(context.span_id, 8))
        return false;
    context.flags = flags & (WIRE_SPAN_SAMPLED | WIRE_SPAN_RANDOM);
    context.in_process_trace = true;
    *ret_context = context;
    return true;
}

/* {trace 16|32}-{span 16}[-{0|1|d}[-{parent 16}]]; no sampling state means "decide yourself": sampled here. */
bool propagate_parse_b3(const char *text, size_t bytes, struct span_context *ret_context)
{
    struct span_context context = {0};
    trim(&text, &bytes);
    const char *dash = memchr(text, '-', bytes);
    size_t trace_digits = dash ? (size_t)(dash - text) : 0;
    if (trace_digits != 16 && trace_digits != 32)
        return false;
    size_t after = trace_digits + 1 + 16;
    if (bytes < after ||
        !text_parse_hex(context.trace_id + 16 - trace_digits / 2, text, trace_digits / 2, true) ||
        !text_parse_hex(context.span_id, dash + 1, 8, true))
        return false;
    char state = '1';
    if (bytes > after) {
        if (text[after] != '-' || bytes < after + 2 || (bytes > after + 2 && text[after + 2] != '-'))
            return false;
        state = text[after + 1];
    }
    if ((state != '0' && state != '1' && state != 'd') || is_all_zero(context.trace_id, 16) ||
        is_all_zero(context.span_id, 8))
        return false;
    context.flags = state == '0' ? 0 : WIRE_SPAN_SAMPLED;
    context.in_process_trace = true;
    *ret_context = context;
    return true;
}
