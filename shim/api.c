/*
 * api: what otelshim.h calls: the table of functions, and the same functions by name for other languages.
 *
 * Context: hot, async-signal-safe; errno kept. Threads: any.
 */
#include "api.h"

#include "current.h"
#include "custom.h"
#include "instrument/instrument.h"
#include "lifecycle.h"
#include "log.h"
#include "measure.h"
#include "text.h"
#include <errno.h>

static_assert((int)OTELSHIM_LINE == (int)WIRE_LOG_LINE && (int)OTELSHIM_EVENT == (int)WIRE_LOG_EVENT &&
                  (int)OTELSHIM_REPORT == (int)WIRE_LOG_ERROR && (int)OTELSHIM_TRADE == (int)WIRE_LOG_TRADE &&
                  (int)OTELSHIM_NOTICE == (int)WIRE_LOG_NOTICE,
              "kinds go out as they are");

#define REQUEST_ID_MAX 128u

#define FRAME __builtin_frame_address(0)

/* For other languages: as in struct otelshim_table. */
EXPORTED otelshim_span otelshim_span_begin(const char *name, int kind, const struct otelshim_attribute *at,
                                           size_t n);
EXPORTED void otelshim_span_end(otelshim_span span);
EXPORTED void otelshim_span_set(otelshim_span span, const struct otelshim_attribute *at, size_t n);
EXPORTED void otelshim_span_status(otelshim_span span, int status, const char *description);
EXPORTED void otelshim_span_error(otelshim_span span, const char *type, const char *message);
EXPORTED int otelshim_current(char *trace_id, char *span_id);
EXPORTED int otelshim_server_headers(otelshim_span span, const char *request_id, char *text);
EXPORTED void otelshim_measure_int(const struct otelshim_metric *metric, int64_t value,
                                   const struct otelshim_attribute *at, size_t n);
EXPORTED void otelshim_measure_double(const struct otelshim_metric *metric, double value,
                                      const struct otelshim_attribute *at, size_t n);
EXPORTED void otelshim_record(int kind, int level, const char *name, const char *text,
                              const struct otelshim_attribute *at, size_t n);

/* ---- spans ---- */

EXPORTED otelshim_span otelshim_span_begin(const char *name, int kind, const struct otelshim_attribute *at,
                                           size_t n)
{
    struct attribute_list list;
    attribute_list_measure(&list, at, n);
    return custom_begin(name, kind, &list, FRAME);
}

EXPORTED void otelshim_span_end(otelshim_span span)
{
    custom_end(span);
}

EXPORTED void otelshim_span_set(otelshim_span span, const struct otelshim_attribute *at, size_t n)
{
    struct attribute_list list;
    attribute_list_measure(&list, at, n);
    custom_set(span, &list, FRAME);
}

EXPORTED void otelshim_span_status(otelshim_span span, int status, const char *description)
{
    custom_set_status(span, status, description, FRAME);
}

EXPORTED void otelshim_span_error(otelshim_span span, const char *type, const char *message)
{
    custom_set_error(span, type, message, FRAME);
}

static void print_id(char *text, const uint8_t *id, size_t bytes)
{
    if (!text)
        return;
    text_print_hex(text, id, bytes);
    text[2 * bytes] = 0;
}

EXPORTED int otelshim_current(char *trace_id, char *span_id)
{
    static const uint8_t none[8];
    struct span_context context = {0};
    const struct dropbox *box = lifecycle_is_active() ? dropbox_file() : NULL;
    struct thread *thread = box ? thread_get_in(box) : NULL;
    if (thread)
        current_get(thread, FRAME, thread_now_ns(thread), &context);
    bool has = memcmp(context.span_id, none, sizeof(none)) != 0;
    print_id(trace_id, context.trace_id, has ? sizeof(context.trace_id) : 0);
    print_id(span_id, context.span_id, has ? sizeof(context.span_id) : 0);
    return has;
}

/* ---- headers of an answer ---- */

/* It comes from whoever sent the request: no line of its own, no other bytes than those that a header may have anywhere. */
static size_t append_visible(char *out, size_t at, const char *text)
{
    for (size_t n = 0; *text && n < REQUEST_ID_MAX; text++)
        if (*text > ' ' && *text <= '~') {
            at = text_append_bytes(out, at, OTELSHIM_SERVER_HEADERS, text, 1);
            n++;
        }
    return at;
}

