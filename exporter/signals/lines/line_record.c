/* line_record: a line that was read, as a log record. */
#include "signals/lines/lines.h"

#include "base/clock.h"
#include "signals/crash/redact_shape.h"
#include "signals/logs/logs.h"
#include "signals/spans/alike.h"
#include <ctype.h>
#include <string.h>

#define TRACEBACK "Traceback (most recent call last):"
#define MAX_SKEW_NS \
    (3600ull *      \
     1000000000ull) /* a time further off is not that of the line: it replays, or speaks of another */
#define HIDDEN "REDACTED"

static bool is_zero(const uint8_t *bytes, size_t n)
{
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++)
        any |= bytes[i];
    return !any;
}

/* What the program had open when it wrote the line, or what the line itself says. */
static void set_trace(struct log_record *record, const struct wire_log *log,
                      const struct line_reading *reading)
{
    record->has_trace = !is_zero(log->trace_id, sizeof(log->trace_id));
    record->has_span = record->has_trace && !is_zero(log->span_id, sizeof(log->span_id));
    memcpy(record->trace_id, log->trace_id, sizeof(record->trace_id));
    memcpy(record->span_id, log->span_id, sizeof(record->span_id));
    record->flags = record->has_trace ? log->flags & (WIRE_SPAN_SAMPLED | WIRE_SPAN_RANDOM) : 0;
    if (!reading->has_trace)
        return;
    if (!record->has_trace || memcmp(record->trace_id, reading->trace_id, sizeof(record->trace_id)) != 0) {
        record->flags = 0;
        record->has_span = false;
    }
    record->has_trace = true;
    memcpy(record->trace_id, reading->trace_id, sizeof(record->trace_id));
    if (reading->has_span) {
        record->has_span = true;
        memcpy(record->span_id, reading->span_id, sizeof(record->span_id));
    }
}

static void set_time(struct log_record *record, const struct output_line *line,
                     const struct line_reading *reading)
{
    uint64_t written = line->log->mono_ns + (uint64_t)line->mono_to_unix_ns, own = reading->time_unix_ns;
    bool is_near = own && (own > written ? own - written : written - own) < MAX_SKEW_NS;
    record->time_unix_ns = is_near ? own : written;
    record->observed_unix_ns = is_near ? written : clock_ns(CLOCK_REALTIME);
}

static void add_text(struct attributes *list, struct arena *arena, const struct attribute *item,
                     const char *key, const struct settings *settings)
{
    bool is_hidden = !settings->raw && redact_is_secret_name(key, strlen(key));
    struct text shown =
        is_hidden ? (struct text){.bytes = HIDDEN, .n_bytes = sizeof(HIDDEN) - 1}
                  : logs_text(arena, item->value.string.bytes, item->value.string.n_bytes, settings);
    attribute_set_text(list, arena, key, shown.bytes, shown.n_bytes);
}

static void add_fields(struct attributes *list, struct arena *arena, const struct attributes *fields,
                       const struct settings *settings)
{
    for (uint32_t i = 0; i < fields->n; i++) {
        const struct attribute *item = &fields->items[i];
        const char *key = text_valid(arena, item->key);
        if (!*key)
            continue;
        if (item->type == ATTRIBUTE_STRING)
            add_text(list, arena, item, key, settings);
        else if (item->type == ATTRIBUTE_INT)
            attribute_set_int(list, arena, key, item->value.integer);
        else if (item->type == ATTRIBUTE_DOUBLE)
            attribute_set_double(list, arena, key, item->value.number);
        else
            attribute_set_bool(list, arena, key, item->value.flag);
    }
}

/* Bytes of "ValueError" or "psycopg2.errors.DeadlockDetected" at the beginning of a line; 0: it is none. */
static size_t type_bytes(const char *line)
{
    size_t n = 0;
    while (isalnum((unsigned char)line[n]) || line[n] == '_' || line[n] == '.')
        n++;
    bool is_type = n && (isupper((unsigned char)line[0]) || memchr(line, '.', n));
    return is_type && (line[n] == ':' || line[n] == '\n' || !line[n]) ? n : 0;
}

/* The last line of a traceback that says what was raised; NULL: none does. */
static const char *find_raised(const char *traceback)
{
    const char *raised = NULL;
    for (const char *at = traceback; (at = strchr(at, '\n'));)
        if (type_bytes(++at))
            raised = at;
    return raised;
}

/* Python's. What is told of it is what was logged with it, or what was raised; the rest is the stack. */
static void describe_traceback(struct log_record *record, struct arena *arena)
{
    struct attributes *list = &record->attributes;
    const char *traceback = record->body.bytes ? strstr(record->body.bytes, TRACEBACK) : NULL;
    const char *raised = traceback ? find_raised(traceback) : NULL;
    if (!raised)
        return;
    size_t n = type_bytes(raised);
    const char *message = raised + n + strspn(raised + n, ": ");
    size_t n_message = strcspn(message, "\n");
    record->name = arena_copy(arena, raised, n);
    attribute_set_text(list, arena, "exception.type", raised, n);
    if (n_message)
        attribute_set_text(list, arena, "exception.message", message, n_message);
    attribute_set_string(list, arena, "exception.stacktrace", traceback);
    if (traceback > record->body.bytes) {
        message = record->message.bytes ? record->message.bytes : record->body.bytes;
        n_message = strcspn(message, "\n");
    }
    record->message = (struct text){arena_copy(arena, message, n_message), (uint32_t)n_message};
}

static void set_severity(struct log_record *record, struct arena *arena, const struct line_reading *reading)
{
    record->severity = (enum log_severity)reading->severity;
    record->severity_text = reading->word ? text_repaired(arena, reading->word, reading->n_word).bytes
                                          : logs_severity_name(reading->severity);
}

static void set_texts(struct log_record *record, struct arena *arena, const struct line_reading *reading,
                      struct text whole, const struct settings *settings)
{
    record->line = logs_text(arena, whole.bytes, whole.n_bytes, settings);
    if (reading->message)
        record->message = logs_text(arena, reading->message, reading->n_message, settings);
    record->body = reading->is_structured && record->message.bytes ? record->message : record->line;
}

struct log_record *line_record_make(struct arena *arena, const struct output_line *line,
                                    const struct process *process, const struct settings *settings)
{
    char *clean = arena_alloc(arena, line->n_bytes + 1);
    struct line_reading reading = {.format = NULL};
    struct text whole = {clean, (uint32_t)line_clean(clean, line->bytes, line->n_bytes)};
    clean[whole.n_bytes] = 0;
    if (strspn(clean, " \t\n") == whole.n_bytes)
        return NULL;
    if (line->part <= 1)
        line_read(arena, whole.bytes, whole.n_bytes, &reading);
    struct log_record *record = arena_zalloc(arena, sizeof(*record));
    record->kind = WIRE_LOG_OUTPUT;
    record->scope = alike_scope(arena, line->instrumentation);
    record->resource = process->resource;
    set_time(record, line, &reading);
    set_trace(record, line->log, &reading);
    set_severity(record, arena, &reading);
    set_texts(record, arena, &reading, whole, settings);
    struct attributes *list = &record->attributes;
    add_fields(list, arena, &reading.fields, settings);
    attribute_set_string(list, arena, "log.iostream", line->log->stream == 2 ? "stderr" : "stdout");
    if (line->log->tid)
        attribute_set_int(list, arena, "thread.id", line->log->tid);
    if (line->part)
        attribute_set_int(list, arena, "otelshim.log.part", line->part);
    describe_traceback(record, arena);
    return record;
}
