/*
 * take: records out of a client's chunks, and acknowledgements into it (shim/wire/README.md, "Chunks").
 *
 * Of each chunk three states are kept: acknowledged (E, in the file), promised (the last receipt that was handed on),
 * taken (how far was read). Somebody else brings acknowledged up to promised; what lies between promised and taken
 * (shared facts, roots that were known, the closing of the chunk) needs nobody's word and follows by itself.
 */
#include "sources/dropbox/dropbox_priv.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* ---- the words ---- */

static bool ensure_chunks(struct client *client, uint32_t n)
{
    if (n <= client->n_chunks)
        return true;
    uint32_t max = (n + 15) & ~15u;
    if (max > client->layout.n_chunks)
        max = client->layout.n_chunks;
    struct chunk *chunks = realloc(client->chunks, max * sizeof(*chunks));
    if (!chunks)
        return false;
    for (uint32_t i = client->n_chunks; i < max; i++)
        chunks[i] =
            (struct chunk){.acknowledged = CHUNK_VIRGIN, .taken = CHUNK_VIRGIN, .promised = CHUNK_VIRGIN};
    client->chunks = chunks;
    client->n_chunks = max;
    return true;
}

/* Lines [from, to) into dropbox->host_words. *ret_used: one more than the last that was ever leased, else `from`. */
static bool read_lines(struct client *client, uint32_t from, uint32_t to, uint32_t *ret_used)
{
    struct dropbox *dropbox = client->dropbox;
    uint64_t offset = client->layout.chunk_lines + (uint64_t)from * WIRE_CHUNK_LINE_BYTES;
    if (!client_read(client, dropbox->lines, (size_t)(to - from) * WIRE_CHUNK_LINE_BYTES, offset))
        return false;
    *ret_used = from;
    for (uint32_t i = from; i < to; i++) {
        memcpy(&dropbox->host_words[i], dropbox->lines + (size_t)(i - from) * WIRE_CHUNK_LINE_BYTES,
               sizeof(uint64_t));
        if (dropbox->host_words[i] != CHUNK_VIRGIN)
            *ret_used = i + 1;
    }
    return true;
}

/*
 * The lines of [from, end) up to a virgin one. `known`: how many were in use at the last look. Every line is a cache
 * miss: an idle client's are looked at two beyond what is known, a growing one's by ever more.
 */
static bool read_half(struct client *client, uint32_t from, uint32_t end, bool is_thorough, uint32_t *known)
{
    uint32_t at = from, used = from, n = *known + 2;
    while (at < end) {
        uint32_t to = is_thorough || n > end - at ? end : at + n, used_here;
        if (!read_lines(client, at, to, &used_here))
            return false;
        used = used_here > at ? used_here : used;
        at = to;
        n = 16;
        if (used_here < to)
            break;
    }
    *known = used - from;
    return true;
}

/*
 * H of all chunks that were ever leased: host_words[0, *ret_n). A lease takes the lowest free chunk of its half (the
 * first is for owners, the second is shared), so that behind a virgin one there are only virgin ones: a small or
 * idle client costs two short preads.
 */
static bool read_words(struct client *client, bool is_thorough, uint32_t *ret_n)
{
    uint32_t n = client->layout.n_chunks, half = n / 2;
    if (!read_half(client, 0, half, is_thorough, &client->n_owned) ||
        !read_half(client, half, n, is_thorough, &client->n_shared))
        return false;
    atomic_thread_fence(memory_order_acquire);
    *ret_n = client->n_owned;
    if (client->n_shared) {
        for (uint32_t i = client->n_owned; i < half; i++)
            client->dropbox->host_words[i] = CHUNK_VIRGIN;
        *ret_n = half + client->n_shared;
    }
    return ensure_chunks(client, *ret_n);
}

/* False: later, there is no memory. What an earlier exporter acknowledged must be known before anything is taken. */
static bool read_acknowledged(struct client *client)
{
    uint32_t n, n_all = client->layout.n_chunks;
    uint64_t *acknowledged = malloc((size_t)n_all * sizeof(*acknowledged));
    bool is_read = acknowledged && read_words(client, true, &n);
    if (is_read && client_read(client, acknowledged, (size_t)n_all * sizeof(*acknowledged),
                               client->layout.acknowledged)) {
        for (uint32_t i = 0; i < client->n_chunks; i++) {
            struct chunk *chunk = &client->chunks[i];
            chunk->acknowledged = chunk->taken = chunk->promised = acknowledged[i];
            chunk->must_remember = chunk_bytes(acknowledged[i]) > 0;
        }
    }
    free(acknowledged);
    return is_read;
}

void take_start(struct client *client)
{
    client->has_started = read_acknowledged(client);
}

/* ---- acknowledging ---- */

