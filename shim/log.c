/* log: see log.h. */
#include "log.h"

#include "admit.h"
#include "current.h"

/* Longer records are none: the rest is cut. */
#define FACTS_MAX (WIRE_RECORD_MAX - (uint32_t)sizeof(struct wire_log))

bool log_begin(struct log *log, const struct log_head *head, uint32_t fact_bytes)
{
    log->thread = admit(&log->box);
    if (!log->thread)
        return false;
    log->now_ns = thread_now_ns(log->thread);
    struct span_context context = current_get(log->thread, head->frame, log->now_ns);
    if (fact_bytes > FACTS_MAX)
        fact_bytes = FACTS_MAX;
    if (!buffer_reserve_as(log->thread, (uint32_t)sizeof(struct wire_log) + fact_bytes, DROP_NO_CHUNK_LOG,
                           &log->reservation))
        return false;
    struct wire_log *record = (struct wire_log *)(void *)log->reservation.at;
    *record = (struct wire_log){
        .record = {.kind = WIRE_RECORD_LOG},
        .mono_ns = log->now_ns,
        .tid = log->thread->tid,
        .instrumentation = head->instrumentation,
        .kind = head->kind,
        .severity = head->severity,
        .flags = context.flags,
    };
    memcpy(record->trace_id, context.trace_id, sizeof(record->trace_id));
    memcpy(record->span_id, context.span_id, sizeof(record->span_id));
    log->bytes = 0;
    log->facts = (struct facts){.base = log->reservation.at + sizeof(*record),
                                .bytes = &log->bytes,
                                .max_bytes = fact_bytes,
                                .busy = &log->busy};
    return true;
}

void log_end(struct log *log, bool is_urgent)
{
    struct wire_log *record = (struct wire_log *)(void *)log->reservation.at;
    record->record.bytes = (uint32_t)sizeof(*record) + log->bytes;
    buffer_commit(log->thread, &log->reservation, record->record.bytes);
    dropbox_ring(log->box, is_urgent, log->now_ns);
}
