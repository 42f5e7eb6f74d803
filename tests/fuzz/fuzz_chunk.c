/*
 * fuzz_chunk: whatever words and bytes a host leaves in a chunk, nothing outside the copy is read, lengths stay within
 * it, and the walk ends.
 *
 * Input: H, E and the state taken (8 bytes each), then the chunk's bytes; these are also read as the staged facts of
 * an open span.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sources/dropbox/chunk.h"
#include "sources/dropbox/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned sink;

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

/* Every byte that a raw span leads to. */
static void touch(const struct raw_span *raw)
{
    check(raw->n_facts <= RAW_MAX_FACTS);
    check(raw->kind == RAW_ROOT || raw->instrumentation);
    check(raw->kind == RAW_IN_FLIGHT || raw->end_mono_ns >= raw->span.start_mono_ns);
    check(memchr(raw->thread_name, 0, sizeof(raw->thread_name)) != NULL);
    for (uint32_t i = 0; i < raw->n_facts; i++) {
        const struct raw_fact *fact = &raw->facts[i];
        check(fact->type >= WIRE_STRING && fact->type <= WIRE_BYTES);
        for (uint32_t k = 0; k < fact->n_bytes; k++)
            sink += (unsigned char)fact->bytes[k];
    }
}

static void touch_facts(const struct raw_fact *facts, uint32_t n)
{
    check(n <= RAW_MAX_FACTS);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < facts[i].n_bytes; k++)
            sink += (unsigned char)facts[i].bytes[k];
}

static void touch_count(const struct raw_count *count)
{
    check(count->instrumentation && count->counter >= WIRE_OPEN_CONNECTIONS &&
          count->counter <= WIRE_MESSAGES_RECEIVED && count->delta >= -(1ll << 32) &&
          count->delta <= 1ll << 32);
    touch_facts(count->facts, count->n_facts);
}

static void touch_log(const struct raw_log *log)
{
    check(log->instrumentation && log->log.kind >= WIRE_LOG_SYSLOG && log->log.kind <= WIRE_LOG_NOTICE &&
          log->log.severity <= 24 && log->log.mono_ns);
    touch_facts(log->facts, log->n_facts);
}

static void touch_measurement(const struct raw_measurement *measurement)
{
    check(measurement->instrumentation && measurement->measurement.instrument >= WIRE_COUNTER &&
          measurement->measurement.instrument <= WIRE_HISTOGRAM && measurement->measurement.is_double <= 1);
    touch_facts(measurement->facts, measurement->n_facts);
}

static void count_id(void *context, const uint8_t span_id[8], uint64_t end_mono_ns)
{
    (void)end_mono_ns;
    sink += span_id[0];
    ++*(unsigned *)context;
}

static void walk(struct record_context *context, struct record_memory *memory, const uint8_t *bytes,
                 const struct chunk_part *part)
{
    unsigned n_records = 0, n_ids = 0;
    for (uint32_t at = part->from; at < part->to; n_records++) {
        struct record record;
        enum record_result result =
            record_decode(context, memory, bytes + (at - part->from), part->to - at, &record);
        if (result == RECORD_BROKEN)
            break;
        uint32_t n = record.bytes;
        check(n >= 8 && n % 8 == 0 && n <= part->to - at);
        check(memory->bytes <= context->max_memory_bytes);
        if (result == RECORD_SPAN || result == RECORD_ROOT)
            touch(&record.raw);
        if (result == RECORD_COUNT)
            touch_count(&record.count);
        if (result == RECORD_LOG)
            touch_log(&record.log);
        if (result == RECORD_MEASUREMENT)
            touch_measurement(&record.measurement);
        at += n;
        check((chunk_word_at(part, at) & WIRE_BYTES_MASK) * 8 == at);
    }
    record_each_id(bytes, part->to - part->from, count_id, &n_ids);
    check(n_ids <= n_records + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct wire_instrumentation rows[2] = {{.name = "libpq"}, {.name = "libcurl"}};
    static struct record_context context;
    struct process process = {.instrumentations = rows, .n_instrumentations = 2};
    uint64_t words[3];
    if (size < sizeof(words))
        return 0;
    memcpy(words, data, sizeof(words));
    data += sizeof(words);
    size -= sizeof(words);
    context.process = &process;
    context.max_memory_bytes = 32u << 10;
    struct record_memory memory = {0};
    struct chunk_part part;
    if (chunk_compare(words[0], words[1], words[2], &part) == CHUNK_NEW) {
        check(part.from <= part.to && part.to <= WIRE_CHUNK_BYTES);
        check(!chunk_may_acknowledge(words[1], words[2], words[1]));
        if (part.to > size)
            part.to = (uint32_t)size & ~7u;
        if (part.from > part.to)
            part.from = part.to;
        part.word = (part.word & ~WIRE_BYTES_MASK) | part.to / 8;
        uint8_t *copy =
            malloc(part.to - part.from ? part.to - part.from : 1); /* so that a byte too far is seen */
        record_remember(&context, &memory, data, part.from);
        memcpy(copy, data + part.from, part.to - part.from);
        walk(&context, &memory, copy, &part);
        free(copy);
    }
    record_memory_fini(&memory);
    struct wire_open_span open;
    struct raw_span raw;
    if (size < sizeof(open))
        return 0;
    memcpy(&open, data, sizeof(open));
    uint8_t *staged = malloc(size - sizeof(open) ? size - sizeof(open) : 1);
    memcpy(staged, data + sizeof(open), size - sizeof(open));
    if (record_decode_open(&context, &open, staged, (uint32_t)(size - sizeof(open)), &raw))
        touch(&raw);
    free(staged);
    return 0;
}
