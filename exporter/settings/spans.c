/*
 * spans: what the settings say of single spans: limits, OTELSHIM_KEEP, OTEL_SEMCONV_STABILITY_OPT_IN, OTELSHIM_INCLUDE and
 * OTELSHIM_EXCLUDE.
 */
#include "settings/settings_priv.h"

#include <string.h>

#define MAX_RULES 64u

/* ---- limits: the span's own value, else the general one, else the span's default (OTel spec, "Attribute Limits") ---- */

static uint32_t limit_of(const struct settings *settings, enum setting specific, enum setting general,
                         uint32_t otherwise)
{
    const enum setting order[] = {specific, general};
    uint64_t number;
    for (uint32_t i = 0; i < 2; i++) {
        const char *value = settings->values[order[i]];
        if (value && setting_parse_number(value, INT32_MAX, &number))
            return (uint32_t)number;
    }
    return setting_parse_number(setting_row(general)->standard, INT32_MAX, &number) ? (uint32_t)number
                                                                                    : otherwise;
}

static void understand_limits(struct settings *settings)
{
    settings->attribute_count_limit =
        limit_of(settings, SETTING_OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT, SETTING_OTEL_ATTRIBUTE_COUNT_LIMIT, 0);
    settings->attribute_value_limit = limit_of(settings, SETTING_OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT,
                                               SETTING_OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT, UINT32_MAX);
    settings->span_event_count_limit =
        limit_of(settings, SETTING_OTEL_SPAN_EVENT_COUNT_LIMIT, SETTING_OTEL_SPAN_EVENT_COUNT_LIMIT, 0);
    settings->log_attribute_count_limit = limit_of(settings, SETTING_OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT,
                                                   SETTING_OTEL_ATTRIBUTE_COUNT_LIMIT, 0);
    settings->log_attribute_value_limit =
        limit_of(settings, SETTING_OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT,
                 SETTING_OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT, UINT32_MAX);
    settings->event_attribute_count_limit =
        limit_of(settings, SETTING_OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT, SETTING_OTEL_ATTRIBUTE_COUNT_LIMIT, 0);
}

/* ---- OTELSHIM_KEEP ---- */

static bool parse_duration_ns(const char *text, size_t bytes, uint64_t *ret_ns)
{
    static const struct {
        const char *name;
        uint64_t ns;
    } units[] = {{"us", 1000}, {"ms", 1000000}, {"s", 1000000000}};
    char digits[16];
    size_t n = 0;
    while (n < bytes && n + 1 < sizeof(digits) && text[n] >= '0' && text[n] <= '9') {
        digits[n] = text[n];
        n++;
    }
    digits[n] = 0;
    uint64_t number;
    if (!setting_parse_number(digits, INT32_MAX, &number))
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (setting_words_equal(text + n, bytes - n, units[i].name)) {
            *ret_ns = number * units[i].ns;
            return true;
        }
    return false;
}

static bool parse_keep(struct settings *settings, const char *word, size_t bytes)
{
    static const char slow[] = "slow";
    size_t n = sizeof(slow) - 1;
    if (setting_words_equal(word, bytes, "error")) {
        settings->keep_errors = true;
        return true;
    }
    if (bytes <= n || !setting_words_equal(word, n, slow))
        return false;
    while (n < bytes && word[n] == ' ')
        n++;
    if (n == bytes || word[n] != '>')
        return false;
    for (n++; n < bytes && word[n] == ' '; n++)
        continue;
    return parse_duration_ns(word + n, bytes - n, &settings->keep_slow_ns);
}

static void understand_keep(struct settings *settings)
{
    const enum setting setting = SETTING_OTELSHIM_KEEP;
    const char *cursor = settings->values[setting], *word;
    size_t bytes;
    settings->keep_slow_ns = UINT64_MAX;
    while (setting_next_element(&cursor, &word, &bytes))
        if (bytes && !parse_keep(settings, word, bytes))
            settings_note_element(settings, setting, word, bytes, "word");
}

/* ---- OTEL_SEMCONV_STABILITY_OPT_IN ---- */

/* Without /dup it asks for what is always done. */
static void understand_names(struct settings *settings)
{
    const char *cursor = settings->values[SETTING_OTEL_SEMCONV_STABILITY_OPT_IN], *word;
    size_t bytes;
    while (setting_next_element(&cursor, &word, &bytes)) {
        settings->has_old_http |= setting_words_equal(word, bytes, "http/dup");
        settings->has_old_database |= setting_words_equal(word, bytes, "database/dup");
    }
}

/* ---- rules ---- */

static bool parse_rule(struct settings *settings, const char *text, size_t bytes, struct rule *ret_rule)
{
    static const char *const subjects[] = {
        [RULE_HOST] = "host", [RULE_URL] = "url", [RULE_STATEMENT] = "statement"};
    const char *equals = memchr(text, '=', bytes);
    if (!equals)
        return false;
    size_t n_name = (size_t)(equals - text), n_glob = bytes - n_name - 1;
    const char *glob = equals + 1;
    while (n_name && text[n_name - 1] == ' ')
        n_name--;
    for (; n_glob && *glob == ' '; n_glob--)
        glob++;
    for (uint32_t i = 0; n_glob && i < sizeof(subjects) / sizeof(subjects[0]); i++)
        if (setting_words_equal(text, n_name, subjects[i])) {
            *ret_rule = (struct rule){.subject = (enum rule_subject)i,
                                      .glob = arena_copy(&settings->arena, glob, n_glob)};
            return true;
        }
    return false;
}

static struct rules understand_rules(struct settings *settings, enum setting setting)
{
    const char *cursor = settings->values[setting], *word;
    size_t bytes;
    struct rules rules = {.n = 0};
    struct rule *items = cursor ? arena_alloc(&settings->arena, MAX_RULES * sizeof(*items)) : NULL;
    while (setting_next_element(&cursor, &word, &bytes)) {
        if (!bytes)
            continue;
        if (items && rules.n < MAX_RULES && parse_rule(settings, word, bytes, &items[rules.n])) {
            rules.n++;
            continue;
        }
        settings->has_bad_rule = true;
        settings_note_element(settings, setting, word, bytes, rules.n < MAX_RULES ? "rule" : "65th rule");
    }
    rules.items = items;
    return rules;
}

void settings_understand_spans(struct settings *settings)
{
    understand_limits(settings);
    understand_keep(settings);
    understand_names(settings);
    settings->include = understand_rules(settings, SETTING_OTELSHIM_INCLUDE);
    settings->exclude = understand_rules(settings, SETTING_OTELSHIM_EXCLUDE);
}
