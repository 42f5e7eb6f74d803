/*
 * slots: thread and operation slots of a client that were ever used. Read live: what changes while it is read is torn,
 * and the caller's to notice (`sequence`, or reading it twice).
 */
#include "sources/dropbox/dropbox_priv.h"

#include <errno.h>
#include <unistd.h>

/*
 * The next entry at or behind `index` on whose pages anything was ever written; n when there is none. Asked of the
 * file system, so that a thousand empty slots cost nothing.
 */
static uint32_t next_touched(const struct client *client, uint64_t offset, uint32_t entry_bytes, uint32_t n,
                             uint32_t index)
{
    if (index >= n)
        return n;
    off_t from = (off_t)(offset + (uint64_t)index * entry_bytes);
    off_t at = lseek(client->fd, from, SEEK_DATA);
    if (at < 0)
        return errno == ENXIO ? n : index;
    uint64_t found = at <= from ? index : ((uint64_t)at - offset) / entry_bytes;
    return found < n ? (uint32_t)found : n;
}

uint32_t slots_next_thread(const struct client *client, uint32_t index)
{
    return next_touched(client, client->layout.thread_slots, WIRE_THREAD_SLOT_BYTES,
                        client->layout.n_thread_slots, index);
}

uint32_t slots_next_operation(const struct client *client, uint32_t index)
{
    return next_touched(client, client->layout.operation_slots, WIRE_OPERATION_SLOT_BYTES,
                        client->layout.n_operation_slots, index);
}

bool slots_read_head(struct client *client, uint32_t slot, struct wire_thread_slot *ret_head)
{
    return client_read(client, ret_head, SLOT_HEAD_BYTES,
                       client->layout.thread_slots + (uint64_t)slot * WIRE_THREAD_SLOT_BYTES);
}

bool slots_read_operation(struct client *client, uint32_t slot, struct wire_operation_slot *ret_operation)
{
    return client_read(client, ret_operation, sizeof(*ret_operation),
                       client->layout.operation_slots + (uint64_t)slot * WIRE_OPERATION_SLOT_BYTES);
}

bool slots_has_open_calls(const struct wire_thread_slot *head)
{
    return head->episode.open_calls > head->closed_calls;
}

uint32_t slots_count_open(struct client *client)
{
    uint32_t n = 0;
    struct wire_thread_slot head;
    struct wire_operation_slot operation;
    for (uint32_t i = slots_next_thread(client, 0); i < client->layout.n_thread_slots;
         i = slots_next_thread(client, i + 1))
        if (!client->is_broken && slots_read_head(client, i, &head) && head.tid)
            n += head.depth <= WIRE_OPEN_SPANS ? head.depth : 0;
    for (uint32_t i = slots_next_operation(client, 0); i < client->layout.n_operation_slots;
         i = slots_next_operation(client, i + 1))
        if (!client->is_broken && slots_read_operation(client, i, &operation))
            n += operation.owner && operation.is_open;
    return n;
}
