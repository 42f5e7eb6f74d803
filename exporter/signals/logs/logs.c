/* logs: see logs.h. */
#include "signals/logs/logs.h"

#include "base/clock.h"
#include "signals/crash/redact.h"
#include "signals/crash/redact_shape.h"
#include "signals/logs/format.h"
#include "signals/spans/alike.h"
#include <string.h>

#define BODY_MAX 8192u /* what a format may grow to; other texts are as long as the record had room */
#define HIDDEN "REDACTED"

static const struct raw_fact *find(const struct raw_log *raw, enum wire_attribute key)
{
    for (uint32_t i = 0; i < raw->n_facts; i++)
        if (raw->facts[i].key == key)
            return &raw->facts[i];
    return NULL;
}

static bool find_number(const struct raw_log *raw, enum wire_attribute key, int64_t *ret_number)
{
    const struct raw_fact *fact = find(raw, key);
    if (!fact || fact->type != WIRE_INT)
        return false;
    *ret_number = fact->integer;
    return true;
}

struct text logs_text(struct arena *arena, const char *text, size_t bytes, const struct settings *settings)
{
    static struct arena
        scratch; /* loop thread only: what redacting needs besides would wait in the batch, too */
    if (settings->raw)
        return text_repaired(arena, text, bytes);
    const char *shown = redact_lines(&scratch, text, bytes);
    size_t n = strlen(shown);
    const struct text copy = {.bytes = arena_copy(arena, shown, n), .n_bytes = (uint32_t)n};
    arena_reset(&scratch);
    return copy;
}

/* NULL bytes: there is none. */
static struct text text_of(struct arena *arena, const struct raw_log *raw, enum wire_attribute key,
                           const struct settings *settings)
{
    const struct raw_fact *fact = find(raw, key);
    if (!fact || !fact->bytes)
        return (struct text){.bytes = NULL};
    return logs_text(arena, fact->bytes, fact->n_bytes, settings);
}

/* ---- custom attributes ---- */

#define CUSTOM_BOOL 5u /* beside enum wire_type */

/* The fact's parts; false: it is none that an honest shim writes. */
static bool parse_custom(const struct raw_fact *fact, uint8_t *ret_type, struct text *ret_key,
                         struct text *ret_value)
{
    if (fact->key != WIRE_CUSTOM || !fact->bytes || fact->n_bytes < 3)
        return false;
    uint32_t n_key = (uint8_t)fact->bytes[1], n_value;
    if (!n_key || n_key > fact->n_bytes - 2)
        return false;
    n_value = fact->n_bytes - 2 - n_key;
    *ret_type = (uint8_t)fact->bytes[0];
    *ret_key = (struct text){.bytes = fact->bytes + 2, .n_bytes = n_key};
    *ret_value = (struct text){.bytes = fact->bytes + 2 + n_key, .n_bytes = n_value};
    return *ret_type == WIRE_INT || *ret_type == WIRE_DOUBLE ? n_value == 8
           : *ret_type == CUSTOM_BOOL                        ? n_value == 1
                                      : *ret_type == WIRE_STRING || *ret_type == WIRE_BYTES;
}

static void set_custom_text(struct attributes *list, struct arena *arena, const char *key, struct text value,
                            const struct settings *settings)
{
    bool is_hidden = !settings->raw && redact_is_secret_name(key, strlen(key));
    struct text shown = is_hidden ? (struct text){.bytes = HIDDEN, .n_bytes = sizeof(HIDDEN) - 1}
                                  : logs_text(arena, value.bytes, value.n_bytes, settings);
    attribute_set_text(list, arena, key, shown.bytes, shown.n_bytes);
}

void logs_add_custom(struct attributes *list, struct arena *arena, const struct raw_fact *facts,
                     uint32_t n_facts, const struct settings *settings)
{
    for (uint32_t i = 0; i < n_facts; i++) {
        struct text name, value;
        uint8_t type;
        int64_t integer;
        double number;
        if (!parse_custom(&facts[i], &type, &name, &value))
            continue;
        const char *key = text_repaired(arena, name.bytes, name.n_bytes).bytes;
        if (!*key) /* OTel spec, "Attribute": neither null nor empty */
            continue;
        switch (type) {
        case WIRE_INT:
            memcpy(&integer, value.bytes, sizeof(integer));
            attribute_set_int(list, arena, key, integer);
            break;
        case WIRE_DOUBLE:
            memcpy(&number, value.bytes, sizeof(number));
            attribute_set_double(list, arena, key, number);
            break;
        case CUSTOM_BOOL:
            attribute_set_bool(list, arena, key, *value.bytes != 0);
            break;
        default:
            set_custom_text(list, arena, key, value, settings);
            break;
        }
    }
}

/* ---- severity ---- */

const char *logs_severity_name(uint32_t severity)
{
    static const char *const names[] = {
        "TRACE", "TRACE2", "TRACE3", "TRACE4", "DEBUG", "DEBUG2", "DEBUG3", "DEBUG4",
        "INFO",  "INFO2",  "INFO3",  "INFO4",  "WARN",  "WARN2",  "WARN3",  "WARN4",
        "ERROR", "ERROR2", "ERROR3", "ERROR4", "FATAL", "FATAL2", "FATAL3", "FATAL4",
    };
    return severity >= 1 && severity <= 24 ? names[severity - 1] : NULL;
}

