/* judge_log: what the program itself says (syslog(3), otelshim.h) that a person is to be told. */
#include "signals/alerts/judge.h"

#include "signals/rules/rules.h"

#include <string.h>
#include <wire.h>

#define MAX_CONTEXT 24u
#define MAX_STACK 64u
#define SYSLOG_CRITICAL 18 /* "crit"; "alert" and "emerg" are above */

/* Of OpenTelemetry's 24. */
static enum alert_level level_of(const struct log_record *record)
{
    int severity = (int)record->severity;
    bool has_words_of_syslog = record->kind == WIRE_LOG_SYSLOG || record->kind == WIRE_LOG_OUTPUT;
    if (severity >= SEVERITY_FATAL || (has_words_of_syslog && severity >= SYSLOG_CRITICAL))
        return ALERT_LEVEL_CRITICAL;
    return severity >= SEVERITY_ERROR  ? ALERT_LEVEL_ERROR
           : severity >= SEVERITY_WARN ? ALERT_LEVEL_WARN
                                       : ALERT_LEVEL_INFO;
}

static const char *print_value(struct arena *arena, const struct attribute *item)
{
    const char *text = "";
    switch (item->type) {
    case ATTRIBUTE_STRING:
        return item->value.string.bytes;
    case ATTRIBUTE_INT:
        return arena_printf(arena, "%lld", (long long)item->value.integer);
    case ATTRIBUTE_DOUBLE:
        return arena_printf(arena, "%.15g", item->value.number);
    case ATTRIBUTE_BOOL:
        return item->value.flag ? "true" : "false";
    case ATTRIBUTE_STRINGS:
        for (uint32_t i = 0; i < item->value.strings.n_items; i++)
            text = arena_printf(arena, "%s%s%s", text, i ? ", " : "", item->value.strings.items[i].bytes);
        return text;
    }
    return text;
}

/* What the program added. Not: what repeats type and message, or says where in the program it was. */
static bool is_context(const char *key)
{
    static const char *const others[] = {"thread.", "exception.", "otelshim.", "syslog.facility",
                                         "log.iostream"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (strncmp(key, others[i], strlen(others[i])) == 0)
            return false;
    return true;
}

static void add_context(struct alert *alert, struct arena *arena, const struct log_record *record)
{
    struct alert_pair *pairs = arena_alloc(arena, MAX_CONTEXT * sizeof(*pairs));
    uint32_t n = 0;
    for (uint32_t i = 0; i < record->attributes.n && n < MAX_CONTEXT; i++) {
        const struct attribute *item = &record->attributes.items[i];
        if (is_context(item->key))
            pairs[n++] = (struct alert_pair){item->key, print_value(arena, item)};
    }
    alert->context = pairs;
    alert->n_context = n;
}

/* A name that no template has: what was given, line by line. */
static const char *print_fields(const struct alert *alert, struct arena *arena)
{
    const char *text = arena_printf(arena, "*%s*", alert->type);
    for (uint32_t i = 0; i < alert->n_context; i++)
        text = arena_printf(arena, "%s\n%s: %s", text, alert->context[i].name, alert->context[i].value);
    return text;
}

static void become_trade(struct alert *alert, const struct settings *settings,
                         const struct log_record *record, struct arena *arena)
{
    alert->class = ALERT_TRADE;
    alert->level = ALERT_LEVEL_INFO;
    alert->type = record->name ? record->name : "trade";
    alert->body = template_render(settings, alert->type, &record->attributes, record->time_unix_ns, arena);
    if (!alert->body)
        alert->body = print_fields(alert, arena);
    alert->is_distinct = true;
}

static void become_notice(struct alert *alert)
{
    alert->class = ALERT_INFO;
    alert->level = ALERT_LEVEL_INFO;
    alert->type = "notice";
    alert->body = alert->message;
    alert->is_distinct = true;
}

/* Where the program reported it: the lines of exception.stacktrace. */
static void add_stack(struct alert *alert, struct arena *arena, const struct log_record *record)
{
    const struct attribute *item = attribute_find(&record->attributes, "exception.stacktrace");
    if (!item || item->type != ATTRIBUTE_STRING)
        return;
    const char **lines = arena_alloc(arena, MAX_STACK * sizeof(*lines));
    for (const char *at = item->value.string.bytes; *at && alert->n_stack < MAX_STACK;) {
        size_t bytes = strcspn(at, "\n");
        lines[alert->n_stack++] = arena_copy(arena, at, bytes);
        at += bytes + (at[bytes] == '\n');
    }
    alert->stack = lines;
}

/* What says so, where it does not say what it is. */
static const char *type_of(const struct log_record *record)
{
    const struct attribute *stream = attribute_find(&record->attributes, "log.iostream");
    if (record->kind == WIRE_LOG_OUTPUT && stream && stream->type == ATTRIBUTE_STRING)
        return stream->value.string.bytes;
    return record->kind == WIRE_LOG_SYSLOG ? "syslog" : "log";
}

bool judge_log(const struct settings *settings, const struct log_record *record, struct arena *arena,
               struct alert *ret_alert)
{
    enum alert_level level = level_of(record);
    bool is_line = record->kind == WIRE_LOG_SYSLOG || record->kind == WIRE_LOG_LINE ||
                   record->kind == WIRE_LOG_EVENT || record->kind == WIRE_LOG_OUTPUT;
    const char *message = record->message.bytes ? record->message.bytes : record->body.bytes;
    if (!record->kind || !settings->alerts.is_on || (is_line && level < settings->alerts.min_level))
        return false;
    *ret_alert = (struct alert){.class = ALERT_LOG,
                                .level = level,
                                .time_unix_ns = record->time_unix_ns,
                                .message = message ? message : ""};
    add_context(ret_alert, arena, record);
    if (record->has_trace && record->flags & WIRE_SPAN_SAMPLED) {
        ret_alert->trace_id = text_print_hex(arena, record->trace_id, sizeof(record->trace_id));
        if (record->has_span)
            ret_alert->span_id = text_print_hex(arena, record->span_id, sizeof(record->span_id));
    }
    if (record->kind == WIRE_LOG_TRADE) {
        become_trade(ret_alert, settings, record, arena);
    } else if (record->kind == WIRE_LOG_NOTICE) {
        become_notice(ret_alert);
    } else if (record->kind == WIRE_LOG_ERROR) {
        ret_alert->class = ALERT_ERROR;
        ret_alert->type = record->name ? record->name : "Error";
        add_stack(ret_alert, arena, record);
    } else {
        ret_alert->type = record->name ? record->name : type_of(record);
        add_stack(ret_alert, arena, record);
    }
    return judge_admit(settings, NULL, ret_alert);
}
