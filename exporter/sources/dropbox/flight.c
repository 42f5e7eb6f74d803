/*
 * flight: what a dead process had open: spans of its threads and operations, and its running episodes.
 *
 * A host commits a span and then pops it: after a death what is open may be committed as well. So everything that
 * was committed is read first, and every id that stands in any chunk (acknowledged or not: a dead process leases
 * no chunk anew) is dropped from the open ones.
 */
#include "sources/dropbox/dropbox_priv.h"

#include <stdlib.h>
#include <string.h>

#define MAX_REMAINS 65536u

/* One thing to hand on after a death. */
struct remain {
    uint64_t id;
    uint32_t slot;
    uint16_t entry;
    enum { REMAIN_SPAN, REMAIN_OPERATION, REMAIN_ROOT } kind;
    bool is_committed, is_acknowledged;
};

struct remains {
    struct remain *items; /* by id until all committed ones are known */
    uint32_t n, max, next;
    uint32_t n_waiting; /* handed on, not acknowledged */
    uint32_t n_refused;
    uint64_t death_ns;
    bool is_listed, is_starved; /* starved: there was no memory for all of them */
};

/* Those that are too many are of a file that lies: a process of ours has not so many slots. */
static void add_remain(struct remains *remains, const struct remain *item)
{
    if (remains->n == MAX_REMAINS) {
        remains->n_refused++;
        return;
    }
    if (remains->n == remains->max) {
        uint32_t max = remains->max ? 2 * remains->max : 16;
        struct remain *items = realloc(remains->items, max * sizeof(*items));
        if (!items) {
            remains->is_starved = true;
            return;
        }
        remains->items = items;
        remains->max = max;
    }
    remains->items[remains->n++] = *item;
}

static void raise_to(uint64_t *at_ns, uint64_t ns)
{
    *at_ns = ns > *at_ns ? ns : *at_ns;
}

/* A whole thread slot, into dropbox->bytes. */
static struct wire_thread_slot *read_slot(struct client *client, uint32_t slot)
{
    static_assert(sizeof(struct wire_thread_slot) <= WIRE_CHUNK_BYTES, "it fits the buffer");
    uint64_t offset = client->layout.thread_slots + (uint64_t)slot * WIRE_THREAD_SLOT_BYTES;
    if (client->is_broken ||
        !client_read(client, client->dropbox->bytes, sizeof(struct wire_thread_slot), offset))
        return NULL;
    return (struct wire_thread_slot *)(void *)client->dropbox->bytes;
}

static void list_thread(struct client *client, uint32_t index, const struct wire_thread_slot *slot)
{
    struct remains *remains = client->remains;
    uint32_t depth = slot->tid && slot->depth <= WIRE_OPEN_SPANS ? slot->depth : 0;
    for (uint32_t k = 0; k < depth; k++) {
        const struct wire_open_span *open = &slot->open[k];
        raise_to(&client->last_activity_ns, open->facts.start_mono_ns);
        if (record_is_span(&client->process, &open->facts))
            add_remain(remains, &(struct remain){.id = span_id_number(open->facts.span_id),
                                                 .slot = index,
                                                 .entry = (uint16_t)k,
                                                 .kind = REMAIN_SPAN});
    }
    if (episode_has_root(&slot->episode)) {
        uint64_t id = span_id_number(slot->episode.root.span_id);
        struct slot_roots *roots = episode_roots_of(client, index);
        raise_to(&client->last_activity_ns, slot->episode.end_mono_ns);
        if (!roots || roots->done != id)
            add_remain(remains, &(struct remain){.id = id, .slot = index, .kind = REMAIN_ROOT});
    }
}

static void list_open(struct client *client)
{
    for (uint32_t i = slots_next_thread(client, 0); i < client->layout.n_thread_slots;
         i = slots_next_thread(client, i + 1)) {
        const struct wire_thread_slot *slot = read_slot(client, i);
        if (!slot)
            return;
        list_thread(client, i, slot);
    }
    for (uint32_t i = slots_next_operation(client, 0); i < client->layout.n_operation_slots;
         i = slots_next_operation(client, i + 1)) {
        struct wire_operation_slot operation;
        if (!slots_read_operation(client, i, &operation))
            return;
        if (!operation.owner || !operation.is_open ||
            !record_is_span(&client->process, &operation.span.facts))
            continue;
        raise_to(&client->last_activity_ns, operation.span.facts.start_mono_ns);
        add_remain(client->remains, &(struct remain){.id = span_id_number(operation.span.facts.span_id),
                                                     .slot = i,
                                                     .kind = REMAIN_OPERATION});
    }
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t id_a = ((const struct remain *)a)->id, id_b = ((const struct remain *)b)->id;
    return id_a < id_b ? -1 : id_a > id_b;
}

