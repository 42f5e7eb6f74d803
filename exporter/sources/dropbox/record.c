/* record: see record.h. Every length is checked once, here, before what it covers is looked at. */
#include "sources/dropbox/record.h"

#include <stdlib.h>
#include <string.h>

struct record_shared {
    struct record_shared *next;
    uint64_t serial; /* of all that this exporter ever remembered */
    uint32_t number;
    uint32_t n_facts;
    struct raw_fact facts[]; /* their strings lie behind them */
};

/* Of an id: eight bytes or sixteen. */
static bool is_zero(const uint8_t *bytes, size_t n)
{
    uint64_t word, all = 0;
    for (size_t i = 0; i < n; i += sizeof(word)) {
        memcpy(&word, bytes + i, sizeof(word));
        all |= word;
    }
    return !all;
}

void record_memory_fini(struct record_memory *memory)
{
    for (uint32_t i = 0; i < RECORD_BUCKETS; i++)
        while (memory->buckets[i]) {
            struct record_shared *next = memory->buckets[i]->next;
            free(memory->buckets[i]);
            memory->buckets[i] = next;
        }
    memory->bytes = 0;
}

/* Header of the record at `bytes`; false when it does not lie within n_bytes. */
static bool read_frame(const uint8_t *bytes, uint32_t n_bytes, struct wire_record *ret_record)
{
    if (n_bytes < sizeof(*ret_record))
        return false;
    memcpy(ret_record, bytes, sizeof(*ret_record));
    return ret_record->bytes >= sizeof(*ret_record) && ret_record->bytes % 8 == 0 &&
           ret_record->bytes <= n_bytes;
}

/* The value of one fact. False: a length that its type does not have. An unknown type is 0 bytes of *ret_fact. */
static bool read_value(const struct wire_fact *fact, const uint8_t *value, struct raw_fact *ret_fact)
{
    *ret_fact =
        (struct raw_fact){.key = fact->key, .type = fact->type, .is_cut = (fact->flags & WIRE_FACT_CUT) != 0};
    switch (fact->type) {
    case WIRE_STRING:
    case WIRE_BYTES:
        ret_fact->n_bytes = fact->bytes;
        ret_fact->bytes = (const char *)value;
        return true;
    case WIRE_INT:
        if (fact->bytes != 8)
            return false;
        memcpy(&ret_fact->integer, value, 8);
        return true;
    case WIRE_DOUBLE:
        if (fact->bytes != 8)
            return false;
        memcpy(&ret_fact->number, value, 8);
        return true;
    default:
        ret_fact->type = 0;
        return true;
    }
}

/*
 * Decodes the facts in n_bytes behind the *n there are already. What is more than the room is left out, what has an
 * unknown type skipped. False where a length is wrong; *n then counts the right ones before it.
 */
static bool read_facts(const uint8_t *bytes, uint32_t n_bytes, struct raw_fact *facts, uint32_t max,
                       uint32_t *n)
{
    for (uint32_t at = 0; at < n_bytes;) {
        struct wire_fact fact;
        if (n_bytes - at < sizeof(fact))
            return false;
        memcpy(&fact, bytes + at, sizeof(fact));
        at += sizeof(fact);
        uint32_t padded = (fact.bytes + 7u) & ~7u;
        if (padded > n_bytes - at)
            return false;
        if (*n < max) {
            if (!read_value(&fact, bytes + at, &facts[*n]))
                return false;
            *n += facts[*n].type != 0;
        }
        at += padded;
    }
    return true;
}

static struct record_shared **find_shared(struct record_memory *memory, uint32_t number)
{
    struct record_shared **at = &memory->buckets[number % RECORD_BUCKETS];
    while (*at && (*at)->number != number)
        at = &(*at)->next;
    return at;
}

