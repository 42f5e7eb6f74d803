/*
 * crash: the crash slots of the clients: which one moved. What stands in them is the business of sources/crash.
 *
 * The first eight bytes of a slot are looked at, at every poll and every bell. A living process is told of once its slot is whole:
 * then it waits; a dead one left what it left.
 */
#include "sources/dropbox/dropbox_priv.h"

#include <crash_slot.h>
#include <stddef.h>

static_assert(offsetof(struct wire_crash, state) == 0 && offsetof(struct wire_crash, sequence) == 4,
              "read together");

static struct client *client_of(const struct process *process)
{
    /* every process that the drop box hands out is part of its client */
    return (struct client *)(uintptr_t)((const uint8_t *)process - offsetof(struct client, process));
}

void crash_look(struct client *client)
{
    struct dropbox *dropbox = client->dropbox;
    uint32_t words[2];
    if (!dropbox->events.on_crash || client->is_broken || !client->layout.has_crash_slot || !client->is_known)
        return;
    if (!client_read(client, words, sizeof(words), client->layout.crash_slot))
        return;
    bool is_readable = client->is_dead ? words[0] >= WIRE_CRASH_REGISTERS : words[0] == WIRE_CRASH_WHOLE;
    uint64_t both = (uint64_t)words[1] << 32 | words[0];
    if (!is_readable || both == client->crash_words)
        return;
    client->crash_words = both;
    dropbox->events.on_crash(dropbox->events.context, &client->process);
}

/* The bell may be of a process that made its file a moment ago: a crash may be the first that is heard of it. */
void dropbox_look_at_crashes(struct dropbox *dropbox)
{
    dropbox->now_ns = offset_sample_clocks(&dropbox->offsets);
    watch_again(dropbox);
    for (uint32_t i = 0; i < dropbox->n_clients; i++)
        if (dropbox->clients[i] && !dropbox->clients[i]->is_dead)
            crash_look(dropbox->clients[i]);
}

bool dropbox_read_crash(struct dropbox *dropbox, const struct process *process, void *ret_bytes,
                        uint32_t n_bytes, uint32_t offset)
{
    struct client *client = client_of(process);
    (void)dropbox;
    return client->layout.has_crash_slot && !client->is_broken && offset <= WIRE_CRASH_SLOT_BYTES &&
           n_bytes <= WIRE_CRASH_SLOT_BYTES - offset &&
           client_read(client, ret_bytes, n_bytes, client->layout.crash_slot + offset);
}

void dropbox_set_captured(struct dropbox *dropbox, const struct process *process, uint32_t sequence)
{
    struct client *client = client_of(process);
    (void)dropbox;
    if (client->is_broken)
        return;
    client->words.captured = sequence;
    client_write_words(client);
    bell_wake_file(client->fd, WIRE_EXPORTER_OFFSET + offsetof(struct wire_exporter, captured));
}

void dropbox_each_open(struct dropbox *dropbox, const struct process *process,
                       void (*each)(void *context, const struct raw_span *raw), void *context)
{
    (void)dropbox;
    flight_each_open(client_of(process), each, context);
}
