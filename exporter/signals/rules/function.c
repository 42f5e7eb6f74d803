/* function: what may be made of values in a rule. One row and one function each. */
#include "signals/rules/rules_priv.h"

#include "signals/rules/number.h"
#include "signals/rules/templates.h"
#include <math.h>
#include <string.h>

typedef const char *(*function_fn)(struct subject *subject, const struct expression *call);

static const char *argument(struct subject *subject, const struct expression *call, uint32_t i)
{
    return expression_value(subject, call->arguments[i]);
}

static bool number_of(struct subject *subject, const struct expression *call, uint32_t i, double *ret_number)
{
    const char *text = argument(subject, call, i);
    return text && number_parse(text, ret_number);
}

static const char *print(struct subject *subject, double number)
{
    char text[NUMBER_MAX_BYTES];
    if (!isfinite(number))
        return NULL;
    number_print(number, "g", 1, text);
    return arena_copy(subject->arena, text, strlen(text));
}

/* bucket(x, 40, 70): low, medium from 40, high from 70. */
static const char *bucket(struct subject *subject, const struct expression *call)
{
    double x, medium, high;
    if (!number_of(subject, call, 0, &x) || !number_of(subject, call, 1, &medium) ||
        !number_of(subject, call, 2, &high))
        return NULL;
    return x >= high ? "high" : x >= medium ? "medium" : "low";
}

/* map(x, word:value, >=70:value, *:value) */
static const char *map(struct subject *subject, const struct expression *call)
{
    const char *value = argument(subject, call, 0);
    for (uint32_t i = 1; i + 1 < call->n_arguments; i += 2) {
        const char *word = call->arguments[i]->text;
        if (template_is_case(value, word, strlen(word)))
            return argument(subject, call, i + 1);
    }
    return NULL;
}

static const char *first_of(struct subject *subject, const struct expression *call)
{
    const char *value = NULL;
    for (uint32_t i = 0; i < call->n_arguments && (!value || !*value); i++)
        value = argument(subject, call, i);
    return value;
}

static const char *join(struct subject *subject, const struct expression *call)
{
    const char *joined = "";
    for (uint32_t i = 0; i < call->n_arguments; i++) {
        const char *value = argument(subject, call, i);
        if (!value)
            return NULL;
        joined = arena_printf(subject->arena, "%s%s", joined, value);
    }
    return joined;
}

/* Without the separator in it: the whole; after() nothing. */
static const char *before(struct subject *subject, const struct expression *call)
{
    const char *value = argument(subject, call, 0), *separator = argument(subject, call, 1);
    const char *found = value && separator && *separator ? strstr(value, separator) : NULL;
    return found ? arena_copy(subject->arena, value, (size_t)(found - value)) : value;
}

static const char *after(struct subject *subject, const struct expression *call)
{
    const char *value = argument(subject, call, 0), *separator = argument(subject, call, 1);
    const char *found = value && separator && *separator ? strstr(value, separator) : NULL;
    return found ? found + strlen(separator) : NULL;
}

static const char *change_case(struct subject *subject, const struct expression *call, char from, char to)
{
    const char *value = argument(subject, call, 0);
    char *changed = value ? arena_copy(subject->arena, value, strlen(value)) : NULL;
    for (char *c = changed; c && *c; c++)
        if (*c >= from && *c <= from + 25)
            *c = (char)(*c - from + to);
    return changed;
}

static const char *upper(struct subject *subject, const struct expression *call)
{
    return change_case(subject, call, 'a', 'A');
}

static const char *lower(struct subject *subject, const struct expression *call)
{
    return change_case(subject, call, 'A', 'a');
}

static const char *number(struct subject *subject, const struct expression *call)
{
    double value;
    return number_of(subject, call, 0, &value) ? print(subject, value) : NULL;
}

/* format(x, ",.0f") */
static const char *format(struct subject *subject, const struct expression *call)
{
    char text[NUMBER_MAX_BYTES];
    double value;
    const char *how = argument(subject, call, 1);
    if (!how || !number_of(subject, call, 0, &value))
        return NULL;
    number_print(value, how, strlen(how), text);
    return arena_copy(subject->arena, text, strlen(text));
}

static const char *calculate(struct subject *subject, const struct expression *call)
{
    double a, b;
    if (!number_of(subject, call, 0, &a) || !number_of(subject, call, 1, &b))
        return NULL;
    switch (call->function) {
    case FUNCTION_ADD:
        return print(subject, a + b);
    case FUNCTION_SUB:
        return print(subject, a - b);
    case FUNCTION_MUL:
        return print(subject, a * b);
    default:
        return print(subject, a / b);
    }
}

/* Of a list that is whole. */
static const char *count(struct subject *subject, const struct expression *call)
{
    struct body list;
    if (!reference_body(subject, call->arguments[0], &list) || list.is_cut || body_kind(&list) != BODY_ARRAY)
        return NULL;
    return print(subject, body_list(&list, NULL, UINT32_MAX));
}

