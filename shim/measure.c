/* measure: see measure.h. */
#include "measure.h"

#include "admit.h"
#include "buffer.h"
#include "current.h"
#include "instrument/instrument.h"

static_assert((int)OTELSHIM_COUNTER == (int)WIRE_COUNTER &&
                  (int)OTELSHIM_UP_DOWN_COUNTER == (int)WIRE_UP_DOWN_COUNTER &&
                  (int)OTELSHIM_GAUGE == (int)WIRE_GAUGE && (int)OTELSHIM_HISTOGRAM == (int)WIRE_HISTOGRAM,
              "instruments go out as they are");

#define FACTS_MAX (WIRE_RECORD_MAX - (uint32_t)sizeof(struct wire_measurement))

/* The texts of a metric, measured once. */
struct texts {
    size_t name_bytes, unit_bytes, description_bytes;
    uint32_t size;
};

static struct texts measure_texts(const struct otelshim_metric *metric)
{
    struct texts texts = {.name_bytes = attribute_text_bytes(metric->name)};
    texts.size = facts_size(texts.name_bytes);
    if (metric->unit) {
        texts.unit_bytes = attribute_text_bytes(metric->unit);
        texts.size += facts_size(texts.unit_bytes);
    }
    if (metric->description) {
        texts.description_bytes = attribute_text_bytes(metric->description);
        texts.size += facts_size(texts.description_bytes);
    }
    return texts;
}

static void copy_texts(struct facts *facts, const struct otelshim_metric *metric, const struct texts *texts)
{
    facts_string(facts, WIRE_METRIC_NAME, metric->name, texts->name_bytes);
    if (metric->unit)
        facts_string(facts, WIRE_METRIC_UNIT, metric->unit, texts->unit_bytes);
    if (metric->description)
        facts_string(facts, WIRE_METRIC_DESCRIPTION, metric->description, texts->description_bytes);
}

static bool is_known(const struct otelshim_metric *metric)
{
    return metric && metric->name && metric->name[0] && metric->instrument >= OTELSHIM_COUNTER &&
           metric->instrument <= OTELSHIM_HISTOGRAM;
}

static void fill(struct wire_measurement *record, const struct thread *thread,
                 const struct span_context *context)
{
    record->record.kind = WIRE_RECORD_MEASUREMENT;
    record->record.flags = 0;
    memcpy(record->trace_id, context->trace_id, sizeof(record->trace_id));
    memcpy(record->span_id, context->span_id, sizeof(record->span_id));
    record->tid = thread->tid;
    record->instrumentation = INSTRUMENT_api;
    record->flags = context->flags;
    memset(record->reserved, 0, sizeof(record->reserved));
}

void measure(const struct otelshim_metric *metric, uint64_t value, bool is_double,
             const struct attribute_list *list, const void *frame)
{
    const struct dropbox *box;
    struct thread *thread = is_known(metric) ? admit(&box) : NULL;
    if (!thread)
        return;
    uint64_t now_ns = thread_now_ns(thread);
    struct span_context context;
    current_get(thread, frame, now_ns, &context);
    struct texts texts = measure_texts(metric);
    uint32_t fact_bytes = texts.size + list->size < FACTS_MAX ? texts.size + list->size : FACTS_MAX;
    volatile uint32_t bytes = 0, busy;
    struct buffer_reservation reservation;
    if (!buffer_reserve_in_as(box, thread, (uint32_t)sizeof(struct wire_measurement) + fact_bytes,
                              DROP_NO_CHUNK_COUNT, &reservation))
        return;
    struct wire_measurement *record = (struct wire_measurement *)(void *)reservation.at;
    struct facts facts = {
        .base = reservation.at + sizeof(*record), .bytes = &bytes, .max_bytes = fact_bytes, .busy = &busy};
    fill(record, thread, &context);
    record->mono_ns = now_ns;
    record->value = value;
    record->instrument = (uint8_t)metric->instrument;
    record->is_double = is_double;
    copy_texts(&facts, metric, &texts);
    attribute_list_copy(&facts, list);
    record->record.bytes = (uint32_t)sizeof(*record) + bytes;
    buffer_commit(thread, &reservation, record->record.bytes);
    dropbox_ring(box, false, now_ns);
}
