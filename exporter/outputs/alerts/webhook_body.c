/* webhook_body: see webhook_body.h. */
#include "outputs/alerts/webhook_body.h"

#include "base/json.h"
#include "outputs/alerts/marked_text.h"
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define DISCORD_SUPPRESS_EMBEDS (1 << 2)
#define DISCORD_SUPPRESS_NOTIFICATIONS (1 << 12)

static const char *const class_names[N_ALERT_CLASSES] = {
    [ALERT_CRASH] = "crash", [ALERT_AMBIGUOUS] = "ambiguous", [ALERT_ERROR] = "error", [ALERT_SLOW] = "slow",
    [ALERT_LOG] = "log",     [ALERT_TRADE] = "trade",         [ALERT_INFO] = "info"};
static const char *const level_names[] = {[ALERT_LEVEL_INFO] = "info",
                                          [ALERT_LEVEL_WARN] = "warn",
                                          [ALERT_LEVEL_ERROR] = "error",
                                          [ALERT_LEVEL_CRITICAL] = "critical"};

/* RFC 3339, UTC, milliseconds. */
static void put_time(json_t *root, const char *key, uint64_t unix_ns)
{
    char date[32], text[48];
    struct tm parts;
    time_t seconds = (time_t)(unix_ns / 1000000000u);
    if (!unix_ns || !gmtime_r(&seconds, &parts) || !strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &parts))
        return;
    snprintf(text, sizeof(text), "%s.%03uZ", date, (unsigned)(unix_ns / 1000000 % 1000));
    json_put_text(root, key, text);
}

static json_t *context_of(const struct alert *alert)
{
    json_t *context = json_array();
    for (uint32_t i = 0; i < alert->n_context; i++) {
        json_t *pair = json_object();
        json_put_text(pair, "name", alert->context[i].name);
        json_put_text(pair, "value", alert->context[i].value ? alert->context[i].value : "");
        json_array_append_new(context, pair);
    }
    return context;
}

static json_t *stack_of(const struct alert *alert)
{
    json_t *stack = json_array();
    for (uint32_t i = 0; i < alert->n_stack; i++) {
        json_t *line = json_object(); /* json_put_text() repairs what is not UTF-8 */
        json_put_text(line, "line", alert->stack[i]);
        json_array_append(stack, json_object_get(line, "line"));
        json_decref(line);
    }
    return stack;
}

static void put_alert(json_t *root, const struct alert *alert)
{
    json_put_text(root, "class", class_names[alert->class]);
    json_put_text(root, "level", level_names[alert->level]);
    put_time(root, "time", alert->time_unix_ns);
    json_put_text(root, "type", alert->type);
    json_put_text(root, "message", alert->message);
    json_put_text(root, "title", alert->title);
    json_put_text(root, "service", alert->service);
    json_put_text(root, "version", alert->version);
    json_put_text(root, "environment", alert->environment);
    json_put_text(root, "host", alert->host);
    if (alert->pid)
        json_put_number(root, "pid", alert->pid);
    json_put_text(root, "trace_id", alert->trace_id);
    json_put_text(root, "span_id", alert->span_id);
    json_put_text(root, "phases", alert->phases);
    json_put_text(root, "problem", alert->problem);
    json_object_set_new(root, "context", context_of(alert));
    json_object_set_new(root, "stack", stack_of(alert));
    json_put_flag(root, "late", alert->is_late);
    json_put_flag(root, "repetition", alert->is_repetition);
}

static json_t *own_document(const struct outgoing *outgoing, struct arena *arena)
{
    json_t *root = json_object();
    json_put_number(root, "schema", WEBHOOK_SCHEMA);
    if (outgoing->alert)
        put_alert(root, outgoing->alert);
    json_put_flag(root, "silent", outgoing->is_silent);
    json_put_text(root, "text", rich_print_plain(outgoing->text, arena));
    return root;
}

static json_t *slack_document(const struct outgoing *outgoing, struct arena *arena)
{
    json_t *root = json_object();
    json_put_text(root, "text", marked_text_print(outgoing->text, MARKUP_SLACK, SLACK_MAX_UNITS, arena));
    json_object_set_new(root, "unfurl_links", json_false());
    json_object_set_new(root, "unfurl_media", json_false());
    return root;
}

/* Nobody is mentioned, whatever the text says. */
static json_t *discord_document(const struct outgoing *outgoing, struct arena *arena)
{
    json_t *root = json_object();
    json_put_text(root, "content",
                  marked_text_print(outgoing->text, MARKUP_DISCORD, DISCORD_MAX_UNITS, arena));
    json_object_set_new(root, "allowed_mentions", json_pack("{s:[]}", "parse"));
    json_put_number(root, "flags",
                    DISCORD_SUPPRESS_EMBEDS | (outgoing->is_silent ? DISCORD_SUPPRESS_NOTIFICATIONS : 0));
    return root;
}

char *webhook_body_make(enum webhook_format format, const struct outgoing *outgoing)
{
    struct arena arena = {0};
    json_t *root = format == WEBHOOK_SLACK     ? slack_document(outgoing, &arena)
                   : format == WEBHOOK_DISCORD ? discord_document(outgoing, &arena)
                                               : own_document(outgoing, &arena);
    char *body = json_write(root, NULL);
    json_decref(root);
    arena_fini(&arena);
    return body;
}
