/* report_parse: a report out of its JSON form. What is missing, or of another type, is unknown: only a foreign document is refused. */
#include "signals/crash/report.h"
#include "signals/crash/report_kind.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_ITEMS 100000u
#define NS_PER_S 1000000000u

static const char *get_text(struct arena *arena, const json_t *from, const char *key)
{
    const json_t *value = json_object_get(from, key);
    return json_is_string(value) ? arena_copy(arena, json_string_value(value), json_string_length(value))
                                 : NULL;
}

static uint64_t get_number(const json_t *from, const char *key)
{
    json_int_t number = json_integer_value(json_object_get(from, key));
    return number > 0 ? (uint64_t)number : 0;
}

static uint32_t get_word(const json_t *from, const char *key)
{
    uint64_t number = get_number(from, key);
    return number <= UINT32_MAX ? (uint32_t)number : 0;
}

static bool get_flag(const json_t *from, const char *key)
{
    return json_is_true(json_object_get(from, key));
}

static bool parse_address(const json_t *value, uint64_t *ret_address)
{
    const char *text = json_string_value(value);
    if (!text || strncmp(text, "0x", 2) != 0)
        return false;
    char *end;
    errno = 0;
    uint64_t address = strtoull(text + 2, &end, 16);
    if (*end || errno || end == text + 2)
        return false;
    *ret_address = address;
    return true;
}

static uint64_t get_address(const json_t *from, const char *key)
{
    uint64_t address = 0;
    parse_address(json_object_get(from, key), &address);
    return address;
}

static uint64_t get_time(const json_t *from, const char *key)
{
    const char *text = json_string_value(json_object_get(from, key));
    struct tm parts = {.tm_sec = 0};
    const char *rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &parts) : NULL;
    time_t seconds = rest ? timegm(&parts) : -1;
    if (seconds <= 0)
        return 0;
    uint64_t ns = 0, unit = NS_PER_S / 10;
    for (rest += *rest == '.'; *rest >= '0' && *rest <= '9' && unit; rest++, unit /= 10)
        ns += (uint64_t)(*rest - '0') * unit;
    return (uint64_t)seconds * NS_PER_S + ns;
}

static uint32_t count(const json_t *list)
{
    size_t n = json_array_size(list);
    return n < MAX_ITEMS ? (uint32_t)n : MAX_ITEMS;
}

static void get_frames(struct arena *arena, const json_t *list, struct crash_stack *stack)
{
    uint32_t n = count(list);
    stack->frames = arena_zalloc(arena, (n + 1) * sizeof(*stack->frames));
    for (uint32_t i = 0; i < n; i++) {
        const json_t *one = json_array_get(list, i);
        stack->frames[stack->n_frames++] = (struct crash_frame){
            .function = get_text(arena, one, "function"),
            .file = get_text(arena, one, "file"),
            .module = get_text(arena, one, "module"),
            .build_id = get_text(arena, one, "build_id"),
            .address = get_address(one, "address"),
            .offset = get_address(one, "offset"),
            .line = get_word(one, "line"),
            .column = get_word(one, "column"),
            .is_inlined = get_flag(one, "inlined"),
            .is_signal = get_flag(one, "signal"),
            .is_approximate = get_flag(one, "approximate"),
            .is_mismatched = get_flag(one, "mismatched"),
            .is_own = get_flag(one, "own"),
            .guess = get_text(arena, one, "guess"),
        };
    }
}

static void get_threads(struct crash_report *report, const json_t *list)
{
    uint32_t n = count(list);
    report->threads = arena_zalloc(&report->arena, (n + 1) * sizeof(*report->threads));
    for (uint32_t i = 0; i < n; i++) {
        const json_t *one = json_array_get(list, i);
        struct crash_report_thread *thread = &report->threads[report->n_threads++];
        thread->tid = get_word(one, "tid");
        thread->name = get_text(&report->arena, one, "name");
        thread->is_crashed = get_flag(one, "crashed");
        thread->is_incomplete = get_flag(one, "incomplete");
        get_frames(&report->arena, json_object_get(one, "frames"), &thread->stack);
        thread->stack.unwinder = get_text(&report->arena, one, "unwinder");
        thread->stack.end_reason = get_text(&report->arena, one, "ended_early");
        thread->stack.n_left_out = get_word(one, "left_out");
        thread->stack.left_out_at = get_word(one, "left_out_at");
        thread->stack.recursion_at = get_word(one, "recursion_at");
        thread->stack.recursion_period = get_word(one, "recursion_period");
        thread->stack.recursion_times = get_word(one, "recursion_times");
    }
}

static struct crash_span *get_spans(struct arena *arena, const json_t *list, uint32_t *ret_n)
{
    uint32_t n = count(list);
    struct crash_span *spans = arena_zalloc(arena, (n + 1) * sizeof(*spans));
    for (uint32_t i = 0; i < n; i++) {
        const json_t *one = json_array_get(list, i);
        spans[i] = (struct crash_span){
            .name = get_text(arena, one, "name"),
            .kind = get_text(arena, one, "kind"),
            .trace_id = get_text(arena, one, "trace_id"),
            .span_id = get_text(arena, one, "span_id"),
            .tid = get_word(one, "tid"),
            .start_unix_ns = get_time(one, "start"),
            .end_unix_ns = get_time(one, "end"),
            .status = get_text(arena, one, "status"),
        };
    }
    *ret_n = n;
    return spans;
}