/* "12.34" of 12,341,000 ns */
static size_t append_ms(char *out, size_t at, uint64_t ns)
{
    uint64_t hundredths = ns / 10000 + (ns % 10000 >= 5000);
    at = text_append_number(out, at, OTELSHIM_SERVER_HEADERS, hundredths / 100);
    at = text_append(out, at, OTELSHIM_SERVER_HEADERS, hundredths % 100 < 10 ? ".0" : ".");
    return text_append_number(out, at, OTELSHIM_SERVER_HEADERS, hundredths % 100);
}

EXPORTED int otelshim_server_headers(otelshim_span span, const char *request_id, char *text)
{
    static const char id_line[] = "X-Request-ID: ";
    uint8_t trace_id[16];
    uint64_t age_ns;
    text[0] = 0;
    if (!custom_look(span, trace_id, &age_ns))
        return 0;
    size_t begin = text_append(text, 0, OTELSHIM_SERVER_HEADERS, id_line);
    size_t at = append_visible(text, begin, request_id ? request_id : "");
    if (at == begin) {
        text_print_hex(text + at, trace_id, sizeof(trace_id));
        at += 2 * sizeof(trace_id);
    }
    at = text_append(text, at, OTELSHIM_SERVER_HEADERS, "\r\nX-Process-Time: ");
    at = append_ms(text, at, age_ns);
    (void)text_append(text, at, OTELSHIM_SERVER_HEADERS, "ms\r\n");
    return 1;
}

/* ---- metrics ---- */

EXPORTED void otelshim_measure_int(const struct otelshim_metric *metric, int64_t value,
                                   const struct otelshim_attribute *at, size_t n)
{
    struct attribute_list list;
    attribute_list_measure(&list, at, n);
    measure(metric, (uint64_t)value, false, &list, FRAME);
}

EXPORTED void otelshim_measure_double(const struct otelshim_metric *metric, double value,
                                      const struct otelshim_attribute *at, size_t n)
{
    struct attribute_list list;
    attribute_list_measure(&list, at, n);
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    measure(metric, bits, true, &list, FRAME);
}

/* ---- log records ---- */

static uint8_t severity_of(int level)
{
    return (uint8_t)(level < 1 ? 1 : level > 24 ? 24 : level);
}

/* Somebody waits for it: errors as well as what goes to a chat. */
static bool is_urgent(int kind, uint8_t severity)
{
    return severity >= OTELSHIM_ERROR || kind == OTELSHIM_REPORT || kind == OTELSHIM_TRADE ||
           kind == OTELSHIM_NOTICE;
}

EXPORTED void otelshim_record(int kind, int level, const char *name, const char *text,
                              const struct otelshim_attribute *at, size_t n)
{
    if (kind < OTELSHIM_LINE || kind > OTELSHIM_NOTICE)
        return;
    struct attribute_list list;
    attribute_list_measure(&list, at, n);
    const struct log_head head = {.instrumentation = INSTRUMENT_api,
                                  .kind = (uint8_t)kind,
                                  .severity = severity_of(level),
                                  .frame = FRAME};
    size_t name_bytes = attribute_text_bytes(name), text_bytes = attribute_text_bytes(text);
    struct log log;
    if (!log_begin(&log, &head, facts_size(name_bytes) + facts_size(text_bytes) + list.size))
        return;
    facts_string(&log.facts, WIRE_LOG_NAME, name, name_bytes);
    facts_string(&log.facts, WIRE_LOG_BODY, text, text_bytes);
    attribute_list_copy(&log.facts, &list);
    log_end(&log, is_urgent(kind, head.severity));
}

static void log_format(int level, const char *format, va_list arguments)
{
    const struct log_head head = {.instrumentation = INSTRUMENT_api,
                                  .kind = WIRE_LOG_LINE,
                                  .severity = severity_of(level),
                                  .frame = FRAME};
    const struct log_words words = {
        .format = format, .error = errno, .is_urgent = is_urgent(WIRE_LOG_LINE, head.severity)};
    if (format)
        log_printf(&head, &words, arguments);
}

/* ---- all of them: confstr.c hands it out ---- */

const struct otelshim_table api_table = {
    .version = 1,
    .bytes = sizeof(api_table),
    .span_begin = otelshim_span_begin,
    .span_end = otelshim_span_end,
    .span_set = otelshim_span_set,
    .span_status = otelshim_span_status,
    .span_error = otelshim_span_error,
    .current = otelshim_current,
    .measure_int = otelshim_measure_int,
    .measure_double = otelshim_measure_double,
    .log = log_format,
    .record = otelshim_record,
    .server_headers = otelshim_server_headers,
};

const struct instrumentation instrument_api = {
    .name = "api",
    .family = WIRE_INTERNAL,
};
