/* record: see record.h. */
#include "record.h"

#include "hot.h"
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

HOT void record_copy_connection(struct wire_open_span *open, uint8_t *staged, uint32_t max_bytes,
                                const struct connection *connection)
{
    uint32_t bytes = (uint32_t)sizeof(struct wire_facts) + connection->shared.fact_bytes;
    if (!connection->shared.fact_bytes || open->bytes + bytes > max_bytes)
        return;
    open->bytes += connection_copy_block(connection, staged + open->bytes);
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

struct record_shared record_write_shared(const struct record_place *place, const struct wire_open_span *open,
                                         const uint8_t *staged, struct interned *const marks[2])
{
    struct record_shared shared = {0};
    for (uint16_t i = 0; i < open->n_shared; i++) {
        const struct wire_facts *block = (const struct wire_facts *)(const void *)(staged + shared.from);
        shared.written +=
            write_shared(place->at + shared.written, block, find_mark(marks, block->number), place->lease_id);
        shared.numbers[i] = block->number;
        shared.from += block->record.bytes;
    }
    return shared;
}

void record_commit_slowly(struct thread *thread, const struct wire_open_span *open, const uint8_t *staged,
                          const struct record_end *end)
{
    struct buffer_reservation reservation;
    if (!buffer_reserve_slowly(thread, record_max_bytes(open, end), &reservation))
        return;
    const struct record_place place = {reservation.at, reservation.lease_id};
    buffer_commit(thread, &reservation, record_write(&place, open, staged, end));
}
