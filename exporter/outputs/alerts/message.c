/* message: see message.h. A file of another version, or one that somebody damaged, is not understood: that is for the caller to say. */
#include "outputs/alerts/message.h"

#include "base/json.h"
#include "base/utf8.h"
#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define MAX_CONTEXT 64u
#define MAX_STACK 64u
#define MAX_TEXT_BYTES 16384u
#define MAX_RUNS 1000u

static const char *const class_names[N_ALERT_CLASSES] = {
    [ALERT_CRASH] = "crash", [ALERT_AMBIGUOUS] = "ambiguous", [ALERT_ERROR] = "error", [ALERT_SLOW] = "slow",
    [ALERT_LOG] = "log",     [ALERT_TRADE] = "trade",         [ALERT_INFO] = "info"};

const char *alert_class_name(enum alert_class class)
{
    return class < N_ALERT_CLASSES ? class_names[class] : NULL;
}

enum alert_class alert_class_find(const char *name)
{
    uint32_t i = 0;
    while (i < N_ALERT_CLASSES && (!name || strcmp(name, class_names[i]) != 0))
        i++;
    return (enum alert_class)i;
}

const struct destination_kind *destination_find(const char *name)
{
    for (uint32_t i = 0; name && destination_kinds[i]; i++)
        if (strcmp(destination_kinds[i]->name, name) == 0)
            return destination_kinds[i];
    return NULL;
}

struct message *message_create(void)
{
    struct message *message = calloc(1, sizeof(*message));
    if (!message)
        abort();
    message->text.arena = &message->arena;
    return message;
}

void message_destroy(struct message *message)
{
    if (!message)
        return;
    arena_fini(&message->arena);
    free(message);
}

/* ---- copies ---- */

static const char *copy(struct message *message, const char *text)
{
    if (!text)
        return NULL;
    size_t bytes = strlen(text);
    if (bytes > MAX_TEXT_BYTES)
        bytes = utf8_valid_bytes(text, MAX_TEXT_BYTES);
    return text_repaired(&message->arena, text, bytes).bytes;
}

/* The texts of an alert, and their names on disk. */
static const struct alert_text {
    const char *name;
    size_t offset;
} alert_texts[] = {
#define TEXT(member)                            \
    {                                           \
#member, offsetof(struct alert, member) \
    }
    TEXT(type), TEXT(message), TEXT(title),   TEXT(frame),   TEXT(trace_id), TEXT(span_id),     TEXT(phases),
    TEXT(file), TEXT(body),    TEXT(problem), TEXT(service), TEXT(version),  TEXT(environment), TEXT(host),
#undef TEXT
};
#define N_ALERT_TEXTS (sizeof(alert_texts) / sizeof(alert_texts[0]))

static const char **alert_text(struct alert *alert, const struct alert_text *text)
{
    return (const char **)(void *)((char *)alert + text->offset);
}

void message_set_alert(struct message *message, const struct alert *alert)
{
    struct alert *to = &message->alert;
    *to = *alert;
    for (size_t i = 0; i < N_ALERT_TEXTS; i++)
        *alert_text(to, &alert_texts[i]) = copy(message, *alert_text(to, &alert_texts[i]));
    to->n_context = alert->n_context < MAX_CONTEXT ? alert->n_context : MAX_CONTEXT;
    to->n_stack = alert->n_stack < MAX_STACK ? alert->n_stack : MAX_STACK;
    to->context = arena_alloc(&message->arena, (to->n_context + 1) * sizeof(*to->context));
    for (uint32_t i = 0; i < to->n_context; i++) {
        to->context[i].name = copy(message, alert->context[i].name);
        to->context[i].value = copy(message, alert->context[i].value);
    }
    const char **stack = arena_alloc(&message->arena, (to->n_stack + 1) * sizeof(*stack));
    for (uint32_t i = 0; i < to->n_stack; i++)
        stack[i] = copy(message, alert->stack[i]);
    to->stack = stack;
}

