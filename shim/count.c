/* count: see count.h. */
#include "count.h"

#include "buffer.h"
#include "lifecycle.h"
#include <string.h>

/* The connection's facts, unless this chunk has them already; returns the bytes written. */
static uint32_t write_connection(const struct buffer_reservation *reservation, struct connection *connection)
{
    if (connection->interned.lease_id == reservation->lease_id)
        return 0;
    uint32_t bytes = connection_copy_block(connection, reservation->at);
    connection->interned.lease_id = reservation->lease_id;
    return bytes;
}

void count_add(uint16_t instrumentation, enum wire_counter counter, int64_t delta,
               struct connection *connection)
{
    const struct dropbox *box = lifecycle_is_active() ? dropbox_file() : NULL;
    if (!box && lifecycle_is_active())
        box = dropbox_open(); /* a connection without a request may be the first that is seen */
    struct thread *thread = box ? thread_get_in(box) : NULL;
    if (connection && !connection->shared.fact_bytes)
        connection = NULL;
    uint32_t max_bytes = (uint32_t)sizeof(struct wire_count);
    if (connection)
        max_bytes += (uint32_t)sizeof(struct wire_facts) + connection->shared.fact_bytes;
    struct buffer_reservation reservation;
    if (!thread || !buffer_reserve_as(thread, max_bytes, DROP_NO_CHUNK_COUNT, &reservation))
        return;
    uint32_t written = connection ? write_connection(&reservation, connection) : 0;
    struct wire_count record = {
        .record = {.bytes = sizeof(record), .kind = WIRE_RECORD_COUNT},
        .mono_ns = thread_now_ns(thread),
        .delta = delta,
        .tid = thread->tid,
        .instrumentation = instrumentation,
        .counter = (uint16_t)counter,
        .connection = connection ? connection->interned.number : 0,
    };
    memcpy(reservation.at + written, &record, sizeof(record));
    buffer_commit(thread, &reservation, written + record.record.bytes);
    dropbox_ring(box, false, record.mono_ns);
}
