/* ruling: rules that a test writes, calls that they are asked about, and what they say as text. */
#ifndef OTELSHIM_RULING_H
#define OTELSHIM_RULING_H

#include "assembling.h"

#include "signals/rules/number.h"
#include "signals/rules/rules.h"
#include <unistd.h>

static struct {
    struct rule_set *set;
    char notes[4000];
    struct settings settings;
    const char *names[2];
    char path[64];
} rules;

static inline void note(void *context, const char *line)
{
    (void)context;
    const char *shown = strncmp(line, rules.path, strlen(rules.path)) == 0 ? line + strlen(rules.path) : line;
    size_t n = strlen(rules.notes);
    snprintf(rules.notes + n, sizeof(rules.notes) - n, "%s\n", shown);
}

/* A profile's name, or "" for what write_rules() wrote. */
static inline void read_rules(const char *name, enum language language)
{
    rule_set_destroy(rules.set);
    rules.names[0] = *name ? name : rules.path;
    rules.settings = given.settings;
    rules.settings.uid = geteuid();
    rules.settings.values[SETTING_OTELSHIM_BODY_BYTES] = "2048";
    rules.settings.alerts =
        (struct alert_settings){.language = language, .rules = {.items = rules.names, .n = 1}};
    *rules.notes = 0;
    rules.set = rule_set_create(&rules.settings, note, NULL);
}

static inline void write_rules(const char *text)
{
    strcpy(rules.path, "/tmp/otelshim-test-rules-XXXXXX");
    int fd = mkstemp(rules.path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    read_rules("", LANGUAGE_EN);
    unlink(rules.path);
}

static inline void body_fact(enum wire_attribute key, const char *bytes, bool is_cut)
{
    given.facts[given.raw.n_facts++] = (struct raw_fact){
        .key = key, .type = WIRE_BYTES, .bytes = bytes, .n_bytes = (uint32_t)strlen(bytes), .is_cut = is_cut};
}

static inline void begin_call(const char *method, const char *url, int64_t status)
{
    begin_http(method, url);
    number(WIRE_HTTP_RESPONSE_STATUS_CODE, status);
}

static inline int compare_measurements(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static inline const char *print_measurement(const struct rule_measurement *measurement)
{
    static const char *const kinds[] = {[WIRE_COUNTER] = "counter",
                                        [WIRE_UP_DOWN_COUNTER] = "updown",
                                        [WIRE_GAUGE] = "gauge",
                                        [WIRE_HISTOGRAM] = "histogram"};
    char value[NUMBER_MAX_BYTES];
    const char *labels = "";
    number_print(measurement->value, "g", 1, value);
    for (uint32_t i = 0; i < measurement->attributes.n; i++)
        labels = arena_printf(&given.arena, "%s%s%s=%s", labels, i ? "," : "",
                              measurement->attributes.items[i].key,
                              measurement->attributes.items[i].value.string.bytes);
    return arena_printf(&given.arena, "%s %s%s%s{%s} %s\n", kinds[measurement->instrument], measurement->name,
                        measurement->unit ? " " : "", measurement->unit ? measurement->unit : "", labels,
                        value);
}

/* Alerts, then measurements in their order. */
static inline const char *print_results(const struct rule_results *results)
{
    const char *text = "";
    for (uint32_t i = 0; i < results->n_alerts; i++) {
        const struct alert *alert = &results->alerts[i];
        text = arena_printf(&given.arena, "%salert %d/%d %s: %s\n", text, (int)alert->class,
                            (int)alert->level, alert->type, alert->message);
        for (uint32_t j = 0; j < alert->n_context; j++)
            text = arena_printf(&given.arena, "%s  %s: %s\n", text, alert->context[j].name,
                                alert->context[j].value);
    }
    for (uint32_t i = 0; i < results->n_measurements; i++)
        text = arena_printf(&given.arena, "%s%s", text, print_measurement(&results->measurements[i]));
    for (uint32_t i = 0; i < results->attributes.n; i++) {
        const struct attribute *item = &results->attributes.items[i];
        const char *value = item->type == ATTRIBUTE_STRING ? item->value.string.bytes
                            : item->type == ATTRIBUTE_INT
                                ? arena_printf(&given.arena, "int %ld", (long)item->value.integer)
                                : arena_printf(&given.arena, "double %g", item->value.number);
        text = arena_printf(&given.arena, "%sattribute %s: %s\n", text, item->key, value);
    }
    return text;
}

static inline const char *ask_pass(enum rule_pass pass)
{
    struct rule_results results;
    if (!rules.set)
        return "no rules";
    rule_set_span(rules.set, &rules.settings, &given.raw, assemble(), pass, &given.arena, &results);
    return print_results(&results);
}

static inline const char *ask(void)
{
    return ask_pass(RULES_ALL);
}

static inline const char *ask_log(const char *body, enum log_severity severity)
{
    struct rule_results results;
    struct log_record record = {
        .time_unix_ns = 1, .severity = severity, .body = {body, (uint32_t)strlen(body)}};
    arena_reset(&given.arena);
    rule_set_log(rules.set, &rules.settings, &record, &given.arena, &results);
    return print_results(&results);
}

static inline int end_rules(void **state)
{
    (void)state;
    rule_set_destroy(rules.set);
    arena_fini(&given.arena);
    return 0;
}

#endif