/* By syslog's level (OTel log data model, "Mapping of SeverityNumber"; the words are those of syslog.conf(5)). */
static const struct {
    uint8_t severity;
    const char *word;
} levels[8] = {{21, "emerg"},   {19, "alert"},  {18, "crit"}, {17, "err"},
               {13, "warning"}, {10, "notice"}, {9, "info"},  {5, "debug"}};

static void set_severity(struct log_record *record, const struct raw_log *raw)
{
    int64_t priority;
    record->severity = (enum log_severity)raw->log.severity;
    record->severity_text = logs_severity_name(raw->log.severity);
    if (raw->log.kind != WIRE_LOG_SYSLOG || !find_number(raw, WIRE_LOG_PRIORITY, &priority))
        return;
    record->severity = (enum log_severity)levels[priority & 7].severity;
    record->severity_text = levels[priority & 7].word;
}

/* ---- kinds ---- */

/* Of syslog(3) and otelshim_log(). */
static void put_together(struct log_record *record, struct arena *arena, const struct raw_log *raw,
                         const struct settings *settings)
{
    const struct raw_fact *format = find(raw, WIRE_LOG_FORMAT);
    int64_t error_number = 0;
    char body[BODY_MAX];
    if (!format || !format->bytes)
        return;
    find_number(raw, WIRE_LOG_ERRNO, &error_number);
    size_t n = format_assemble(format, raw->facts, raw->n_facts, (int)error_number, body, sizeof(body));
    while (n && body[n - 1] == '\n') /* syslog(3) does as well */
        n--;
    record->body = logs_text(arena, body, n, settings);
}

static void assemble_syslog(struct log_record *record, struct arena *arena, const struct raw_log *raw,
                            const struct settings *settings)
{
    int64_t priority;
    if (find_number(raw, WIRE_LOG_PRIORITY, &priority))
        attribute_set_int(&record->attributes, arena, "syslog.facility", priority >> 3 & 0x7f);
    struct text identity = text_of(arena, raw, WIRE_LOG_IDENTITY, settings);
    if (identity.bytes && identity.n_bytes)
        attribute_set_text(&record->attributes, arena, "syslog.appname", identity.bytes, identity.n_bytes);
}

static void assemble_kind(struct log_record *record, struct arena *arena, const struct raw_log *raw,
                          const struct settings *settings)
{
    struct attributes *list = &record->attributes;
    struct text name = text_of(arena, raw, WIRE_LOG_NAME, settings);
    record->name = name.bytes && name.n_bytes ? name.bytes : NULL;
    switch ((enum wire_log_kind)raw->log.kind) {
    case WIRE_LOG_SYSLOG:
        assemble_syslog(record, arena, raw, settings);
        break;
    case WIRE_LOG_LINE:
    case WIRE_LOG_OUTPUT:
        break;
    case WIRE_LOG_EVENT:
        record->event_name = record->name;
        break;
    case WIRE_LOG_ERROR:
        record->event_name = "exception";
        if (record->name)
            attribute_set_text(list, arena, "exception.type", name.bytes, name.n_bytes);
        if (record->body.bytes)
            attribute_set_text(list, arena, "exception.message", record->body.bytes, record->body.n_bytes);
        if (raw->stack)
            attribute_set_string(list, arena, "exception.stacktrace", raw->stack->text);
        break;
    case WIRE_LOG_TRADE:
        record->event_name = "otelshim.trade";
        if (record->name)
            attribute_set_text(list, arena, "otelshim.trade.template", name.bytes, name.n_bytes);
        break;
    case WIRE_LOG_NOTICE:
        record->event_name = "otelshim.notice";
        break;
    }
}

static bool is_zero(const uint8_t *bytes, size_t n)
{
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++)
        any |= bytes[i];
    return !any;
}

struct log_record *logs_assemble(struct arena *arena, const struct raw_log *raw,
                                 const struct settings *settings)
{
    struct log_record *record = arena_zalloc(arena, sizeof(*record));
    const struct wire_log *log = &raw->log;
    record->kind = log->kind;
    record->time_unix_ns = log->mono_ns + (uint64_t)raw->mono_to_unix_ns;
    record->observed_unix_ns = clock_ns(CLOCK_REALTIME);
    record->scope = alike_scope(arena, raw->instrumentation);
    record->resource = raw->process->resource;
    record->has_trace = !is_zero(log->trace_id, sizeof(log->trace_id));
    record->has_span = record->has_trace && !is_zero(log->span_id, sizeof(log->span_id));
    memcpy(record->trace_id, log->trace_id, sizeof(record->trace_id));
    memcpy(record->span_id, log->span_id, sizeof(record->span_id));
    record->flags = record->has_trace ? log->flags & (WIRE_SPAN_SAMPLED | WIRE_SPAN_RANDOM) : 0;
    record->body = text_of(arena, raw, WIRE_LOG_BODY, settings);
    put_together(record, arena, raw, settings);
    set_severity(record, raw);
    if (log->tid)
        attribute_set_int(&record->attributes, arena, "thread.id", log->tid);
    assemble_kind(record, arena, raw, settings);
    logs_add_custom(&record->attributes, arena, raw->facts, raw->n_facts, settings);
    return record;
}
