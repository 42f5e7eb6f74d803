/*
 * report_json: a crash report as one JSON document. tests/crash_report.schema.json says what is in it; members may be added, never
 * moved. Addresses are text ("0x7f…"): JSON's numbers end at 2^53. With report_parse.c the only door to jansson.
 */
#include "signals/crash/report.h"
#include "signals/crash/report_kind.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_S 1000000000u

/* What is not known is null, so that every member is always there. */
static void put_text(json_t *to, const char *key, const char *text)
{
    json_object_set_new(to, key, text ? json_string(text) : json_null());
}

static void put_number(json_t *to, const char *key, uint64_t number)
{
    json_object_set_new(to, key, json_integer((json_int_t)number));
}

static void put_flag(json_t *to, const char *key, bool flag)
{
    json_object_set_new(to, key, json_boolean(flag));
}

/* Only where it says something: frames are many. */
static void put_flag_if(json_t *to, const char *key, bool flag)
{
    if (flag)
        put_flag(to, key, true);
}

static void put_address(json_t *to, const char *key, uint64_t address)
{
    char text[24];
    snprintf(text, sizeof(text), "0x%" PRIx64, address);
    put_text(to, key, text);
}

static void put_time(json_t *to, const char *key, uint64_t unix_ns)
{
    struct tm parts;
    time_t seconds = (time_t)(unix_ns / NS_PER_S);
    char text[64];
    if (!unix_ns || !gmtime_r(&seconds, &parts)) {
        put_text(to, key, NULL);
        return;
    }
    size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text + n, sizeof(text) - n, ".%09uZ", (unsigned)(unix_ns % NS_PER_S));
    put_text(to, key, text);
}

static json_t *frames_of(const struct crash_stack *stack)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < stack->n_frames; i++) {
        const struct crash_frame *frame = &stack->frames[i];
        json_t *one = json_object();
        put_text(one, "function", frame->function);
        put_text(one, "file", frame->file);
        json_object_set_new(one, "line", frame->line ? json_integer(frame->line) : json_null());
        if (frame->column)
            put_number(one, "column", frame->column);
        put_flag(one, "inlined", frame->is_inlined);
        put_text(one, "module", frame->module);
        put_text(one, "build_id", frame->build_id);
        if (frame->module)
            put_address(one, "offset", frame->offset);
        else
            put_text(one, "offset", NULL);
        put_address(one, "address", frame->address);
        put_text(one, "guess", frame->guess);
        put_flag(one, "own", frame->is_own);
        put_flag_if(one, "signal", frame->is_signal);
        put_flag_if(one, "approximate", frame->is_approximate);
        put_flag_if(one, "mismatched", frame->is_mismatched);
        json_array_append_new(list, one);
    }
    return list;
}

static void put_stack(json_t *to, const struct crash_stack *stack)
{
    json_object_set_new(to, "frames", frames_of(stack));
    put_text(to, "unwinder", stack->unwinder);
    put_text(to, "ended_early", stack->end_reason);
    if (stack->n_left_out) {
        put_number(to, "left_out", stack->n_left_out);
        put_number(to, "left_out_at", stack->left_out_at);
    }
    if (stack->recursion_times) {
        put_number(to, "recursion_at", stack->recursion_at);
        put_number(to, "recursion_period", stack->recursion_period);
        put_number(to, "recursion_times", stack->recursion_times);
    }
}

static json_t *threads_of(const struct crash_report *report)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < report->n_threads; i++) {
        const struct crash_report_thread *thread = &report->threads[i];
        json_t *one = json_object();
        put_number(one, "tid", thread->tid);
        put_text(one, "name", thread->name);
        put_flag(one, "crashed", thread->is_crashed);
        put_flag_if(one, "incomplete", thread->is_incomplete);
        put_stack(one, &thread->stack);
        json_array_append_new(list, one);
    }
    return list;
}

static json_t *spans_of(const struct crash_span *spans, uint32_t n)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < n; i++) {
        json_t *one = json_object();
        put_text(one, "name", spans[i].name);
        put_text(one, "kind", spans[i].kind);
        put_text(one, "trace_id", spans[i].trace_id);
        put_text(one, "span_id", spans[i].span_id);
        put_number(one, "tid", spans[i].tid);
        put_time(one, "start", spans[i].start_unix_ns);
        put_time(one, "end", spans[i].end_unix_ns);
        put_text(one, "status", spans[i].status);
        json_array_append_new(list, one);
    }
    return list;
}

