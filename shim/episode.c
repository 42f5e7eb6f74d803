/*
 * episode: see episode.h.
 *
 * The running episode lives in the thread's slot, so that the exporter can make the same root span with the same id
 * when the thread never begins another one.
 */
#include "episode.h"

#include "buffer.h"
#include "hot.h"
#include "ids.h"
#include "sampler.h"
#include "sequence.h"
#include "settings.h"
#include <string.h>

static bool is_none(const struct wire_episode *episode)
{
    return !episode->root.start_mono_ns;
}

/* UINT32_MAX for a private slot, which has no episodes. */
static uint32_t index_of(const struct wire_thread_slot *slot)
{
    const struct dropbox *box = dropbox_file();
    uintptr_t offset = box ? (uintptr_t)slot - (uintptr_t)box->thread_slots : UINTPTR_MAX;
    return box && offset < box->n_thread_slots * sizeof(*slot) ? (uint32_t)(offset / sizeof(*slot))
                                                               : UINT32_MAX;
}

/* The root span of the episode that is over, as a record. The exporter drops it where it made it itself. */
static void commit_root(struct thread *thread, const struct wire_thread_slot *slot)
{
    struct buffer_reservation reservation;
    if (!buffer_reserve(thread, sizeof(struct wire_root), &reservation))
        return;
    struct wire_root root = {
        .record = {.bytes = sizeof(root), .kind = WIRE_RECORD_ROOT},
        .facts = slot->episode.root,
        .end_mono_ns = slot->episode.end_mono_ns,
        .calls = slot->episode.calls,
        .errors = slot->episode.errors,
        .slot = index_of(slot),
    };
    memcpy(root.thread_name, slot->thread_name, sizeof(root.thread_name));
    memcpy(reservation.at, &root, sizeof(root));
    buffer_commit(thread, &reservation, sizeof(root));
}

static uint8_t sample_root(const struct shim_settings *settings, const uint8_t trace_id[16])
{
    return WIRE_SPAN_RANDOM | (sampler_is_sampled(settings, trace_id) ? WIRE_SPAN_SAMPLED : 0);
}

static uint32_t less(uint32_t open, uint32_t closed)
{
    return open > closed ? open - closed
                         : 0; /* another episode may have begun meanwhile, in which nothing was open */
}

void episode_take_closed(struct wire_thread_slot *slot)
{
    struct wire_episode *episode = &slot->episode;
    uint32_t calls = __atomic_exchange_n(&slot->closed_calls, 0, __ATOMIC_RELAXED);
    uint32_t operations = __atomic_exchange_n(&slot->closed_operations, 0, __ATOMIC_RELAXED);
    episode->open_calls = less(episode->open_calls, calls);
    episode->open_operations = less(episode->open_operations, operations);
}

static void begin_episode(struct thread *thread, struct wire_thread_slot *slot, uint64_t now_ns)
{
    struct wire_episode *episode = &slot->episode;
    if (!is_none(episode))
        commit_root(thread, slot);
    uint32_t open_operations = episode->open_operations;
    sequence_begin(&slot->sequence);
    memset(episode, 0, sizeof(*episode));
    ids_make_trace_id(thread_random(thread, slot), episode->root.trace_id);
    ids_make_span_id(thread_span_ids(thread, slot), episode->root.span_id);
    episode->root.start_mono_ns = episode->end_mono_ns = now_ns;
    episode->root.tid = thread->tid;
    episode->root.flags = sample_root(settings_get(), episode->root.trace_id);
    episode->open_operations = open_operations;
    sequence_end(&slot->sequence);
}

static void join_process_trace(const struct shim_settings *settings, struct wire_span_facts *facts)
{
    const struct span_context *parent = &settings->parent;
    memcpy(facts->trace_id, parent->trace_id, sizeof(facts->trace_id));
    memcpy(facts->parent_span_id, parent->span_id, sizeof(facts->parent_span_id));
    bool sampled = sampler_is_child_sampled(settings, parent);
    facts->flags = (parent->flags & WIRE_SPAN_RANDOM) | (sampled ? WIRE_SPAN_SAMPLED : 0) |
                   WIRE_SPAN_HAS_PARENT | WIRE_SPAN_REMOTE_PARENT;
}

/* What is open on the thread, else the process's parent. False: there is neither. */
static bool join_given(const struct shim_settings *settings, const struct wire_span_facts *open,
                       struct wire_span_facts *facts)
{
    if (open)
        episode_inherit(facts, open);
    else if (settings->has_parent)
        join_process_trace(settings, facts);
    return open || settings->has_parent;
}

static HOT void begin_trace(const struct shim_settings *settings, uint64_t *random,
                            struct wire_span_facts *facts)
{
    ids_make_trace_id(random, facts->trace_id);
    memset(facts->parent_span_id, 0, sizeof(facts->parent_span_id));
    facts->flags = sample_root(settings, facts->trace_id);
}

void episode_join_custom(struct thread *thread, uint64_t now_ns, struct wire_span_facts *facts)
{
    const struct shim_settings *settings = settings_get();
    facts->start_mono_ns = now_ns;
    facts->tid = thread->tid;
    if (!join_given(settings, thread_newest_open(thread, thread->slots[0]), facts))
        begin_trace(settings, thread->random[THREAD_CUSTOM], facts);
}

HOT void episode_join_slowly(struct thread *thread, struct wire_thread_slot *slot, uint32_t n_own_operations,
                             uint64_t now_ns, struct wire_span_facts *facts)
{
    const struct shim_settings *settings = settings_get();
    if (join_given(settings, thread_newest_open(thread, slot), facts))
        return;
    struct wire_episode *episode = &slot->episode;
    bool is_apart = slot != thread->slots[0] || thread->slot_index == UINT32_MAX ||
                    episode->open_operations > n_own_operations;
    if (!settings->trace_gap_ns || is_apart) {
        begin_trace(settings, thread_random(thread, slot), facts);
        return;
    }
    if (!episode_is_running(episode, settings->trace_gap_ns, now_ns))
        begin_episode(thread, slot, now_ns);
    episode->calls++;
    episode_inherit(facts, &episode->root);
}

void episode_take_over(struct thread *thread, const struct wire_thread_slot *slot)
{
    if (!is_none(&slot->episode))
        commit_root(thread, slot);
}
