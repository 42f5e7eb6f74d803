/* rule_act: what a rule that matches says: fields, one message, measurements; and what it remembers. */
#include "signals/rules/rules_priv.h"

#include "signals/rules/number.h"
#include "signals/rules/templates.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- each ---- */

struct items {
    struct body bodies[RULE_MAX_ITEMS];
    uint32_t n;
    bool is_whole; /* all of the list was there */
};

/* The elements that `where` admits. False: the list is not there. */
static bool list_items(struct subject *subject, const struct rule_entry *rule, struct items *items)
{
    struct body list, bodies[RULE_MAX_ITEMS];
    items->n = 0;
    if (!reference_body(subject, rule->each, &list) || body_kind(&list) != BODY_ARRAY)
        return false;
    uint32_t n = body_list(&list, bodies, RULE_MAX_ITEMS);
    items->is_whole = !list.is_cut && body_list(&list, NULL, UINT32_MAX) == n;
    for (uint32_t i = 0; i < n; i++) {
        subject->each = &bodies[i];
        if (conditions_hold(subject, &rule->where, true))
            items->bodies[items->n++] = bodies[i];
    }
    subject->each = NULL;
    return true;
}

/* ---- fields ---- */

static void add_field(struct subject *subject, struct attributes *fields, const char *name,
                      const struct expression *value)
{
    const char *text = expression_value(subject, value);
    if (text)
        attribute_set_string(fields, subject->arena, name, text);
}

/* One that speaks of $each is a list: name.1, name.2, … */
static void fill_fields(struct subject *subject, const struct rule_entry *rule, const struct items *items,
                        struct attributes *fields)
{
    for (uint32_t i = 0; i < rule->n_fields; i++) {
        const struct assignment *field = &rule->fields[i];
        if (!field->value->uses_each) {
            add_field(subject, fields, field->name, field->value);
            continue;
        }
        for (uint32_t j = 0; j < items->n; j++) {
            subject->each = &items->bodies[j];
            add_field(subject, fields, arena_printf(subject->arena, "%s.%u", field->name, j + 1),
                      field->value);
        }
        subject->each = NULL;
    }
}

/* ---- the message ---- */

static uint64_t time_of(const struct subject *subject)
{
    if (subject->span)
        return subject->span->end_unix_ns;
    return subject->record->time_unix_ns ? subject->record->time_unix_ns : subject->record->observed_unix_ns;
}

static void add_context(struct subject *subject, struct alert *alert, const struct attributes *fields)
{
    alert->context = arena_alloc(subject->arena, (fields->n + 1) * sizeof(*alert->context));
    for (uint32_t i = 0; i < fields->n; i++) {
        const char *name = fields->items[i].key;
        const char *value = template_field(fields, name, 0, subject->arena);
        if (value && strcmp(name, "message") != 0)
            alert->context[alert->n_context++] = (struct alert_pair){name, value};
    }
}

static const char *own_message(struct subject *subject)
{
    if (subject->record)
        return subject->record->body.bytes;
    return subject->span->status_message ? subject->span->status_message : subject->span->name;
}

static void raise_alert(struct subject *subject, const struct rule_entry *rule,
                        const struct attributes *fields, struct rule_results *results)
{
    if (results->n_alerts == RULE_MAX_ALERTS)
        return;
    struct alert alert = {.class = rule->class, .level = rule->level, .time_unix_ns = time_of(subject)};
    const char *given = template_field(fields, "message", 0, subject->arena);
    alert.type = rule->message == MESSAGE_TEXT ? rule->name : rule->message_text;
    if (rule->message == MESSAGE_TEMPLATE)
        alert.body = template_render(subject->settings, rule->message_text, fields, alert.time_unix_ns,
                                     subject->arena);
    else if (rule->message == MESSAGE_TEXT)
        alert.body = template_fill(rule->message_text, fields, alert.time_unix_ns, subject->arena);
    if (rule->message != MESSAGE_ERROR && (!alert.body || !*alert.body))
        return;
    alert.message = alert.body ? alert.body : given ? given : own_message(subject);
    if (rule->message == MESSAGE_ERROR)
        add_context(subject, &alert, fields);
    alert.is_distinct = rule->class == ALERT_TRADE || rule->class == ALERT_INFO;
    alert.is_silent = rule->is_silent;
    if (subject->span || subject->record->has_trace)
        alert.trace_id = text_print_hex(
            subject->arena, subject->span ? subject->span->trace_id : subject->record->trace_id, 16);
    if (subject->span || subject->record->has_span)
        alert.span_id = text_print_hex(subject->arena,
                                       subject->span ? subject->span->span_id : subject->record->span_id, 8);
    results->alerts[results->n_alerts++] = alert;
}

/* ---- measurements ---- */

static void add_measurement(const struct metric_line *metric, const struct attributes *labels,
                            const char *value, struct rule_results *results)
{
    double number;
    if (results->n_measurements == RULE_MAX_MEASUREMENTS || !value || !number_parse(value, &number) ||
        (metric->instrument == WIRE_COUNTER && number < 0))
        return;
    results->measurements[results->n_measurements++] = (struct rule_measurement){
        .instrument = metric->instrument,
        .name = metric->name,
        .unit = metric->unit,
        .value = number,
        .attributes = *labels,
    };
}

/* Without control characters: print_labels() has two of them for itself. */
static struct attributes labels_of(struct subject *subject, const struct metric_line *metric)
{
    struct attributes labels = {0};
    for (uint32_t i = 0; i < metric->n_labels; i++) {
        const char *value = expression_value(subject, metric->labels[i].value);
        char *copy = value ? arena_copy(subject->arena, value, strlen(value)) : NULL;
        for (char *c = copy; c && *c; c++)
            *c = (char)((unsigned char)*c < 0x20 ? ' ' : *c);
        if (copy)
            attribute_set_string(&labels, subject->arena, metric->labels[i].name, copy);
    }
    return labels;
}

