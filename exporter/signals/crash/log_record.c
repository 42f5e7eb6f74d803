/*
 * log_record: a crash as a log record: event app.crash of the semantic conventions (exception.*, thread.*, app.crash.id); what they
 * have no name for is otelshim.crash.*.
 */
#include "signals/crash/report.h"

#include "base/clock.h"

#include <inttypes.h>
#include <string.h>

#define SCOPE "otelshim.crash"
#define STACKTRACE_MAX (64u << 10)

static bool parse_id(const char *text, uint8_t *ret_bytes, size_t n_bytes)
{
    uint8_t any = 0;
    if (!text || strlen(text) != 2 * n_bytes || strspn(text, "0123456789abcdef") != 2 * n_bytes)
        return false;
    for (size_t i = 0; i < n_bytes; i++) {
        unsigned high = (unsigned char)text[2 * i], low = (unsigned char)text[2 * i + 1];
        high = high <= '9' ? high - '0' : high - 'a' + 10;
        low = low <= '9' ? low - '0' : low - 'a' + 10;
        ret_bytes[i] = (uint8_t)(high << 4 | low);
        any |= ret_bytes[i];
    }
    return any != 0;
}

static void set(struct attributes *list, struct arena *arena, const char *key, const char *value)
{
    if (value && *value)
        attribute_set_string(list, arena, key, value);
}

/* exception.type, or the UNIX signal's name, or the kind of death. */
static const char *type_of(const struct crash_report *report)
{
    return report->exception_type ? report->exception_type
           : report->signal       ? report->signal
           : report->class        ? report->class
                                  : "crash";
}

static const char *message_of(const struct crash_report *report)
{
    return report->exception_type && report->message && *report->message ? report->message : report->reason;
}

static void set_exception(struct attributes *list, struct arena *arena, const struct crash_report *report)
{
    const char *stacktrace = crash_report_stacktrace(arena, report);
    size_t bytes = strlen(stacktrace);
    set(list, arena, "exception.type", type_of(report));
    set(list, arena, "exception.message", message_of(report));
    if (bytes)
        attribute_set_text(list, arena, "exception.stacktrace", stacktrace,
                           bytes < STACKTRACE_MAX ? bytes : STACKTRACE_MAX);
}

struct log_record *crash_report_to_log(const struct crash_report *report, const struct resource *resource,
                                       struct arena *arena)
{
    struct log_record *record = arena_zalloc(arena, sizeof(*record));
    struct attributes *list = &record->attributes;
    record->time_unix_ns = report->time_unix_ns;
    record->observed_unix_ns = clock_ns(CLOCK_REALTIME);
    record->severity = SEVERITY_FATAL;
    record->severity_text = "FATAL";
    record->event_name = "app.crash";
    record->scope = SCOPE;
    record->resource = resource;
    record->body = text_repaired(arena, report->title ? report->title : "crash",
                                 strlen(report->title ? report->title : "crash"));
    record->has_trace = parse_id(report->trace_id, record->trace_id, sizeof(record->trace_id));
    record->has_span =
        record->has_trace && parse_id(report->span_id, record->span_id, sizeof(record->span_id));
    record->flags = record->has_trace ? 1 : 0;
    set_exception(list, arena, report);
    set(list, arena, "app.crash.id", report->id);
    if (report->tid)
        attribute_set_int(list, arena, "thread.id", report->tid);
    if (report->n_threads && report->threads[0].is_crashed)
        set(list, arena, "thread.name", report->threads[0].name);
    set(list, arena, "otelshim.crash.fingerprint", report->fingerprint);
    set(list, arena, "otelshim.crash.class", report->class);
    set(list, arena, "otelshim.crash.signal", report->signal);
    set(list, arena, "otelshim.crash.code", report->code);
    if (report->has_address)
        set(list, arena, "otelshim.crash.address", arena_printf(arena, "0x%" PRIx64, report->address));
    set(list, arena, "otelshim.crash.reason", report->reason);
    set(list, arena, "otelshim.crash.ended_by", report->ended_by);
    if (report->ended_status >= 0)
        attribute_set_int(list, arena, "otelshim.crash.ended_status", report->ended_status);
    return record;
}

void crash_report_mark_span(const struct crash_report *report, struct span *span, struct arena *arena)
{
    struct span_event *events = arena_zalloc(arena, (span->n_events + 1) * sizeof(*events));
    if (span->n_events)
        memcpy(events, span->events, span->n_events * sizeof(*events));
    struct span_event *event = &events[span->n_events];
    event->name = "exception";
    event->time_unix_ns =
        report->time_unix_ns > span->start_unix_ns ? report->time_unix_ns : span->start_unix_ns;
    set_exception(&event->attributes, arena, report);
    span->events = events;
    span->n_events++;
    span->likeness = NULL; /* it is like no other now */
    struct attribute *items = arena_alloc(arena, (span->attributes.n + 1) * sizeof(*items));
    if (span->attributes.n)
        memcpy(items, span->attributes.items, span->attributes.n * sizeof(*items));
    span->attributes.items = items; /* those of spans that are alike are shared */
    span->attributes.max = span->attributes.n + 1;
    attribute_set_string(&span->attributes, arena, "error.type", type_of(report));
    span->status = SPAN_ERROR;
    span->status_message =
        report->title ? text_repaired(arena, report->title, strlen(report->title)).bytes : NULL;
    if (span->end_unix_ns < event->time_unix_ns)
        span->end_unix_ns = event->time_unix_ns;
}
