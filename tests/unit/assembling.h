/*
 * assembling: raw facts that a test gives, and the span that is made of them, for tests of signals/spans.
 *
 * Every span that is made here is held against tests/conformance.
 */
#ifndef OTELSHIM_ASSEMBLING_H
#define OTELSHIM_ASSEMBLING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../conformance/conformance.h"
#include "signals/spans/assemble.h"

#define START_NS 1000000000u
#define OFFSET_NS 1700000000000000000

/* What a test builds on. */
static struct {
    struct arena arena;
    struct settings settings;
    struct process process;
    struct wire_instrumentation row;
    struct raw_fact facts[RAW_MAX_FACTS];
    struct raw_span raw;
} given;

static inline void begin(const char *name, const char *system, uint16_t family)
{
    arena_reset(&given.arena);
    given.settings = (struct settings){
        .attribute_count_limit = 128, .span_event_count_limit = 128, .attribute_value_limit = UINT32_MAX};
    given.process = (struct process){.exe = "/opt/bot/trader"};
    given.row = (struct wire_instrumentation){.family = family};
    strcpy(given.row.name, name);
    strcpy(given.row.system, system);
    given.raw = (struct raw_span){.process = &given.process,
                                  .instrumentation = &given.row,
                                  .mono_to_unix_ns = OFFSET_NS,
                                  .end_mono_ns = START_NS + 5000000,
                                  .facts = given.facts};
    given.raw.span.flags = WIRE_SPAN_SAMPLED | WIRE_SPAN_RANDOM | WIRE_SPAN_HAS_PARENT;
    given.raw.span.start_mono_ns = START_NS;
    given.raw.span.tid = 42;
    memset(given.raw.span.trace_id, 1, 16);
    memset(given.raw.span.span_id, 2, 8);
    memset(given.raw.span.parent_span_id, 3, 8);
}

static inline void text(enum wire_attribute key, const char *value)
{
    given.facts[given.raw.n_facts++] = (struct raw_fact){
        .key = key, .type = WIRE_STRING, .bytes = value, .n_bytes = (uint32_t)strlen(value)};
}

static inline void number(enum wire_attribute key, int64_t value)
{
    given.facts[given.raw.n_facts++] = (struct raw_fact){.key = key, .type = WIRE_INT, .integer = value};
}

static inline struct span *assemble(void)
{
    struct span *span = assemble_call(&given.arena, &given.raw, &given.settings);
    assert_non_null(span);
    const char *broken = conformance_check(span);
    if (broken)
        fail_msg("not by the conventions: %s", broken);
    return span;
}

/* "key=value\n"… in their order. */
static inline const char *print(const struct span *span)
{
    static char out[4000];
    size_t at = 0;
    out[0] = 0;
    for (uint32_t i = 0; i < span->attributes.n; i++) {
        const struct attribute *item = &span->attributes.items[i];
        const char *value = item->type == ATTRIBUTE_STRING ? item->value.string.bytes : "true";
        if (item->type == ATTRIBUTE_INT)
            at += (size_t)snprintf(out + at, sizeof(out) - at, "%s=%lld\n", item->key,
                                   (long long)item->value.integer);
        else
            at += (size_t)snprintf(out + at, sizeof(out) - at, "%s=%s\n", item->key, value);
    }
    return out;
}

static inline void begin_http(const char *method, const char *url)
{
    begin("libcurl", "", WIRE_HTTP);
    text(WIRE_URL_FULL, url);
    text(WIRE_HTTP_REQUEST_METHOD, method);
}

static inline void begin_sql(const char *host, const char *port, const char *query)
{
    begin("libpq", "postgresql", WIRE_DATABASE);
    text(WIRE_SERVER_ADDRESS, host);
    text(WIRE_SERVER_PORT, port);
    text(WIRE_DB_NAMESPACE, "trader");
    text(WIRE_DB_USER, "bot");
    if (query)
        text(WIRE_DB_QUERY_TEXT, query);
}

#endif