static void write_acknowledged(struct client *client, uint32_t index, uint64_t word)
{
    struct chunk *chunk = &client->chunks[index];
    if (chunk_sequence(word) == chunk_sequence(chunk->acknowledged))
        client->counts.acknowledged_bytes += chunk_bytes(word) - chunk_bytes(chunk->acknowledged);
    else
        client->counts.acknowledged_bytes += chunk_bytes(word);
    chunk->acknowledged = word;
    client_write(client, &word, sizeof(word), client->layout.acknowledged + (uint64_t)index * sizeof(word));
    client->was_acknowledged = true;
}

/* What nobody was given a receipt for, once everything before it is acknowledged. */
static void settle(struct client *client, uint32_t index)
{
    struct chunk *chunk = &client->chunks[index];
    if (chunk->promised != chunk->acknowledged || chunk->taken == chunk->acknowledged)
        return;
    chunk->promised = chunk->taken;
    write_acknowledged(client, index, chunk->taken);
}

void take_acknowledge(struct client *client, uint32_t index, uint64_t word)
{
    struct chunk *chunk = index < client->n_chunks ? &client->chunks[index] : NULL;
    if (!chunk || !chunk_may_acknowledge(chunk->acknowledged, chunk->taken, word))
        return;
    write_acknowledged(client, index, word);
    settle(client, index);
}

bool take_is_acknowledged(const struct client *client)
{
    for (uint32_t i = 0; i < client->n_chunks; i++)
        if (client->chunks[i].acknowledged != client->chunks[i].taken)
            return false;
    return true;
}

/* The host stores `waiting`, fences, and looks at E; we wrote E, fence, and look at `waiting`. */
void take_wake_host(struct client *client)
{
    uint32_t waiting;
    client->was_acknowledged = false;
    atomic_thread_fence(memory_order_seq_cst);
    if (client->is_dead || client->is_broken ||
        !client_read(client, &waiting, sizeof(waiting), offsetof(struct wire_header, waiting)) || !waiting)
        return;
    client->words.progress++;
    client_write_words(client);
    bell_wake_file(client->fd, WIRE_EXPORTER_OFFSET + offsetof(struct wire_exporter, progress));
}

/* ---- taking ---- */

static struct record_memory *memory_of(struct chunk *chunk)
{
    if (!chunk->memory)
        chunk->memory = calloc(1, sizeof(*chunk->memory));
    return chunk->memory;
}

static void forget_facts(struct client *client, struct chunk *chunk)
{
    chunk->must_remember = false;
    if (!chunk->memory)
        return;
    client->memory_bytes -= chunk->memory->bytes;
    record_memory_fini(chunk->memory);
    free(chunk->memory);
    chunk->memory = NULL;
}

static void count_corrupt(struct client *client, uint32_t index, const char *what)
{
    client->counts.corrupt++;
    if (client->noted & CLIENT_NOTED_CORRUPT)
        return;
    client->noted |= CLIENT_NOTED_CORRUPT;
    note(client->dropbox, "%s/%s: chunk %u: %s; skipped (further ones are only counted)", client->box->path,
         client->file->name, index, what);
}

/* The record `at` bytes into the chunk. True when it was handed on; *ret_at is where the next one is. */
static bool take_record(struct client *client, uint32_t index, const struct chunk_part *part, uint32_t at,
                        uint32_t *ret_at)
{
    struct dropbox *dropbox = client->dropbox;
    struct chunk *chunk = &client->chunks[index];
    struct record record;
    uint32_t before = chunk->memory->bytes;
    uint64_t before_promised;
    dropbox->context.process = &client->process;
    dropbox->context.max_memory_bytes = before + (CLIENT_MEMORY_BYTES - client->memory_bytes);
    enum record_result result = record_decode(&dropbox->context, chunk->memory,
                                              dropbox->bytes + (at - part->from), part->to - at, &record);
    client->memory_bytes += chunk->memory->bytes - before;
    *ret_at = result == RECORD_BROKEN ? part->to : at + record.bytes;
    chunk->taken = chunk_word_at(part, *ret_at);
    switch (result) {
    case RECORD_NOTHING:
        return false;
    case RECORD_STACK: /* needs nobody's word: without its call it is nothing */
        if (dropbox->events.on_stack)
            dropbox->events.on_stack(dropbox->events.context, &record.stack);
        return false;
    case RECORD_INVALID:
        count_corrupt(client, index, "a record that says the impossible");
        return false;
    case RECORD_BROKEN:
        count_corrupt(client, index, "a record of impossible length");
        return false;
    case RECORD_ROOT:
        if (episode_is_known_root(client, record.slot, record.raw.span.span_id))
            return false;
        break;
    case RECORD_COUNT:
    case RECORD_LOG:
    case RECORD_MEASUREMENT:
        before_promised = chunk->promised;
        chunk->promised = chunk->taken;
        if (hand_on_other(client, result, &record, index, chunk->taken))
            return true;
        chunk->promised = before_promised;
        return false;
    case RECORD_SPAN:
        client->has_episodes = true;
        break;
    }
    if (record.raw.end_mono_ns > client->last_activity_ns)
        client->last_activity_ns = record.raw.end_mono_ns;
    chunk->promised = chunk->taken;
    hand_on(client, &record.raw, RECEIPT_CHUNK, index, chunk->taken);
    return true;
}