void message_add_text(struct message *message, const struct rich_text *text)
{
    for (uint32_t i = 0; i < text->n; i++)
        rich_add_run(&message->text, &text->runs[i]);
}

/* ---- to JSON ---- */

static json_t *encode_alert(const struct alert *alert)
{
    json_t *object = json_object();
    struct alert copied = *alert;
    json_put_text(object, "class", alert_class_name(alert->class));
    json_put_number(object, "level", alert->level);
    json_put_number(object, "time_unix_ns", alert->time_unix_ns);
    json_put_number(object, "pid", alert->pid);
    json_put_flag(object, "is_distinct", alert->is_distinct);
    json_put_flag(object, "is_late", alert->is_late);
    json_put_flag(object, "is_silent", alert->is_silent);
    json_put_flag(object, "is_repetition", alert->is_repetition);
    for (size_t i = 0; i < N_ALERT_TEXTS; i++)
        json_put_text(object, alert_texts[i].name, *alert_text(&copied, &alert_texts[i]));
    json_t *context = json_array(), *stack = json_array();
    for (uint32_t i = 0; i < alert->n_context; i++) {
        json_t *pair = json_object();
        json_put_text(pair, "name", alert->context[i].name);
        json_put_text(pair, "value", alert->context[i].value);
        json_array_append_new(context, pair);
    }
    for (uint32_t i = 0; i < alert->n_stack; i++)
        json_array_append_new(stack, json_string(alert->stack[i]));
    json_object_set_new(object, "context", context);
    json_object_set_new(object, "stack", stack);
    return object;
}

static json_t *encode_text(const struct rich_text *text)
{
    json_t *runs = json_array();
    for (uint32_t i = 0; i < text->n; i++) {
        const struct rich_run *run = &text->runs[i];
        json_t *object = json_object();
        json_put_number(object, "style", run->style);
        json_put_text(object, "text", run->text);
        json_put_text(object, "url", run->url);
        if (run->unix_s)
            json_put_number(object, "unix_s", run->unix_s);
        json_array_append_new(runs, object);
    }
    return runs;
}

char *message_encode(const struct message *message, size_t *ret_bytes)
{
    json_t *object = json_object();
    json_put_number(object, "version", VERSION);
    json_put_text(object, "kind", message->target.kind->name);
    json_put_text(object, "address", message->target.address);
    json_put_text(object, "account", message->target.account);
    json_put_number(object, "raised_unix_ns", message->raised_unix_ns);
    json_put_number(object, "language", message->language);
    json_put_number(object, "n_parts_sent", message->n_parts_sent);
    json_put_number(object, "group", message->group);
    json_put_number(object, "n_group", message->n_group);
    json_put_text(object, "message_id", message->message_id);
    json_put_text(object, "replies_to", message->replies_to);
    json_put_text(object, "problem", message->problem);
    json_object_set_new(object, "alert", encode_alert(&message->alert));
    json_object_set_new(object, "text", encode_text(&message->text));
    char *bytes = json_write(object, ret_bytes);
    json_decref(object);
    return bytes;
}

/* ---- from JSON ---- */

static void decode_lists(struct message *message, const json_t *object)
{
    struct alert *alert = &message->alert;
    const json_t *context = json_object_get(object, "context"), *stack = json_object_get(object, "stack");
    size_t n_context = json_array_size(context), n_stack = json_array_size(stack);
    n_context = n_context < MAX_CONTEXT ? n_context : MAX_CONTEXT;
    n_stack = n_stack < MAX_STACK ? n_stack : MAX_STACK;
    alert->context = arena_alloc(&message->arena, (n_context + 1) * sizeof(*alert->context));
    const char **lines = arena_alloc(&message->arena, (n_stack + 1) * sizeof(*lines));
    for (size_t i = 0; i < n_context; i++) {
        const json_t *pair = json_array_get(context, i);
        alert->context[i].name = json_copy_text(&message->arena, pair, "name");
        alert->context[i].value = json_copy_text(&message->arena, pair, "value");
    }
    for (size_t i = 0; i < n_stack; i++) {
        const char *line = json_string_value(json_array_get(stack, i));
        lines[i] = line ? arena_copy(&message->arena, line, strlen(line)) : "";
    }
    alert->n_context = (uint32_t)n_context;
    alert->n_stack = (uint32_t)n_stack;
    alert->stack = lines;
}

