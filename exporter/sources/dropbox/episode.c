/*
 * episode: root spans of a living process whose threads do not come back.
 *
 * An episode's root is a record once its thread begins the next one. Where that does not come, the root is made here
 * from the thread slot, with the same id; its receipt goes to R, so that the record, if it comes later, is known.
 */
#include "sources/dropbox/dropbox_priv.h"

#include "sources/process/proc.h"
#include <stdlib.h>
#include <string.h>

#define LOOK_EVERY_NS (50 * MS_NS)
#define GRACE_NS (100 * MS_NS)
#define STUCK_NS (1000 * MS_NS) /* a call open for so long may be of a thread that is gone */

/* Roots that are handed on once the records are. */
struct candidates {
    uint32_t n;
    struct {
        uint32_t slot;
        struct wire_thread_slot head;
    } items[32];
};
static struct candidates candidates; /* of the client whose turn it is, between look and emit */

uint64_t span_id_number(const uint8_t span_id[8])
{
    uint64_t id;
    memcpy(&id, span_id, sizeof(id));
    return id;
}

/* R is read when the first root of the client comes. */
struct slot_roots *episode_roots_of(struct client *client, uint32_t slot)
{
    if (slot >= client->layout.n_thread_slots)
        return NULL;
    if (slot < client->n_roots)
        return &client->roots[slot];
    uint32_t n = (slot + 16) & ~15u;
    if (n > client->layout.n_thread_slots)
        n = client->layout.n_thread_slots;
    struct slot_roots *roots = realloc(client->roots, n * sizeof(*roots));
    if (!roots)
        return NULL;
    client->roots = roots;
    for (uint32_t i = client->n_roots; i < n; i++) {
        uint64_t written = 0;
        client_read(client, &written, sizeof(written),
                    client->layout.closed_roots + (uint64_t)i * sizeof(written));
        roots[i] = (struct slot_roots){.done = written, .promised = written, .written = written};
    }
    client->n_roots = n;
    return &roots[slot];
}

bool episode_is_known_root(struct client *client, uint32_t slot, const uint8_t span_id[8])
{
    struct slot_roots *roots = episode_roots_of(client, slot);
    if (!roots)
        return false;
    if (roots->done == span_id_number(span_id))
        return true;
    roots->done = span_id_number(span_id);
    return false;
}

void episode_acknowledge(struct client *client, uint32_t slot, uint64_t id)
{
    struct slot_roots *roots = episode_roots_of(client, slot);
    if (!roots || roots->written == id)
        return;
    roots->written = id;
    client_write(client, &id, sizeof(id), client->layout.closed_roots + (uint64_t)slot * sizeof(id));
}

bool episode_has_root(const struct wire_episode *episode)
{
    static const uint8_t none[16];
    return memcmp(episode->root.trace_id, none, sizeof(none)) != 0 && span_id_number(episode->root.span_id) &&
           episode->root.start_mono_ns;
}

/* Over: nothing of it is open, and so long ago that no call can join it any more; or nobody is there to end it. */
static bool is_over(const struct client *client, const struct wire_thread_slot *head)
{
    uint64_t now_ns = client->dropbox->now_ns, end_ns = head->episode.end_mono_ns;
    if (head->sequence & 1 || end_ns >= now_ns)
        return false;
    if (!slots_has_open_calls(head) && !head->depth)
        return now_ns - end_ns > GRACE_NS && now_ns - end_ns - GRACE_NS > client->process.trace_gap_ns;
    return now_ns - end_ns > STUCK_NS && !client->process.is_foreign && client->how == LIVENESS_PIDFD &&
           !proc_may_have_thread(client->process.pid, head->tid);
}

void episode_look(struct client *client)
{
    candidates.n = 0;
    if (!client->has_episodes || client->is_dead || client->is_broken ||
        client->dropbox->now_ns < client->next_flight_ns)
        return;
    client->next_flight_ns = client->dropbox->now_ns + LOOK_EVERY_NS;
    client->has_episodes = false; /* until one is seen running, or a span comes */
    for (uint32_t i = slots_next_thread(client, 0); i < client->layout.n_thread_slots;
         i = slots_next_thread(client, i + 1)) {
        struct wire_thread_slot head;
        if (!slots_read_head(client, i, &head))
            return;
        struct slot_roots *roots = episode_has_root(&head.episode) ? episode_roots_of(client, i) : NULL;
        if (!roots || roots->done == span_id_number(head.episode.root.span_id))
            continue;
        client->has_episodes = true;
        if (is_over(client, &head) && candidates.n < sizeof(candidates.items) / sizeof(candidates.items[0])) {
            candidates.items[candidates.n].slot = i;
            memcpy(&candidates.items[candidates.n++].head, &head, SLOT_HEAD_BYTES);
        }
    }
}

void episode_emit_root(struct client *client, uint32_t slot, const struct wire_thread_slot *head,
                       uint64_t end_ns, enum receipt_kind receipt, uint32_t index)
{
    struct raw_span raw = {
        .kind = RAW_ROOT,
        .process = &client->process,
        .span = head->episode.root,
        .end_mono_ns = end_ns < head->episode.root.start_mono_ns ? head->episode.root.start_mono_ns : end_ns,
        .calls = head->episode.calls,
        .errors = head->episode.errors,
        .facts = client->dropbox->context.facts,
    };
    uint64_t id = span_id_number(head->episode.root.span_id);
    memcpy(raw.thread_name, head->thread_name, sizeof(head->thread_name));
    struct slot_roots *roots = episode_roots_of(client, slot);
    if (roots) {
        roots->done = id;
        if (receipt == RECEIPT_ROOT)
            roots->promised = id;
    }
    hand_on(client, &raw, receipt, index, id);
}

uint32_t episode_emit(struct client *client, uint32_t max_spans)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < candidates.n && n < max_spans; i++) {
        uint32_t slot = candidates.items[i].slot;
        const struct wire_thread_slot *head = &candidates.items[i].head;
        struct wire_thread_slot again;
        struct slot_roots *roots = episode_roots_of(client, slot);
        /* its record may have come meanwhile; and a slot that changed was not over, or was read torn */
        if (!roots || roots->done == span_id_number(head->episode.root.span_id) ||
            !slots_read_head(client, slot, &again) || memcmp(head, &again, SLOT_HEAD_BYTES) != 0)
            continue;
        episode_emit_root(client, slot, head, head->episode.end_mono_ns, RECEIPT_ROOT, slot);
        n++;
    }
    candidates.n = 0;
    return n;
}

bool episode_is_due(const struct client *client)
{
    return client->has_episodes && !client->is_dead && !client->is_broken &&
           client->dropbox->now_ns - client->last_activity_ns < STUCK_NS;
}