static void get_process(struct crash_report *report, const json_t *from)
{
    struct arena *arena = &report->arena;
    const json_t *arguments = json_object_get(from, "argv"), *service = json_object_get(from, "service");
    uint32_t n = count(arguments);
    report->arguments = arena_zalloc(arena, (n + 1) * sizeof(*report->arguments));
    for (uint32_t i = 0; i < n; i++) {
        const char *text = json_string_value(json_array_get(arguments, i));
        report->arguments[report->n_arguments++] =
            arena_copy(arena, text ? text : "", text ? strlen(text) : 0);
    }
    report->pid = get_word(from, "pid");
    report->tid = get_word(from, "tid");
    report->uid = get_word(from, "uid");
    report->exe = get_text(arena, from, "exe");
    report->service = get_text(arena, service, "name");
    report->service_version = get_text(arena, service, "version");
    report->environment = get_text(arena, service, "environment");
    report->host = get_text(arena, from, "host");
    report->machine = get_text(arena, from, "machine");
    report->rss_bytes = get_number(from, "rss_bytes");
    double uptime_s = json_number_value(json_object_get(from, "uptime_s"));
    report->uptime_ns = uptime_s > 0 && uptime_s < 1e9 ? (uint64_t)(uptime_s * NS_PER_S) : 0;
}

static void get_death(struct crash_report *report, const json_t *from)
{
    struct arena *arena = &report->arena;
    const json_t *sender = json_object_get(from, "sender"), *ended = json_object_get(from, "ended");
    const char *kind = json_string_value(json_object_get(from, "kind"));
    for (size_t i = 0; kind && i < N_REPORT_KINDS; i++)
        if (strcmp(kind, report_kinds[i]) == 0)
            report->kind = (enum crash_kind)i;
    report->signal = get_text(arena, from, "signal");
    report->signal_number = (int)(get_word(from, "signal_number") & 0x7f);
    report->code = get_text(arena, from, "code");
    report->has_address = parse_address(json_object_get(from, "address"), &report->address);
    report->class = get_text(arena, from, "class");
    report->reason = get_text(arena, from, "reason");
    report->message = get_text(arena, from, "message");
    report->exception_type = get_text(arena, from, "exception");
    report->sender_pid = get_word(sender, "pid");
    report->sender_uid = get_word(sender, "uid");
    const json_t *status = json_object_get(ended, "status");
    report->ended_by = get_text(arena, ended, "by");
    report->ended_status = json_is_integer(status) ? (int)(json_integer_value(status) & 0xffff) : -1;
    report->dumped_core = get_flag(ended, "core");
}

static void get_registers(struct crash_report *report, json_t *from)
{
    const char *name;
    json_t *value;
    json_t *registers = json_object_get(from, "registers");
    report->registers = arena_zalloc(&report->arena, WIRE_REGISTERS * sizeof(*report->registers));
    json_object_foreach(registers, name, value)
    {
        uint64_t number;
        if (report->n_registers < WIRE_REGISTERS && parse_address(value, &number))
            report->registers[report->n_registers++] =
                (struct crash_register){arena_copy(&report->arena, name, strlen(name)), number};
    }
    report->registers_missing = get_text(&report->arena, from, "registers_missing");
    report->threads_missing = get_text(&report->arena, from, "threads_missing");
}

int crash_report_from_json(struct crash_report *ret_report, const char *text, size_t n_bytes)
{
    struct crash_report *report = ret_report;
    struct arena *arena = &report->arena;
    json_error_t error;
    json_t *from = json_loadb(text, n_bytes, JSON_REJECT_DUPLICATES, &error);
    if (!from || get_number(from, "schema") != CRASH_REPORT_SCHEMA ||
        !json_is_string(json_object_get(from, "id"))) {
        json_decref(from);
        return -EBADMSG;
    }
    report->id = get_text(arena, from, "id");
    report->title = get_text(arena, from, "title");
    report->time_unix_ns = get_time(from, "time");
    get_process(report, from);
    get_death(report, from);
    get_registers(report, from);
    get_threads(report, json_object_get(from, "threads"));
    get_frames(arena, json_object_get(from, "thrown"), &report->thrown);
    report->open_spans = get_spans(arena, json_object_get(from, "open_spans"), &report->n_open_spans);
    report->recent_spans = get_spans(arena, json_object_get(from, "recent_spans"), &report->n_recent_spans);
    report->trace_id = get_text(arena, from, "trace_id");
    report->span_id = get_text(arena, from, "span_id");
    report->fingerprint = get_text(arena, from, "fingerprint");
    json_decref(from);
    return 0;
}