/* Facts that an exporter before us read: the part of the lease that is acknowledged already. */
static void remember_earlier(struct client *client, struct chunk *chunk, uint64_t chunk_offset,
                             uint32_t n_bytes)
{
    struct dropbox *dropbox = client->dropbox;
    uint32_t before = chunk->memory->bytes;
    chunk->must_remember = false;
    if (!client_read(client, dropbox->bytes, n_bytes, chunk_offset))
        return;
    dropbox->context.process = &client->process;
    dropbox->context.max_memory_bytes = before + (CLIENT_MEMORY_BYTES - client->memory_bytes);
    record_remember(&dropbox->context, chunk->memory, dropbox->bytes, n_bytes);
    client->memory_bytes += chunk->memory->bytes - before;
}

/* Returns how many were handed on; *ret_is_all: nothing is left of what the word promised. */
static uint32_t take_chunk(struct client *client, uint32_t index, uint64_t host_word, uint32_t max_spans,
                           bool *ret_is_all)
{
    struct dropbox *dropbox = client->dropbox;
    struct chunk *chunk = &client->chunks[index];
    struct chunk_part part;
    enum chunk_news news = chunk_compare(host_word, chunk->acknowledged, chunk->taken, &part);
    *ret_is_all = true;
    if (news == CHUNK_CORRUPT && chunk->corrupt != host_word) {
        chunk->corrupt = host_word;
        count_corrupt(client, index, "a state that no honest writer leaves");
    }
    if (news != CHUNK_NEW) {
        settle(client, index);
        return 0;
    }
    if (part.is_new_lease)
        forget_facts(client, chunk);
    if (!memory_of(chunk)) {
        client->is_starved = true;
        return 0;
    }
    uint64_t offset = client->layout.chunks + (uint64_t)index * WIRE_CHUNK_BYTES;
    if (chunk->must_remember)
        remember_earlier(client, chunk, offset, part.from);
    if (part.to > part.from && !client_read(client, dropbox->bytes, part.to - part.from, offset + part.from))
        return 0;
    uint32_t n = 0, at = part.from;
    while (at < part.to && n < max_spans)
        n += take_record(client, index, &part, at, &at);
    *ret_is_all = at >= part.to;
    if (*ret_is_all) {
        chunk->taken = part.word;
        if (part.word & WIRE_CLOSED)
            forget_facts(client, chunk);
    }
    settle(client, index);
    return n;
}

/* Nothing came, and everything is acknowledged: most chunks, most of the time. */
static bool is_settled(const struct chunk *chunk, uint64_t host_word)
{
    return (host_word & WIRE_STATE_MASK) == chunk->taken && chunk->taken == chunk->acknowledged;
}

/* What of the pool is not acknowledged, by the words just read. */
static void measure(struct client *client, uint32_t n_words)
{
    client->pool_used = 0;
    for (uint32_t i = 0; i < n_words; i++)
        client->pool_used +=
            client->chunks[i].acknowledged != (client->dropbox->host_words[i] & WIRE_STATE_MASK);
}

void take_measure(struct client *client)
{
    uint32_t n_words;
    if (!client->is_broken && read_words(client, false, &n_words))
        measure(client, n_words);
}

/* False: nothing can be taken now. Where only memory is lacking, its file stays, though its process be dead. */
static bool look_at_words(struct client *client, uint32_t *ret_n)
{
    if (client->is_broken)
        return false;
    if (!client->has_started)
        take_start(client);
    bool is_read = client->has_started && read_words(client, client->is_dead, ret_n);
    client->is_starved = !is_read && !client->is_broken;
    return is_read;
}

uint32_t take_records(struct client *client, uint32_t max_spans)
{
    uint32_t n_words, n = 0;
    const uint64_t *words = client->dropbox->host_words;
    client->is_drained = true;
    if (!look_at_words(client, &n_words))
        return 0;
    measure(client, n_words);
    uint32_t i = client->next_chunk < n_words ? client->next_chunk : 0;
    for (uint32_t left = n_words; left && client->is_drained && !client->is_broken; left--) {
        if (!is_settled(&client->chunks[i], words[i]))
            n += take_chunk(client, i, words[i], max_spans - n, &client->is_drained);
        if (client->is_drained) /* else it goes on here: a busy chunk does not starve those behind it */
            i = i + 1 < n_words ? i + 1 : 0;
    }
    client->next_chunk = i;
    return n;
}

bool take_has_news(struct client *client)
{
    uint32_t n_words;
    if (client->is_broken || !read_words(client, true, &n_words))
        return false;
    for (uint32_t i = 0; i < n_words; i++) {
        struct chunk_part part;
        const struct chunk *chunk = &client->chunks[i];
        if (chunk_compare(client->dropbox->host_words[i], chunk->acknowledged, chunk->taken, &part) ==
            CHUNK_NEW)
            return true;
    }
    return false;
}