/* Shared facts outlive the copy they were decoded from: they get one of their own. */
static enum record_result remember(struct record_context *context, struct record_memory *memory,
                                   const uint8_t *bytes, uint32_t n_bytes)
{
    static uint64_t n_remembered; /* loop thread only */
    struct wire_facts block;
    if (n_bytes < sizeof(block))
        return RECORD_INVALID;
    memcpy(&block, bytes, sizeof(block));
    if (!block.number || block.fact_bytes > n_bytes - sizeof(block))
        return RECORD_INVALID;
    struct raw_fact facts[RAW_MAX_FACTS];
    uint32_t n = 0;
    const uint8_t *from = bytes + sizeof(block);
    if (!read_facts(from, block.fact_bytes, facts, RAW_MAX_FACTS, &n))
        return RECORD_INVALID;
    uint32_t need = (uint32_t)(sizeof(struct record_shared) + n * sizeof(facts[0])) + block.fact_bytes;
    struct record_shared **at = find_shared(memory, block.number);
    struct record_shared *old = *at;
    if (memory->bytes + need > context->max_memory_bytes)
        return RECORD_INVALID;
    struct record_shared *shared = malloc(need);
    if (!shared)
        return RECORD_INVALID;
    uint8_t *copy = (uint8_t *)&shared->facts[n];
    memcpy(copy, from, block.fact_bytes);
    for (uint32_t i = 0; i < n; i++) {
        shared->facts[i] = facts[i];
        if (facts[i].bytes)
            shared->facts[i].bytes = (const char *)copy + (facts[i].bytes - (const char *)from);
    }
    shared->serial = ++n_remembered;
    shared->number = block.number;
    shared->n_facts = n;
    shared->next = old ? old->next : NULL;
    *at = shared;
    free(
        old); /* the same number again replaces; its bytes stay counted, which only makes the bound stricter */
    memory->bytes += need;
    return RECORD_NOTHING;
}

/* Returns the block's serial; 0: there is none. */
static uint64_t add_shared(struct record_context *context, struct record_memory *memory, uint32_t number,
                           uint32_t *n)
{
    const struct record_shared *shared = number ? *find_shared(memory, number) : NULL;
    if (!shared)
        return 0;
    uint32_t n_copied = shared->n_facts < RAW_MAX_FACTS - *n ? shared->n_facts : RAW_MAX_FACTS - *n;
    memcpy(&context->facts[*n], shared->facts, n_copied * sizeof(context->facts[0]));
    *n += n_copied;
    return shared->serial;
}

bool record_is_span(const struct process *process, const struct wire_span_facts *span)
{
    return span->instrumentation < process->n_instrumentations &&
           !is_zero(span->trace_id, sizeof(span->trace_id)) &&
           !is_zero(span->span_id, sizeof(span->span_id)) && span->start_mono_ns;
}

static void set_span(struct record_context *context, const struct wire_span_facts *span, struct raw_span *raw)
{
    raw->process = context->process;
    raw->span = *span;
    if (is_zero(span->parent_span_id, sizeof(span->parent_span_id)))
        raw->span.flags &= (uint8_t)~WIRE_SPAN_HAS_PARENT;
    raw->facts = context->facts;
}

static enum record_result decode_span(struct record_context *context, struct record_memory *memory,
                                      const uint8_t *bytes, uint32_t n_bytes, struct raw_span *raw)
{
    struct wire_span span;
    if (n_bytes < sizeof(span))
        return RECORD_INVALID;
    memcpy(&span, bytes, sizeof(span));
    if (!record_is_span(context->process, &span.facts) || span.end_mono_ns < span.facts.start_mono_ns)
        return RECORD_INVALID;
    uint32_t n = 0;
    struct raw_source source = {.bytes = bytes + sizeof(span), .n_bytes = n_bytes - (uint32_t)sizeof(span)};
    source.connection = add_shared(context, memory, span.connection, &n);
    source.statement = add_shared(context, memory, span.statement, &n);
    if (!read_facts(source.bytes, source.n_bytes, context->facts, RAW_MAX_FACTS, &n))
        return RECORD_INVALID;
    set_span(context, &span.facts, raw);
    raw->kind = RAW_SPAN;
    raw->instrumentation = &context->process->instrumentations[span.facts.instrumentation];
    raw->end_mono_ns = span.end_mono_ns;
    raw->source = source;
    raw->outcome = span.outcome <= WIRE_REFUSED ? (enum wire_outcome)span.outcome : WIRE_OK;
    raw->n_facts = n;
    return RECORD_SPAN;
}

static enum record_result decode_root(struct record_context *context, const uint8_t *bytes, uint32_t n_bytes,
                                      struct record *record)
{
    struct raw_span *raw = &record->raw;
    struct wire_root root;
    if (n_bytes < sizeof(root))
        return RECORD_INVALID;
    memcpy(&root, bytes, sizeof(root));
    if (is_zero(root.facts.trace_id, sizeof(root.facts.trace_id)) ||
        is_zero(root.facts.span_id, sizeof(root.facts.span_id)) || !root.facts.start_mono_ns ||
        root.end_mono_ns < root.facts.start_mono_ns)
        return RECORD_INVALID;
    set_span(context, &root.facts, raw);
    raw->kind = RAW_ROOT;
    raw->end_mono_ns = root.end_mono_ns;
    raw->calls = root.calls;
    raw->errors = root.errors;
    memcpy(raw->thread_name, root.thread_name, sizeof(root.thread_name));
    record->slot = root.slot;
    return RECORD_ROOT;
}