static void put_process(json_t *to, const struct crash_report *report)
{
    json_t *arguments = json_array(), *service = report->service ? json_object() : json_null();
    for (uint32_t i = 0; i < report->n_arguments; i++)
        json_array_append_new(arguments, json_string(report->arguments[i]));
    put_number(to, "pid", report->pid);
    put_number(to, "tid", report->tid);
    put_number(to, "uid", report->uid);
    put_text(to, "exe", report->exe);
    json_object_set_new(to, "argv", arguments);
    if (report->service) {
        put_text(service, "name", report->service);
        put_text(service, "version", report->service_version);
        put_text(service, "environment", report->environment);
    }
    json_object_set_new(to, "service", service);
    put_text(to, "host", report->host);
    put_text(to, "machine", report->machine);
    json_object_set_new(to, "uptime_s",
                        report->uptime_ns ? json_real((double)report->uptime_ns / NS_PER_S) : json_null());
    json_object_set_new(to, "rss_bytes",
                        report->rss_bytes ? json_integer((json_int_t)report->rss_bytes) : json_null());
}

static void put_death(json_t *to, const struct crash_report *report)
{
    put_text(to, "signal", report->signal);
    json_object_set_new(to, "signal_number",
                        report->signal_number ? json_integer(report->signal_number) : json_null());
    put_text(to, "code", report->code);
    if (report->has_address)
        put_address(to, "address", report->address);
    else
        put_text(to, "address", NULL);
    put_text(to, "class", report->class);
    put_text(to, "reason", report->reason);
    put_text(to, "message", report->message);
    put_text(to, "exception", report->exception_type);
    json_t *sender = report->sender_pid ? json_object() : json_null();
    if (report->sender_pid) {
        put_number(sender, "pid", report->sender_pid);
        put_number(sender, "uid", report->sender_uid);
    }
    json_object_set_new(to, "sender", sender);
}

static void put_ended(json_t *to, const struct crash_report *report)
{
    json_t *ended = json_object();
    put_text(ended, "by", report->ended_by);
    json_object_set_new(ended, "status",
                        report->ended_status >= 0 ? json_integer(report->ended_status) : json_null());
    put_flag(ended, "core", report->dumped_core);
    json_object_set_new(to, "ended", ended);
}

static void put_registers(json_t *to, const struct crash_report *report)
{
    json_t *registers = report->n_registers ? json_object() : json_null();
    for (uint32_t i = 0; i < report->n_registers; i++)
        put_address(registers, report->registers[i].name, report->registers[i].value);
    json_object_set_new(to, "registers", registers);
    if (report->registers_missing)
        put_text(to, "registers_missing", report->registers_missing);
    if (report->threads_missing)
        put_text(to, "threads_missing", report->threads_missing);
}

char *crash_report_to_json(const struct crash_report *report, bool is_indented)
{
    json_t *to = json_object();
    put_number(to, "schema", CRASH_REPORT_SCHEMA);
    put_text(to, "id", report->id);
    put_text(to, "title", report->title);
    put_text(to, "kind", report_kind_name(report->kind));
    put_time(to, "time", report->time_unix_ns);
    put_process(to, report);
    put_death(to, report);
    json_object_set_new(to, "frames",
                        report->n_threads ? frames_of(&report->threads[0].stack) : json_array());
    json_object_set_new(to, "thrown", report->thrown.n_frames ? frames_of(&report->thrown) : json_null());
    put_registers(to, report);
    json_object_set_new(to, "threads", threads_of(report));
    json_object_set_new(to, "open_spans", spans_of(report->open_spans, report->n_open_spans));
    json_object_set_new(to, "recent_spans", spans_of(report->recent_spans, report->n_recent_spans));
    put_text(to, "trace_id", report->trace_id);
    put_text(to, "span_id", report->span_id);
    put_text(to, "fingerprint", report->fingerprint);
    put_ended(to, report);
    char *text = json_dumps(to, is_indented ? JSON_INDENT(2) : JSON_COMPACT);
    json_decref(to);
    return text;
}
