/*
 * fuzz_said: whatever a record of the program's own words holds, the log record, measurement or span that becomes of it is valid UTF-8,
 * bounded, and says no key twice.
 *
 * Input: a record, whose length, ids and times are made right.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "signals/logs/logs.h"
#include "signals/metrics/custom.h"
#include "signals/metrics/derive.h"
#include "signals/spans/assemble.h"
#include "sources/dropbox/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_BODY (4u * 8192u + 64u) /* what is hidden may be shorter than what says so */

static const struct wire_instrumentation row = {.name = "api", .family = WIRE_INTERNAL};
static struct resource resource = {.n_references = 1000000};
static struct process process = {
    .exe = "/bot", .instrumentations = &row, .n_instrumentations = 1, .resource = &resource};

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

static void check_text(const char *text, size_t n)
{
    check(utf8_valid_bytes(text, n) == n && text[n] == 0 && strlen(text) == n && n <= MAX_BODY);
}

static void check_list(const struct attributes *list)
{
    for (uint32_t i = 0; i < list->n; i++) {
        const struct attribute *item = &list->items[i];
        check(item->key[0]);
        check_text(item->key, strlen(item->key));
        if (item->type == ATTRIBUTE_STRING)
            check_text(item->value.string.bytes, item->value.string.n_bytes);
        for (uint32_t j = 0; j < i; j++)
            check(strcmp(item->key, list->items[j].key) != 0);
    }
}

static void check_log(struct arena *arena, const struct raw_log *raw, const struct settings *settings)
{
    const struct log_record *record = logs_assemble(arena, raw, settings);
    if (record->body.bytes)
        check_text(record->body.bytes, record->body.n_bytes);
    if (record->event_name)
        check_text(record->event_name, strlen(record->event_name));
    check(record->severity >= 0 && record->severity <= 24);
    check(record->has_trace || !record->has_span);
    check_list(&record->attributes);
}

static void check_measurement(struct arena *arena, const struct raw_measurement *raw,
                              const struct settings *settings)
{
    struct custom_measurement measurement;
    const struct custom_notes notes = {NULL, NULL};
    struct metric_set *set = metric_set_create(settings, &resource, 1);
    custom_read(arena, raw, settings, &measurement);
    check_list(&measurement.attributes);
    bool is_counted = custom_measure(set, &measurement, &notes);
    bool is_again = custom_measure(set, &measurement, &notes);
    check(is_counted == is_again && metric_set_count_series() == (is_counted ? 1 : 0));
    derive_settle_all(set);
    struct metric_collection collection = {.n_points = 0};
    metric_set_collect(set, &collection, 2, NULL, false);
    check(collection.n_points == (is_counted ? 1 : 0));
    metric_collection_fini(&collection);
    metric_set_destroy(set);
}

static void check_span(struct arena *arena, const struct raw_span *raw, const struct settings *settings)
{
    const struct span *span = assemble_call(arena, raw, settings);
    check_text(span->name, strlen(span->name));
    check(span->status <= SPAN_ERROR && span->kind >= SPAN_INTERNAL && span->kind <= SPAN_CONSUMER);
    check_list(&span->attributes);
    for (uint32_t i = 0; i < span->n_events; i++) {
        check(span->events[i].time_unix_ns >= span->start_unix_ns &&
              span->events[i].time_unix_ns <= span->end_unix_ns);
        check_list(&span->events[i].attributes);
    }
}

/* What a decoder refuses at once is not what is looked for here. */
static void mend(uint8_t *bytes, uint32_t n)
{
    static const uint16_t kinds[] = {WIRE_RECORD_LOG, WIRE_RECORD_MEASUREMENT, WIRE_RECORD_SPAN};
    struct wire_record record = {.bytes = n, .kind = kinds[bytes[0] % 3]};
    memcpy(bytes, &record, sizeof(record));
    if (record.kind == WIRE_RECORD_LOG) {
        struct wire_log *log = (struct wire_log *)(void *)bytes;
        log->mono_ns |= 1;
        log->instrumentation = 0;
        log->kind = (uint8_t)(1 + log->kind % WIRE_LOG_NOTICE);
        log->severity %= 25;
    } else if (record.kind == WIRE_RECORD_MEASUREMENT) {
        struct wire_measurement *measurement = (struct wire_measurement *)(void *)bytes;
        measurement->mono_ns |= 1;
        measurement->instrumentation = 0;
        measurement->instrument = (uint8_t)(1 + measurement->instrument % WIRE_HISTOGRAM);
        measurement->is_double %= 2;
    } else {
        struct wire_span *span = (struct wire_span *)(void *)bytes;
        span->facts.trace_id[0] |= 1;
        span->facts.span_id[0] |= 1;
        span->facts.instrumentation = 0;
        span->facts.start_mono_ns = 1;
        span->end_mono_ns = 1 + span->end_mono_ns % 5000000;
        span->connection = span->statement = 0;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static _Alignas(8) uint8_t bytes[WIRE_RECORD_MAX];
    static struct record_context context;
    struct record_memory memory = {0};
    struct arena arena = {0};
    struct record record;
    uint32_t n = (uint32_t)(size < sizeof(bytes) ? size : sizeof(bytes)) & ~7u;
    if (n < sizeof(struct wire_span))
        return 0;
    memcpy(bytes, data, n);
    struct settings settings = {.attribute_value_limit = UINT32_MAX, .raw = bytes[1] & 1};
    mend(bytes, n);
    context.process = &process;
    context.max_memory_bytes = 64u << 10;
    switch (record_decode(&context, &memory, bytes, n, &record)) {
    case RECORD_LOG:
        check_log(&arena, &record.log, &settings);
        break;
    case RECORD_MEASUREMENT:
        check_measurement(&arena, &record.measurement, &settings);
        break;
    case RECORD_SPAN:
        check_span(&arena, &record.raw, &settings);
        break;
    default:
        break;
    }
    record_memory_fini(&memory);
    arena_fini(&arena);
    return 0;
}
