/* log: see log.h. */
#include "log.h"

#include "admit.h"
#include "callstack.h"
#include "current.h"
#include "printf_format.h"

/* Longer records are none: the rest is cut. */
#define FACTS_MAX (WIRE_RECORD_MAX - (uint32_t)sizeof(struct wire_log))
/* Room for the words of most. */
#define FEW_FACTS 640u

bool log_begin(struct log *log, const struct log_head *head, uint32_t fact_bytes)
{
    bool is_output = head->kind == WIRE_LOG_OUTPUT;
    log->thread = is_output && lifecycle_is_writing() ? admit_thread(&log->box) : admit(&log->box);
    if (!log->thread)
        return false;
    log->now_ns = thread_now_ns(log->thread);
    if (head->kind == WIRE_LOG_ERROR)
        callstack_copy(log->box, log->thread, NULL, log->now_ns);
    struct span_context context;
    current_get(log->thread, head->frame, log->now_ns, &context);
    if (fact_bytes > FACTS_MAX)
        fact_bytes = FACTS_MAX;
    if (!buffer_reserve_in_as(log->box, log->thread, (uint32_t)sizeof(struct wire_log) + fact_bytes,
                              DROP_NO_CHUNK_LOG, &log->reservation))
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

void log_abandon(struct log *log)
{
    buffer_commit(log->thread, &log->reservation, 0);
}

/* False: the words did not fit, and nothing was recorded. */
static bool try_printf(const struct log_head *head, const struct log_words *words, va_list arguments,
                       uint32_t fact_bytes)
{
    struct log log;
    volatile uint16_t cut = 0;
    if (!log_begin(&log, head, fact_bytes))
        return true;
    log.facts.cut = &cut;
    if (words->has_priority)
        facts_int(&log.facts, WIRE_LOG_PRIORITY, words->priority);
    if (words->identity)
        facts_text(&log.facts, WIRE_LOG_IDENTITY, words->identity);
    if (printf_copy(&log.facts, words->format, arguments))
        facts_int(&log.facts, WIRE_LOG_ERRNO, words->error);
    if (cut && fact_bytes < FACTS_MAX) {
        log_abandon(&log);
        return false;
    }
    log_end(&log, words->is_urgent);
    return true;
}

/* To measure first would be to walk the format twice: nearly all are short. */
void log_printf(const struct log_head *head, const struct log_words *words, va_list arguments)
{
    if (!try_printf(head, words, arguments, FEW_FACTS))
        (void)try_printf(head, words, arguments, FACTS_MAX);
}