static void mark_committed(void *context, const uint8_t span_id[8], uint64_t end_mono_ns)
{
    struct client *client = context;
    struct remains *remains = client->remains;
    struct remain key = {.id = span_id_number(span_id)};
    raise_to(&client->last_activity_ns, end_mono_ns < client->dropbox->now_ns ? end_mono_ns : 0);
    struct remain *found = bsearch(&key, remains->items, remains->n, sizeof(key), compare_ids);
    if (!found)
        return;
    while (found > remains->items && found[-1].id == key.id)
        found--;
    for (; found < remains->items + remains->n && found->id == key.id; found++)
        found->is_committed = true;
}

/* The whole lease of every chunk, acknowledged or not. */
static void mark_all_committed(struct client *client)
{
    struct dropbox *dropbox = client->dropbox;
    qsort(client->remains->items, client->remains->n, sizeof(struct remain), compare_ids);
    for (uint32_t i = 0; i < client->n_chunks && !client->is_broken; i++) {
        uint32_t bytes = chunk_bytes(client->chunks[i].taken);
        if (bytes && bytes <= WIRE_CHUNK_BYTES &&
            client_read(client, dropbox->bytes, bytes,
                        client->layout.chunks + (uint64_t)i * WIRE_CHUNK_BYTES))
            record_each_id(dropbox->bytes, bytes, mark_committed, client);
    }
}

static void tell_refused(struct client *client)
{
    uint32_t n = client->remains->n_refused;
    if (!n)
        return;
    client->counts.corrupt += n;
    note(client->dropbox, "%s/%s: %u open spans are more than it may have; they are lost", client->box->path,
         client->file->name, n);
}

/* False: later, there is no memory. What was open stays in the file until then. */
static bool list_remains(struct client *client)
{
    if (!client->remains)
        client->remains = calloc(1, sizeof(*client->remains));
    if (!client->remains)
        return false;
    struct remains *remains = client->remains;
    if (remains->is_listed)
        return true;
    remains->n = remains->n_refused = 0;
    remains->is_starved = false;
    if (!client->words.deaths && !client->is_broken)
        list_open(client);
    if (remains->is_starved)
        return false;
    remains->is_listed = true;
    tell_refused(client);
    if (remains->n)
        mark_all_committed(client);
    /* Where nobody watched, it died after the last thing it is known to have done. */
    remains->death_ns = client->was_seen_alive || !client->last_activity_ns ? client->death_mono_ns
                                                                            : client->last_activity_ns;
    return true;
}

/* False when its staging area is not what it says. Its end is the caller's to set. */
static bool decode_open(struct client *client, const struct wire_open_span *open, const uint8_t *staged,
                        uint32_t max_staged, struct raw_span *ret_raw)
{
    struct dropbox *dropbox = client->dropbox;
    uint32_t from = open->from <= max_staged ? open->from : max_staged;
    uint32_t n = open->bytes <= max_staged - from ? open->bytes : max_staged - from;
    dropbox->context.process = &client->process;
    return record_decode_open(&dropbox->context, open, staged + from, n, ret_raw);
}

static bool emit_open(struct client *client, uint32_t index, const struct wire_open_span *open,
                      const uint8_t *staged, uint32_t max_staged)
{
    struct raw_span raw;
    if (!decode_open(client, open, staged, max_staged, &raw))
        return false;
    raw.end_mono_ns = client->remains->death_ns;
    raise_to(&raw.end_mono_ns, open->facts.start_mono_ns);
    raw.death = client->death;
    hand_on(client, &raw, RECEIPT_DEATH, index, span_id_number(open->facts.span_id));
    return true;
}

/* The slot is read again: the file does not change any more, unless its owner is up to no good. */
static bool emit_remain(struct client *client, uint32_t index)
{
    const struct remain *item = &client->remains->items[index];
    if (item->kind == REMAIN_OPERATION) {
        struct wire_operation_slot operation;
        return slots_read_operation(client, item->slot, &operation) &&
               emit_open(client, index, &operation.span, operation.staged, sizeof(operation.staged));
    }
    const struct wire_thread_slot *slot = read_slot(client, item->slot);
    if (!slot)
        return false;
    if (item->kind == REMAIN_SPAN)
        return emit_open(client, index, &slot->open[item->entry], slot->staged, sizeof(slot->staged));
    bool was_open = slot->depth || slots_has_open_calls(slot);
    struct wire_thread_slot head;
    memcpy(&head, slot, SLOT_HEAD_BYTES);
    episode_emit_root(client, item->slot, &head,
                      was_open ? client->remains->death_ns : head.episode.end_mono_ns, RECEIPT_DEATH, index);
    return true;
}