/* sum($response/trades, /funds): of a list that is whole, and has the number everywhere. */
static const char *sum(struct subject *subject, const struct expression *call)
{
    struct body list, items[RULE_MAX_ITEMS], value;
    const char *pointer = argument(subject, call, 1);
    double total = 0, one;
    if (!pointer || !reference_body(subject, call->arguments[0], &list) || list.is_cut ||
        body_kind(&list) != BODY_ARRAY || body_list(&list, NULL, UINT32_MAX) > RULE_MAX_ITEMS)
        return NULL;
    uint32_t n = body_list(&list, items, RULE_MAX_ITEMS);
    for (uint32_t i = 0; i < n; i++) {
        const char *text =
            body_find(&items[i], pointer, subject->arena, &value) ? body_print(&value, subject->arena) : NULL;
        if (!text || !number_parse(text, &one))
            return NULL;
        total += one;
    }
    return print(subject, total);
}

static const char *has(struct subject *subject, const struct expression *call)
{
    const char *value = argument(subject, call, 0);
    return value && *value ? "true" : "false";
}

/* words(LIST, x) */
static const char *words(struct subject *subject, const struct expression *call)
{
    const struct word_list *list = words_find(subject->set, call->arguments[0]->text);
    const char *value = argument(subject, call, 1);
    return value && list ? words_look_up(list, value) : NULL;
}

static const struct {
    const char *name;
    uint8_t min, max;
    function_fn call;
    const char *allowed;
} functions[N_FUNCTIONS] = {
    [FUNCTION_BUCKET] = {"bucket", 3, 3, bucket, "bucket(NUMBER, MEDIUM, HIGH) is allowed"},
    [FUNCTION_MAP] = {"map", 3, EXPRESSION_MAX_ARGUMENTS, map, "map(VALUE, word:text, *:text) is allowed"},
    [FUNCTION_DEFAULT] = {"default", 2, EXPRESSION_MAX_ARGUMENTS, first_of,
                          "default(VALUE, VALUE) is allowed"},
    [FUNCTION_JOIN] = {"join", 1, EXPRESSION_MAX_ARGUMENTS, join, "join(VALUE, VALUE, …) is allowed"},
    [FUNCTION_BEFORE] = {"before", 2, 2, before, "before(VALUE, \"-\") is allowed"},
    [FUNCTION_AFTER] = {"after", 2, 2, after, "after(VALUE, \"-\") is allowed"},
    [FUNCTION_UPPER] = {"upper", 1, 1, upper, "upper(VALUE) is allowed"},
    [FUNCTION_LOWER] = {"lower", 1, 1, lower, "lower(VALUE) is allowed"},
    [FUNCTION_NUMBER] = {"number", 1, 1, number, "number(VALUE) is allowed"},
    [FUNCTION_FORMAT] = {"format", 2, 2, format, "format(NUMBER, \",.0f\") is allowed"},
    [FUNCTION_ADD] = {"add", 2, 2, calculate, "add(NUMBER, NUMBER) is allowed"},
    [FUNCTION_SUB] = {"sub", 2, 2, calculate, "sub(NUMBER, NUMBER) is allowed"},
    [FUNCTION_MUL] = {"mul", 2, 2, calculate, "mul(NUMBER, NUMBER) is allowed"},
    [FUNCTION_DIV] = {"div", 2, 2, calculate, "div(NUMBER, NUMBER) is allowed"},
    [FUNCTION_COUNT] = {"count", 1, 1, count, "count($response/list) is allowed"},
    [FUNCTION_SUM] = {"sum", 2, 2, sum, "sum($response/list, /pointer) is allowed"},
    [FUNCTION_WORDS] = {"words", 2, 2, words, "words(NAME, VALUE) is allowed, of [words NAME] above"},
    [FUNCTION_HAS] = {"has", 1, 1, has, "has(VALUE) is allowed"},
};

bool function_find(const char *name, size_t bytes, enum function *ret_function)
{
    for (uint32_t i = 0; i < N_FUNCTIONS; i++)
        if (strlen(functions[i].name) == bytes && memcmp(functions[i].name, name, bytes) == 0) {
            *ret_function = (enum function)i;
            return true;
        }
    return false;
}

bool function_is_number(enum function function)
{
    return function == FUNCTION_NUMBER || (function >= FUNCTION_ADD && function <= FUNCTION_SUM);
}

/* sum(), count(): what they look into; words(): which; format(): how. */
static bool has_right_kinds(const struct parser *parser, const struct expression *call)
{
    const struct expression *first = call->arguments[0];
    if (call->function == FUNCTION_COUNT || call->function == FUNCTION_SUM)
        return first->kind == EXPRESSION_REFERENCE && first->reference <= REFERENCE_EACH;
    if (call->function == FUNCTION_WORDS)
        return first->kind == EXPRESSION_TEXT && words_find(parser->set, first->text);
    if (call->function == FUNCTION_FORMAT)
        return call->arguments[1]->kind == EXPRESSION_TEXT &&
               number_is_format(call->arguments[1]->text, strlen(call->arguments[1]->text));
    return true;
}

bool function_check(struct parser *parser, const struct expression *call)
{
    uint32_t n = call->n_arguments;
    if (n >= functions[call->function].min && n <= functions[call->function].max &&
        has_right_kinds(parser, call))
        return true;
    parser->problem = functions[call->function].allowed;
    return false;
}

const char *function_value(struct subject *subject, const struct expression *call)
{
    return functions[call->function].call(subject, call);
}