/* No honest host counts by more at once. */
#define MAX_DELTA (1ll << 32)
#define MAX_SEVERITY 24u /* SeverityNumber; 0: not said */

static enum record_result decode_count(struct record_context *context, struct record_memory *memory,
                                       const uint8_t *bytes, uint32_t n_bytes, struct raw_count *ret_count)
{
    struct wire_count count;
    if (n_bytes < sizeof(count))
        return RECORD_INVALID;
    memcpy(&count, bytes, sizeof(count));
    if (count.instrumentation >= context->process->n_instrumentations || !count.mono_ns ||
        count.delta > MAX_DELTA || count.delta < -MAX_DELTA)
        return RECORD_INVALID;
    if (count.counter < WIRE_OPEN_CONNECTIONS || count.counter > WIRE_MESSAGES_RECEIVED)
        return RECORD_NOTHING; /* of the future */
    uint32_t n = 0;
    add_shared(context, memory, count.connection, &n);
    if (!read_facts(bytes + sizeof(count), n_bytes - (uint32_t)sizeof(count), context->facts, RAW_MAX_FACTS,
                    &n))
        return RECORD_INVALID;
    *ret_count = (struct raw_count){
        .process = context->process,
        .instrumentation = &context->process->instrumentations[count.instrumentation],
        .counter = (enum wire_counter)count.counter,
        .delta = count.delta,
        .mono_ns = count.mono_ns,
        .facts = context->facts,
        .n_facts = n,
    };
    return RECORD_COUNT;
}

static enum record_result decode_log(struct record_context *context, const uint8_t *bytes, uint32_t n_bytes,
                                     struct raw_log *ret_log)
{
    struct wire_log log;
    uint32_t n = 0;
    if (n_bytes < sizeof(log))
        return RECORD_INVALID;
    memcpy(&log, bytes, sizeof(log));
    if (log.instrumentation >= context->process->n_instrumentations || !log.mono_ns ||
        log.severity > MAX_SEVERITY)
        return RECORD_INVALID;
    if (log.kind < WIRE_LOG_SYSLOG || log.kind > WIRE_LOG_OUTPUT)
        return RECORD_NOTHING; /* of the future */
    if (!read_facts(bytes + sizeof(log), n_bytes - (uint32_t)sizeof(log), context->facts, RAW_MAX_FACTS, &n))
        return RECORD_INVALID;
    *ret_log = (struct raw_log){
        .process = context->process,
        .instrumentation = &context->process->instrumentations[log.instrumentation],
        .log = log,
        .facts = context->facts,
        .n_facts = n,
    };
    return RECORD_LOG;
}

static enum record_result decode_measurement(struct record_context *context, const uint8_t *bytes,
                                             uint32_t n_bytes, struct raw_measurement *ret_measurement)
{
    struct wire_measurement measurement;
    uint32_t n = 0;
    if (n_bytes < sizeof(measurement))
        return RECORD_INVALID;
    memcpy(&measurement, bytes, sizeof(measurement));
    if (measurement.instrumentation >= context->process->n_instrumentations || !measurement.mono_ns ||
        measurement.is_double > 1)
        return RECORD_INVALID;
    if (measurement.instrument < WIRE_COUNTER || measurement.instrument > WIRE_HISTOGRAM)
        return RECORD_NOTHING; /* of the future */
    if (!read_facts(bytes + sizeof(measurement), n_bytes - (uint32_t)sizeof(measurement), context->facts,
                    RAW_MAX_FACTS, &n))
        return RECORD_INVALID;
    *ret_measurement = (struct raw_measurement){
        .process = context->process,
        .instrumentation = &context->process->instrumentations[measurement.instrumentation],
        .measurement = measurement,
        .facts = context->facts,
        .n_facts = n,
    };
    return RECORD_MEASUREMENT;
}

