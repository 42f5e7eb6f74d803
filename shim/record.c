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

void record_stage_connection(struct wire_open_span *open, uint8_t *staged, uint32_t max_bytes,
                             const struct connection *connection)
{
    uint32_t bytes = (uint32_t)sizeof(struct wire_facts) + connection->shared.fact_bytes;
    if (!connection->shared.fact_bytes || open->bytes + bytes > max_bytes)
        return;
    struct wire_facts *block = (struct wire_facts *)(void *)(staged + open->bytes);
    memcpy(block, &connection->shared, bytes); /* the facts lie behind their head */
    block->record.bytes = bytes;
    open->bytes += bytes;
    open->n_shared++;
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
static uint32_t write_shared(uint8_t *at, const struct wire_facts *block, struct interned *mark,
                             uint64_t lease_id)
{
    if (mark && mark->lease_id == lease_id)
        return 0;
    memcpy(at, block, block->record.bytes);
    if (mark)
        mark->lease_id = lease_id;
    return block->record.bytes;
}

/* The shared blocks that this chunk has not got yet, before the record that refers to them; returns their bytes. */
static uint32_t write_shared_blocks(const struct buffer_reservation *reservation,
                                    const struct wire_open_span *open, const uint8_t *staged,
                                    struct interned *const marks[2], uint32_t ret_numbers[2],
                                    uint32_t *ret_from)
{
    uint32_t used = 0, from = 0;
    for (uint16_t i = 0; i < open->n_shared; i++) {
        const struct wire_facts *block = (const struct wire_facts *)(const void *)(staged + from);
        used += write_shared(reservation->at + used, block, find_mark(marks, block->number),
                             reservation->lease_id);
        ret_numbers[i] = block->number;
        from += block->record.bytes;
    }
    *ret_from = from;
    return used;
}

void record_commit(struct thread *thread, const struct wire_open_span *open, const uint8_t *staged,
                   struct interned *const marks[2], enum wire_outcome outcome, uint64_t end_ns)
{
    struct buffer_reservation reservation;
    if (!buffer_reserve(thread, (uint32_t)sizeof(struct wire_span) + open->bytes, &reservation))
        return;
    uint32_t numbers[2] = {0, 0}, from;
    uint32_t used = write_shared_blocks(&reservation, open, staged, marks, numbers, &from);
    uint32_t own_bytes = open->bytes - from;
    struct wire_span *span = (struct wire_span *)(void *)(reservation.at + used);
    span->record =
        (struct wire_record){.bytes = (uint32_t)sizeof(*span) + own_bytes, .kind = WIRE_RECORD_SPAN};
    span->facts = open->facts;
    span->end_mono_ns = end_ns;
    span->connection = numbers[0];
    span->statement = numbers[1];
    span->outcome = (uint8_t)outcome;
    memset(span->reserved, 0, sizeof(span->reserved));
    memcpy(span + 1, staged + from, own_bytes);
    buffer_commit(thread, &reservation, used + span->record.bytes);
}
