/* expression_value: what a reference of a rule stands for in one call or log line. */
#include "signals/rules/rules_priv.h"

#include "signals/rules/templates.h"
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define NS_PER_S 1000000000.0
#define NS_PER_MS 1000000.0

/* ---- bodies ---- */

static struct body body_of_fact(const struct raw_span *raw, enum wire_attribute key)
{
    const struct raw_fact *fact = raw ? raw_span_find(raw, key) : NULL;
    return fact && fact->bytes ? body_of(fact->bytes, fact->n_bytes, fact->is_cut) : (struct body){0};
}

/* Of standard output the line as it was: of JSON the body is only its message. */
static const struct text *line_of(const struct log_record *record)
{
    return record->line.bytes ? &record->line : &record->body;
}

bool reference_body(struct subject *subject, const struct expression *expression, struct body *ret_value)
{
    struct body body = {0};
    if (expression->kind != EXPRESSION_REFERENCE)
        return false;
    if (expression->reference == REFERENCE_REQUEST)
        body = body_of_fact(subject->raw, WIRE_HTTP_REQUEST_BODY);
    else if (expression->reference == REFERENCE_RESPONSE)
        body = body_of_fact(subject->raw, WIRE_HTTP_RESPONSE_BODY);
    else if (expression->reference == REFERENCE_BODY && subject->record)
        body = body_of(line_of(subject->record)->bytes, line_of(subject->record)->n_bytes, false);
    else if (expression->reference == REFERENCE_EACH && subject->each)
        body = *subject->each;
    return body.bytes && body_find(&body, expression->text, subject->arena, ret_value);
}

static const char *value_in_body(struct subject *subject, const struct expression *expression)
{
    struct body value;
    if (expression->reference == REFERENCE_BODY && !*expression->text)
        return subject->record ? line_of(subject->record)->bytes : NULL;
    return reference_body(subject, expression, &value) ? body_print(&value, subject->arena) : NULL;
}

/* ---- attributes ---- */

static const char *attribute_value(struct subject *subject, const char *key)
{
    return template_field(subject->attributes, key, 0, subject->arena);
}

/* As url.full has it: secrets are REDACTED there. */
static const char *query_value(struct subject *subject, const char *name)
{
    const struct attribute *url = attribute_find(subject->attributes, "url.full");
    const char *mark = url && url->type == ATTRIBUTE_STRING ? strchr(url->value.string.bytes, '?') : NULL;
    if (!mark)
        return NULL;
    struct body query = {.bytes = mark + 1, .n_bytes = strcspn(mark + 1, "#"), .is_form = true}, value;
    return body_find_in_form(&query, name, subject->arena, &value) ? value.bytes : NULL;
}

static const char *header_value(struct subject *subject, const char *name)
{
    static const char *const prefixes[] = {"http.response.header.", "http.request.header."};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        char *key = arena_printf(subject->arena, "%s%s", prefixes[i], name);
        for (char *c = key; *c; c++)
            *c = (char)(*c >= 'A' && *c <= 'Z' ? *c | 0x20 : *c);
        const char *value = attribute_value(subject, key);
        if (value)
            return value;
    }
    return NULL;
}

/* ---- the rest ---- */

static const char *captured_name(const struct subject *subject, const char *name)
{
    if (!*name)
        return subject->path;
    for (uint32_t i = 0; i < subject->n_captures; i++)
        if (subject->captures[i].name && strcmp(subject->captures[i].name, name) == 0)
            return subject->captures[i].text;
    return NULL;
}

static const char *captured_number(const struct subject *subject, const char *digit)
{
    uint32_t i = (uint32_t)(*digit - '1');
    return i < subject->n_captures && !subject->captures[i].name ? subject->captures[i].text : NULL;
}

static const char *duration(const struct subject *subject, double ns_per_unit)
{
    if (!subject->span)
        return NULL;
    double ns = subject->span->end_unix_ns > subject->span->start_unix_ns
                    ? (double)(subject->span->end_unix_ns - subject->span->start_unix_ns)
                    : 0;
    return arena_printf(subject->arena, "%.6f", ns / ns_per_unit);
}

static const char *memory_value(struct subject *subject, const struct expression *reference)
{
    const char *name = reference->text;
    if (reference->n_arguments) {
        const char *key = expression_value(subject, reference->arguments[0]);
        if (!key)
            return NULL;
        name = arena_printf(subject->arena, "%s[%s]", name, key);
    }
    return rule_memory_get(subject->set->memory, name);
}

static const char *trace_id(const struct subject *subject)
{
    if (subject->span)
        return text_print_hex(subject->arena, subject->span->trace_id, 16);
    return subject->record->has_trace ? text_print_hex(subject->arena, subject->record->trace_id, 16) : NULL;
}

static const char *reference_value(struct subject *subject, const struct expression *expression)
{
    switch (expression->reference) {
    case REFERENCE_REQUEST:
    case REFERENCE_RESPONSE:
    case REFERENCE_BODY:
    case REFERENCE_EACH:
        return value_in_body(subject, expression);
    case REFERENCE_QUERY:
        return query_value(subject, expression->text);
    case REFERENCE_HEADER:
        return header_value(subject, expression->text);
    case REFERENCE_PATH:
        return captured_name(subject, expression->text);
    case REFERENCE_ATTRIBUTE:
        return attribute_value(subject, expression->text);
    case REFERENCE_MEMORY:
        return memory_value(subject, expression);
    case REFERENCE_CAPTURE:
        return captured_number(subject, expression->text);
    case REFERENCE_DURATION_MS:
        return duration(subject, NS_PER_MS);
    case REFERENCE_DURATION_S:
        return duration(subject, NS_PER_S);
    case REFERENCE_NAME:
        return subject->span ? subject->span->name : NULL;
    case REFERENCE_SEVERITY:
        return subject->record ? arena_printf(subject->arena, "%d", (int)subject->record->severity) : NULL;
    case REFERENCE_EVENT:
        return subject->record ? subject->record->event_name : NULL;
    case REFERENCE_TRACE_ID:
        return trace_id(subject);
    }
    return NULL;
}

const char *expression_value(struct subject *subject, const struct expression *expression)
{
    switch (expression->kind) {
    case EXPRESSION_TEXT:
        return expression->text;
    case EXPRESSION_REFERENCE:
        return reference_value(subject, expression);
    case EXPRESSION_CALL:
        return function_value(subject, expression);
    }
    return NULL;
}
