/* metric_parse: the line of a measurement: counter NAME[unit]{label=value,…} = value. */
#include "signals/rules/rules_priv.h"

#include "base/utf8.h"
#include <string.h>

static bool is_metric_character(char c, bool is_first)
{
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return is_letter ||
           (!is_first && ((c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-' || c == '/'));
}

static bool parse_label(struct parser *parser, const char **at, struct metric_line *metric)
{
    const char *name = *at + strspn(*at, " \t");
    size_t n = strcspn(name, "=,} \t");
    const char *equals = name + n + strspn(name + n, " \t");
    parser->problem = "{label=value,label=value} is allowed, 32 labels";
    if (n == 0 || *equals != '=' || metric->n_labels == RULE_MAX_LINES)
        return false;
    struct assignment *label = &metric->labels[metric->n_labels++];
    parser->problem = NULL;
    *at = equals + 1;
    label->name = arena_copy(parser->arena, name, n);
    label->value = expression_parse(parser, at, ",}");
    metric->uses_each |= label->value && label->value->uses_each;
    return label->value != NULL;
}

static bool parse_labels(struct parser *parser, const char **at, struct metric_line *metric)
{
    if (**at != '{')
        return true;
    do {
        ++*at;
        if (!parse_label(parser, at, metric))
            return false;
    } while (**at == ',');
    if (*(*at)++ == '}')
        return true;
    parser->problem = "a } is missing";
    return false;
}

static bool parse_metric_name(struct parser *parser, const char **at, struct metric_line *metric)
{
    const char *name = *at;
    size_t n = 0;
    while (n < 255 && is_metric_character(name[n], n == 0))
        n++;
    metric->name = arena_copy(parser->arena, name, n);
    *at += n;
    if (**at == '[') {
        size_t n_unit = strcspn(*at + 1, "]");
        metric->unit =
            arena_copy(parser->arena, *at + 1, utf8_valid_bytes(*at + 1, n_unit < 63 ? n_unit : 63));
        *at += 1 + n_unit + ((*at)[1 + n_unit] == ']');
    }
    parser->problem = n ? NULL : "a name of letters, digits, _ . - / is allowed";
    return n > 0;
}

/* What follows `= value` of a gauge: `, else 0`. */
static bool parse_absent(struct parser *parser, const char *at, struct metric_line *metric)
{
    if (!*at)
        return true;
    at += 1 + strspn(at + 1, " \t");
    if (metric->instrument == WIRE_GAUGE && metric->uses_each && strncmp(at, "else ", 5) == 0)
        return (metric->absent = expression_parse_all(parser, at + 5)) != NULL;
    parser->problem = "VALUE, and of a gauge with $each in its labels VALUE, else VALUE, is allowed";
    return false;
}

bool metric_parse(struct parser *parser, struct rule_entry *rule, enum wire_instrument instrument,
                  const char *at)
{
    struct metric_line *metric = arena_zalloc(parser->arena, sizeof(*metric));
    metric->instrument = instrument;
    at += strspn(at, " \t");
    if (!parse_metric_name(parser, &at, metric) || !parse_labels(parser, &at, metric))
        return false;
    at += strspn(at, " \t");
    if (*at != '=' || rule->n_metrics == RULE_MAX_LINES) {
        parser->problem = "NAME[unit]{label=value,…} = VALUE is allowed, 32 times in a rule";
        return false;
    }
    at++;
    metric->value = expression_parse(parser, &at, ",");
    if (!metric->value || !parse_absent(parser, at, metric))
        return false;
    metric->uses_each |= metric->value->uses_each;
    rule->metrics[rule->n_metrics++] = metric;
    return true;
}
