/*
 * fuzz_rules: whatever a rules file and bodies hold, rules say what can be sent: valid UTF-8, finite numbers, bounded lists; problems are
 * one line each.
 *
 * Input: a rules file, a 0xff byte, a request's body, a 0xff byte, the response's.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "signals/rules/rules_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void require_text(const char *text)
{
    require(!text || utf8_valid_bytes(text, strlen(text)) == strlen(text));
}

static void note(void *context, const char *line)
{
    (void)context;
    require_text(line);
    for (; *line; line++)
        require((unsigned char)*line >= 0x20 || *line == '\t');
}

static void check(const struct rule_results *results)
{
    require(results->n_alerts <= RULE_MAX_ALERTS && results->n_measurements <= RULE_MAX_MEASUREMENTS);
    for (uint32_t i = 0; i < results->n_alerts; i++) {
        const struct alert *alert = &results->alerts[i];
        require(alert->type && alert->message);
        require_text(alert->type);
        require_text(alert->message);
        require_text(alert->body);
        for (uint32_t j = 0; j < alert->n_context; j++) {
            require_text(alert->context[j].name);
            require_text(alert->context[j].value);
        }
    }
    for (uint32_t i = 0; i < results->n_measurements; i++) {
        const struct rule_measurement *measurement = &results->measurements[i];
        require(*measurement->name && isfinite(measurement->value));
        require_text(measurement->unit);
        for (uint32_t j = 0; j < measurement->attributes.n; j++) {
            require(measurement->attributes.items[j].type == ATTRIBUTE_STRING);
            require_text(measurement->attributes.items[j].key);
            require_text(measurement->attributes.items[j].value.string.bytes);
        }
    }
}

static struct raw_fact fact(enum wire_attribute key, const char *bytes, size_t n)
{
    return (struct raw_fact){
        .key = key, .type = WIRE_BYTES, .bytes = bytes, .n_bytes = (uint32_t)n, .is_cut = n & 1};
}

static void ask(struct rule_set *set, struct arena *arena, const char *request, size_t n_request,
                const char *response, size_t n_response)
{
    static const char url[] = "http://h/v1/orders?market=KRW-BTC&a=1";
    const struct settings settings = {.alerts = {.language = LANGUAGE_KO}};
    struct raw_fact facts[] = {fact(WIRE_URL_FULL, url, sizeof(url) - 1),
                               fact(WIRE_HTTP_REQUEST_BODY, request, n_request),
                               fact(WIRE_HTTP_RESPONSE_BODY, response, n_response)};
    struct raw_span raw = {.facts = facts, .n_facts = 3};
    struct span span = {.name = "POST", .end_unix_ns = 5000000, .start_unix_ns = 1000000};
    struct rule_results results;
    facts[0].is_cut = false;
    attribute_set_string(&span.attributes, arena, "http.request.method", "POST");
    attribute_set_string(&span.attributes, arena, "server.address", "h");
    attribute_set_string(&span.attributes, arena, "url.full", url);
    attribute_set_string(&span.attributes, arena, "db.query.text", "INSERT INTO trades VALUES (?)");
    attribute_set_int(&span.attributes, arena, "http.response.status_code", 201);
    for (int i = 0; i < 2; i++) { /* the second time something is remembered */
        rule_set_span(set, &settings, &raw, &span, RULES_ALL, arena, &results);
        check(&results);
        facts[2].n_bytes /= 2;
    }
    struct text body = text_repaired(arena, response, n_response);
    struct log_record record = {.time_unix_ns = 1, .severity = SEVERITY_ERROR, .body = body};
    rule_set_log(set, &settings, &record, arena, &results);
    check(&results);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena arena;
    const uint8_t *end = memchr(data, 0xff, size);
    const uint8_t *from = end ? end + 1 : data + size;
    size_t n_rest = size - (size_t)(from - data);
    const uint8_t *middle = memchr(from, 0xff, n_rest);
    size_t n_request = middle ? (size_t)(middle - from) : n_rest;
    const char *response = (const char *)from + n_request + (middle ? 1 : 0);
    struct rule_set *set = calloc(1, sizeof(*set));
    char *text = malloc((size_t)(from - data) + 1);
    require(set && text);
    memcpy(text, data, (size_t)(from - data));
    text[end ? (size_t)(end - data) : size] = 0;
    set->memory = rule_memory_create();
    rules_parse(set, "file", text, note, NULL);
    ask(set, &arena, (const char *)from, n_request, response, n_rest - n_request - (middle ? 1 : 0));
    rule_set_destroy(set);
    free(text);
    arena_reset(&arena);
    return 0;
}