uint32_t flight_emit_remains(struct client *client, uint32_t max_spans)
{
    uint32_t n = 0;
    if (!list_remains(client))
        return 0;
    struct remains *remains = client->remains;
    for (; remains->next < remains->n && n < max_spans; remains->next++) {
        struct remain *item = &remains->items[remains->next];
        item->is_acknowledged = true; /* where nothing is handed on */
        if (item->is_committed || client->is_broken)
            continue;
        item->is_acknowledged = false;
        remains->n_waiting++;
        if (emit_remain(client, remains->next)) {
            n++;
        } else {
            item->is_acknowledged = true;
            remains->n_waiting--;
        }
    }
    return n;
}

void flight_acknowledge_death(struct client *client, uint32_t index)
{
    struct remains *remains = client->remains;
    if (!remains || index >= remains->next + 1 || index >= remains->n ||
        remains->items[index].is_acknowledged)
        return;
    remains->items[index].is_acknowledged = true;
    remains->n_waiting--;
}

bool flight_is_handed_on(const struct client *client)
{
    const struct remains *remains = client->remains;
    return remains && remains->is_listed && remains->next == remains->n;
}

bool flight_is_acknowledged(const struct client *client)
{
    if (!flight_is_handed_on(client) || client->remains->n_waiting)
        return false;
    for (uint32_t i = 0; i < client->n_roots; i++)
        if (client->roots[i].promised != client->roots[i].written)
            return false;
    return true;
}

/* ---- looking only ---- */

struct open_look {
    struct client *client;
    void (*each)(void *context, const struct raw_span *raw);
    void *context;
};

static void show_open(const struct open_look *look, const struct wire_open_span *open, const uint8_t *staged,
                      uint32_t max_staged)
{
    struct raw_span raw;
    struct dropbox *dropbox = look->client->dropbox;
    if (!decode_open(look->client, open, staged, max_staged, &raw))
        return;
    raw.end_mono_ns = dropbox->now_ns;
    raise_to(&raw.end_mono_ns, open->facts.start_mono_ns);
    raw.mono_to_unix_ns = offset_at(&dropbox->offsets, raw.end_mono_ns, look->client->layout.created_mono_ns,
                                    look->client->layout.mono_to_unix_ns);
    look->each(look->context, &raw);
}

/* A living thread goes on meanwhile: what changed while it was copied is not shown. */
static void show_thread(const struct open_look *look, uint32_t index)
{
    struct wire_thread_slot after;
    const struct wire_thread_slot *slot = read_slot(look->client, index);
    if (!slot || !slot->tid || !slot->depth || slot->depth > WIRE_OPEN_SPANS || slot->sequence & 1 ||
        !slots_read_head(look->client, index, &after) || after.sequence != slot->sequence)
        return;
    for (uint32_t k = 0; k < slot->depth; k++)
        show_open(look, &slot->open[k], slot->staged, sizeof(slot->staged));
}

static void show_living(const struct open_look *look)
{
    struct client *client = look->client;
    struct wire_operation_slot operation, after;
    for (uint32_t i = slots_next_thread(client, 0); i < client->layout.n_thread_slots;
         i = slots_next_thread(client, i + 1))
        show_thread(look, i);
    for (uint32_t i = slots_next_operation(client, 0); i < client->layout.n_operation_slots;
         i = slots_next_operation(client, i + 1))
        if (slots_read_operation(client, i, &operation) && operation.owner && operation.is_open &&
            !(operation.sequence & 1) && slots_read_operation(client, i, &after) &&
            after.sequence == operation.sequence)
            show_open(look, &operation.span, operation.staged, sizeof(operation.staged));
}

/* What was committed as well is not open. */
static void show_remains(const struct open_look *look)
{
    struct client *client = look->client;
    for (uint32_t i = 0; list_remains(client) && i < client->remains->n; i++) {
        const struct remain *item = &client->remains->items[i];
        struct wire_operation_slot operation;
        const struct wire_thread_slot *slot;
        if (item->is_committed)
            continue;
        if (item->kind == REMAIN_OPERATION && slots_read_operation(client, item->slot, &operation))
            show_open(look, &operation.span, operation.staged, sizeof(operation.staged));
        if (item->kind == REMAIN_SPAN && (slot = read_slot(client, item->slot)))
            show_open(look, &slot->open[item->entry], slot->staged, sizeof(slot->staged));
    }
}

void flight_each_open(struct client *client, void (*each)(void *context, const struct raw_span *raw),
                      void *context)
{
    struct open_look look = {.client = client, .each = each, .context = context};
    if (client->is_broken)
        return;
    if (client->is_dead)
        show_remains(&look);
    else
        show_living(&look);
}

void flight_fini(struct client *client)
{
    free(client->roots);
    if (client->remains)
        free(client->remains->items);
    free(client->remains);
    client->remains = NULL;
    client->roots = NULL;
}