/* Values of the labels one after the other, each with a character that none of them has behind it. */
static char *print_labels(struct subject *subject, const struct attributes *labels)
{
    const char *text = "";
    for (uint32_t i = 0; i < labels->n; i++)
        text = arena_printf(subject->arena, "%s%s\x1e%s\x1f", text, labels->items[i].key,
                            labels->items[i].value.string.bytes);
    return arena_copy(subject->arena, text, strlen(text));
}

static struct attributes read_labels(struct subject *subject, const char *text)
{
    struct attributes labels = {0};
    while (*text) {
        size_t n_key = strcspn(text, "\x1e"), n_value = strcspn(text + n_key + 1, "\x1f");
        attribute_set_text(&labels, subject->arena, arena_copy(subject->arena, text, n_key), text + n_key + 1,
                           n_value);
        text += n_key + 1 + n_value + 1;
    }
    return labels;
}

/* Those that a list had and has not any more get the value behind `else`. Of a list that is cut nobody knows. */
static void measure_absent(struct subject *subject, struct metric_line *metric, char **sets, uint32_t n,
                           struct rule_results *results)
{
    char *gone[RULE_MAX_ITEMS];
    uint32_t n_gone = shown_labels_replace(&metric->shown, sets, n, gone);
    for (uint32_t i = 0; i < n_gone; i++) {
        struct attributes labels = read_labels(subject, gone[i]);
        add_measurement(metric, &labels, expression_value(subject, metric->absent), results);
        free(gone[i]);
    }
}

static void measure(struct subject *subject, struct metric_line *metric, const struct items *items,
                    struct rule_results *results)
{
    char *sets[RULE_MAX_ITEMS];
    for (uint32_t i = 0; i < (metric->uses_each ? items->n : 1); i++) {
        subject->each = metric->uses_each ? &items->bodies[i] : NULL;
        struct attributes labels = labels_of(subject, metric);
        if (metric->absent)
            sets[i] = print_labels(subject, &labels);
        add_measurement(metric, &labels, expression_value(subject, metric->value), results);
    }
    subject->each = NULL;
    if (metric->absent && items->is_whole)
        measure_absent(subject, metric, sets, items->n, results);
}

/* ---- attributes of the span ---- */

static bool makes_number(const struct expression *value)
{
    return value->kind == EXPRESSION_CALL && function_is_number(value->function);
}

static void describe(struct subject *subject, const struct rule_entry *rule, struct attributes *attributes)
{
    for (uint32_t i = 0; i < rule->n_attributes; i++) {
        const struct assignment *one = &rule->attributes[i];
        const char *value = expression_value(subject, one->value);
        double number;
        if (!value)
            continue;
        if (!makes_number(one->value) || !number_parse(value, &number))
            attribute_set_string(attributes, subject->arena, one->name, value);
        else if (number >= -1e15 && number <= 1e15 && !fmod(number, 1))
            attribute_set_int(attributes, subject->arena, one->name, (int64_t)number);
        else
            attribute_set_double(attributes, subject->arena, one->name, number);
    }
}

/* ---- what is remembered ---- */

static void remember_one(struct subject *subject, const struct assignment *remember)
{
    const char *value = expression_value(subject, remember->value), *name = remember->name;
    const char *key = remember->key ? expression_value(subject, remember->key) : NULL;
    if (!value || (remember->key && !key))
        return;
    if (key)
        name = arena_printf(subject->arena, "%s[%s]", name, key);
    rule_memory_put(subject->set->memory, name, value);
}

static void remember(struct subject *subject, const struct rule_entry *rule, const struct items *items)
{
    for (uint32_t i = 0; i < rule->n_remembers; i++) {
        const struct assignment *one = &rule->remembers[i];
        bool uses_each = one->value->uses_each || (one->key && one->key->uses_each);
        for (uint32_t j = 0; j < (uses_each ? items->n : 1); j++) {
            subject->each = uses_each ? &items->bodies[j] : NULL;
            remember_one(subject, one);
        }
        subject->each = NULL;
    }
}

static bool is_first_time(struct subject *subject, const struct rule_entry *rule)
{
    const char *key = expression_value(subject, rule->once);
    uint64_t owner = 0;
    if (subject->span)
        memcpy(&owner, subject->span->span_id, sizeof(owner));
    return key &&
           rule_memory_is_new(subject->set->memory,
                              arena_printf(subject->arena, "%s:%u:%s", rule->path, rule->line, key), owner);
}

void rule_act(struct subject *subject, struct rule_entry *rule, struct rule_results *results)
{
    struct items items = {0};
    struct attributes fields = {0};
    if (!conditions_hold(subject, &rule->where, false) ||
        (rule->each && !list_items(subject, rule, &items)) || (rule->once && !is_first_time(subject, rule)))
        return;
    fill_fields(subject, rule, &items, &fields);
    if (rule->message != MESSAGE_NONE && subject->pass != RULES_COUNT)
        raise_alert(subject, rule, &fields, results);
    for (uint32_t i = 0; i < rule->n_metrics && subject->pass != RULES_TELL; i++)
        measure(subject, rule->metrics[i], &items, results);
    if (subject->pass != RULES_TELL)
        describe(subject, rule, &results->attributes);
    if (subject->pass != RULES_COUNT)
        remember(subject, rule, &items);
}