static bool decode_alert(struct message *message, const json_t *object)
{
    struct alert *alert = &message->alert;
    uint64_t level = json_get_number(object, "level");
    alert->class = alert_class_find(json_get_text(object, "class"));
    alert->level = level <= ALERT_LEVEL_CRITICAL ? (enum alert_level)level : ALERT_LEVEL_ERROR;
    alert->time_unix_ns = json_get_number(object, "time_unix_ns");
    alert->pid = (uint32_t)json_get_number(object, "pid");
    alert->is_distinct = json_get_flag(object, "is_distinct");
    alert->is_late = json_get_flag(object, "is_late");
    alert->is_silent = json_get_flag(object, "is_silent");
    alert->is_repetition = json_get_flag(object, "is_repetition");
    for (size_t i = 0; i < N_ALERT_TEXTS; i++)
        *alert_text(alert, &alert_texts[i]) = json_copy_text(&message->arena, object, alert_texts[i].name);
    decode_lists(message, object);
    return alert->class < N_ALERT_CLASSES;
}

static void decode_text(struct message *message, const json_t *runs)
{
    for (size_t i = 0; i < json_array_size(runs) && i < MAX_RUNS; i++) {
        const json_t *run = json_array_get(runs, i);
        const char *text = json_get_text(run, "text"), *url = json_get_text(run, "url");
        uint64_t style = json_get_number(run, "style");
        bool is_known = style <= RICH_TIME && (style != RICH_LINK || url);
        struct rich_run copy = {.style = is_known ? (enum rich_style)style : RICH_PLAIN,
                                .text = text ? text : "",
                                .url = url,
                                .unix_s = json_get_number(run, "unix_s")};
        rich_add_run(&message->text, &copy);
    }
}

static void decode_word(char *ret_text, size_t max_bytes, const json_t *object, const char *key)
{
    const char *text = json_get_text(object, key);
    if (text && strlen(text) < max_bytes)
        memcpy(ret_text, text, strlen(text) + 1);
}

struct message *message_decode(const char *bytes, size_t n_bytes)
{
    json_t *object = json_read(bytes, n_bytes, MESSAGE_MAX_BYTES);
    struct message *message = message_create();
    message->target.kind = destination_find(json_get_text(object, "kind"));
    decode_word(message->target.address, sizeof(message->target.address), object, "address");
    decode_word(message->target.account, sizeof(message->target.account), object, "account");
    message->raised_unix_ns = json_get_number(object, "raised_unix_ns");
    message->language = json_get_number(object, "language") == LANGUAGE_KO ? LANGUAGE_KO : LANGUAGE_EN;
    message->n_parts_sent = (uint32_t)json_get_number(object, "n_parts_sent");
    message->group = json_get_number(object, "group");
    message->n_group = (uint32_t)json_get_number(object, "n_group");
    decode_word(message->message_id, sizeof(message->message_id), object, "message_id");
    decode_word(message->replies_to, sizeof(message->replies_to), object, "replies_to");
    decode_word(message->problem, sizeof(message->problem), object, "problem");
    bool is_good = decode_alert(message, json_object_get(object, "alert")) && message->target.kind &&
                   json_get_number(object, "version") == VERSION;
    decode_text(message, json_object_get(object, "text"));
    json_decref(object);
    if (is_good)
        return message;
    message_destroy(message);
    return NULL;
}