static enum record_result decode_stack(struct record_context *context, const uint8_t *bytes, uint32_t n_bytes,
                                       struct raw_stack *ret_stack)
{
    struct wire_stack stack;
    if (n_bytes < sizeof(stack))
        return RECORD_INVALID;
    memcpy(&stack, bytes, sizeof(stack));
    if (!stack.mono_ns || stack.stack_bytes > WIRE_STACK_MAX || stack.stack_bytes > n_bytes - sizeof(stack) ||
        stack.stack_from > UINT64_MAX - stack.stack_bytes)
        return RECORD_INVALID;
    *ret_stack =
        (struct raw_stack){.process = context->process, .stack = stack, .bytes = bytes + sizeof(stack)};
    return RECORD_STACK;
}

enum record_result record_decode(struct record_context *context, struct record_memory *memory,
                                 const uint8_t *bytes, uint32_t n_bytes, struct record *ret_record)
{
    struct wire_record frame;
    if (!read_frame(bytes, n_bytes, &frame))
        return RECORD_BROKEN;
    ret_record->bytes = frame.bytes;
    switch (frame.kind) {
    case WIRE_RECORD_FACTS:
        return remember(context, memory, bytes, frame.bytes);
    case WIRE_RECORD_SPAN:
        memset(&ret_record->raw, 0, sizeof(ret_record->raw));
        return decode_span(context, memory, bytes, frame.bytes, &ret_record->raw);
    case WIRE_RECORD_ROOT:
        memset(&ret_record->raw, 0, sizeof(ret_record->raw));
        return decode_root(context, bytes, frame.bytes, ret_record);
    case WIRE_RECORD_COUNT:
        return decode_count(context, memory, bytes, frame.bytes, &ret_record->count);
    case WIRE_RECORD_LOG:
        return decode_log(context, bytes, frame.bytes, &ret_record->log);
    case WIRE_RECORD_MEASUREMENT:
        return decode_measurement(context, bytes, frame.bytes, &ret_record->measurement);
    case WIRE_RECORD_STACK:
        return decode_stack(context, bytes, frame.bytes, &ret_record->stack);
    default:
        return RECORD_NOTHING;
    }
}

void record_remember(struct record_context *context, struct record_memory *memory, const uint8_t *bytes,
                     uint32_t n_bytes)
{
    struct wire_record record;
    for (uint32_t at = 0; read_frame(bytes + at, n_bytes - at, &record); at += record.bytes)
        if (record.kind == WIRE_RECORD_FACTS)
            remember(context, memory, bytes + at, record.bytes);
}

bool record_decode_open(struct record_context *context, const struct wire_open_span *open,
                        const uint8_t *staged, uint32_t n_staged, struct raw_span *ret_raw)
{
    if (!record_is_span(context->process, &open->facts))
        return false;
    memset(ret_raw, 0, sizeof(*ret_raw));
    set_span(context, &open->facts, ret_raw);
    ret_raw->kind = RAW_IN_FLIGHT;
    ret_raw->instrumentation = &context->process->instrumentations[open->facts.instrumentation];
    uint32_t at = 0, n = 0;
    bool is_right = true;
    for (uint16_t i = 0; i < open->n_shared && is_right; i++) {
        struct wire_facts block;
        is_right =
            read_frame(staged + at, n_staged - at, &block.record) && block.record.bytes >= sizeof(block);
        if (!is_right)
            break;
        memcpy(&block, staged + at, sizeof(block));
        is_right =
            block.fact_bytes <= block.record.bytes - sizeof(block) &&
            read_facts(staged + at + sizeof(block), block.fact_bytes, context->facts, RAW_MAX_FACTS, &n);
        at += block.record.bytes;
    }
    if (is_right)
        read_facts(staged + at, n_staged - at, context->facts, RAW_MAX_FACTS, &n);
    ret_raw->n_facts = n;
    return true;
}

void record_each_id(const uint8_t *bytes, uint32_t n_bytes,
                    void (*each)(void *context, const uint8_t span_id[8], uint64_t end_mono_ns),
                    void *context)
{
    struct wire_record record;
    for (uint32_t at = 0; read_frame(bytes + at, n_bytes - at, &record); at += record.bytes) {
        /* a span and a root begin alike, up to and with their end */
        struct wire_span span;
        if ((record.kind != WIRE_RECORD_SPAN && record.kind != WIRE_RECORD_ROOT) ||
            record.bytes < sizeof(span))
            continue;
        memcpy(&span, bytes + at, sizeof(span));
        each(context, span.facts.span_id, span.end_mono_ns);
    }
}
