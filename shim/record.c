/* record: see record.h. */
#include "record.h"

#include "buffer.h"
#include <string.h>

void record_seal_shared(struct wire_open_span *open, uint8_t *staged, struct interned *mark,
                        uint32_t fact_bytes)
{
    struct wire_facts block = {
        .record = {.bytes = (uint32_t)sizeof(block) + fact_bytes, .kind = WIRE_RECORD_FACTS},
        .fact_bytes = fact_bytes,
    };
    if (!mark->number)
        mark->number = connection_new_number();
    block.number = mark->number;
    memcpy(staged + open->bytes, &block, sizeof(block));
    open->bytes += block.record.bytes;
    open->n_shared++;
}

void record_stage_shared(struct wire_open_span *open, uint8_t *staged, uint32_t max_bytes,
                         struct interned *mark, const uint8_t *facts, uint32_t fact_bytes)
{
    if (!fact_bytes || open->bytes + sizeof(struct wire_facts) + fact_bytes > max_bytes)
        return;
    memcpy(staged + open->bytes + sizeof(struct wire_facts), facts, fact_bytes);
    record_seal_shared(open, staged, mark, fact_bytes);
}

/* The mark of a block: by number, so that facts that changed since (another number) do not pass for the new ones. */
static struct interned *find_mark(struct interned *const marks[2], uint32_t number)
{
    for (unsigned i = 0; i < 2; i++)
        if (marks[i] && marks[i]->number == number)
            return marks[i];
    return NULL;
}

/* Writes the block unless this chunk has it already; returns the bytes written. */
static uint32_t write_shared(uint8_t *at, const uint8_t *block, uint32_t bytes, struct interned *mark,
                             uint64_t lease_id)
{
    if (mark && mark->lease_id == lease_id)
        return 0;
    memcpy(at, block, bytes);
    if (mark)
        mark->lease_id = lease_id;
    return bytes;
}

void record_commit(struct thread *thread, const struct wire_open_span *open, const uint8_t *staged,
                   struct interned *const marks[2], enum wire_outcome outcome, uint64_t end_ns)
{
    struct wire_span span = {
        .record = {.kind = WIRE_RECORD_SPAN},
        .facts = open->facts,
        .end_mono_ns = end_ns,
        .outcome = (uint8_t)outcome,
    };
    struct buffer_reservation reservation;
    if (!buffer_reserve(thread, (uint32_t)sizeof(span) + open->bytes, &reservation))
        return;
    uint32_t used = 0, from = 0;
    for (uint16_t i = 0; i < open->n_shared; i++) {
        struct wire_facts block;
        memcpy(&block, staged + from, sizeof(block));
        used += write_shared(reservation.at + used, staged + from, block.record.bytes,
                             find_mark(marks, block.number), reservation.lease_id);
        if (i == 0)
            span.connection = block.number;
        else
            span.statement = block.number;
        from += block.record.bytes;
    }
    uint32_t own_bytes = open->bytes - from;
    span.record.bytes = (uint32_t)sizeof(span) + own_bytes;
    memcpy(reservation.at + used, &span, sizeof(span));
    memcpy(reservation.at + used + sizeof(span), staged + from, own_bytes);
    buffer_commit(thread, &reservation, used + span.record.bytes);
}
