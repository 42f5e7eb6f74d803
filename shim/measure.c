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

static uint32_t fact_bytes_of(const struct otelshim_metric *metric, const struct attribute_list *list)
{
    uint32_t bytes = facts_size(attribute_text_bytes(metric->name)) + attribute_list_size(list);
    if (metric->unit)
        bytes += facts_size(attribute_text_bytes(metric->unit));
    if (metric->description)
        bytes += facts_size(attribute_text_bytes(metric->description));
    return bytes < FACTS_MAX ? bytes : FACTS_MAX;
}

static uint32_t copy_facts(uint8_t *at, uint32_t max_bytes, const struct otelshim_metric *metric,
                           const struct attribute_list *list)
{
    volatile uint32_t bytes = 0, busy;
    struct facts facts = {.base = at, .bytes = &bytes, .max_bytes = max_bytes, .busy = &busy};
    facts_string(&facts, WIRE_METRIC_NAME, metric->name, attribute_text_bytes(metric->name));
    if (metric->unit)
        facts_string(&facts, WIRE_METRIC_UNIT, metric->unit, attribute_text_bytes(metric->unit));
    if (metric->description)
        facts_string(&facts, WIRE_METRIC_DESCRIPTION, metric->description,
                     attribute_text_bytes(metric->description));
    attribute_list_copy(&facts, list);
    return bytes;
}

void measure(const struct otelshim_metric *metric, uint64_t value, bool is_double,
             const struct attribute_list *list, const void *frame)
{
    bool is_known = metric && metric->name && metric->name[0] && metric->instrument >= OTELSHIM_COUNTER &&
                    metric->instrument <= OTELSHIM_HISTOGRAM;
    const struct dropbox *box;
    struct thread *thread = is_known ? admit(&box) : NULL;
    if (!thread)
        return;
    uint64_t now_ns = thread_now_ns(thread);
    struct span_context context = current_get(thread, frame, now_ns);
    uint32_t fact_bytes = fact_bytes_of(metric, list);
    struct buffer_reservation reservation;
    if (!buffer_reserve_as(thread, (uint32_t)sizeof(struct wire_measurement) + fact_bytes,
                           DROP_NO_CHUNK_COUNT, &reservation))
        return;
    struct wire_measurement *record = (struct wire_measurement *)(void *)reservation.at;
    *record = (struct wire_measurement){
        .record = {.kind = WIRE_RECORD_MEASUREMENT},
        .mono_ns = now_ns,
        .value = value,
        .tid = thread->tid,
        .instrumentation = INSTRUMENT_api,
        .instrument = (uint8_t)metric->instrument,
        .is_double = is_double,
        .flags = context.flags,
    };
    memcpy(record->trace_id, context.trace_id, sizeof(record->trace_id));
    memcpy(record->span_id, context.span_id, sizeof(record->span_id));
    record->record.bytes =
        (uint32_t)sizeof(*record) + copy_facts(reservation.at + sizeof(*record), fact_bytes, metric, list);
    buffer_commit(thread, &reservation, record->record.bytes);
    dropbox_ring(box, false, now_ns);
}
