/*
 * episode: traces without code: calls of one thread that follow each other share a trace under a root span
 * (DESIGN "Traces without code: episodes").
 *
 * Context: hot, async-signal-safe. Threads: works on the calling thread's own slot, but for episode_note_end().
 */
#ifndef OTELSHIM_EPISODE_H
#define OTELSHIM_EPISODE_H

#include "sequence.h"
#include "settings.h"
#include "thread.h"
#include <string.h>

#define EPISODE_MAX_CALLS 1000u
#define EPISODE_MAX_NS (60ull * 1000000000u)

/* May the running episode take one more call? Its last one ended, or is open, not longer ago than the gap. */
static inline bool episode_is_running(const struct wire_episode *episode, uint64_t gap_ns, uint64_t now_ns)
{
    return episode->calls - 1 < EPISODE_MAX_CALLS - 1 && /* 0: there is none */
           now_ns - episode->root.start_mono_ns <= EPISODE_MAX_NS &&
           (now_ns - episode->end_mono_ns <= gap_ns || episode->open_calls);
}

static inline void episode_inherit(struct wire_span_facts *facts, const struct wire_span_facts *parent)
{
    memcpy(facts->trace_id, parent->trace_id, sizeof(facts->trace_id));
    memcpy(facts->parent_span_id, parent->span_id, sizeof(facts->parent_span_id));
    facts->flags = (parent->flags & (WIRE_SPAN_SAMPLED | WIRE_SPAN_RANDOM)) | WIRE_SPAN_HAS_PARENT;
}

static inline bool episode_has(const struct wire_episode *episode, const struct wire_span_facts *facts)
{
    return memcmp(facts->parent_span_id, episode->root.span_id, sizeof(facts->parent_span_id)) == 0;
}

/* Operations of this thread that others have ended, or handlers that interrupted the shim. */
void episode_take_closed(struct wire_thread_slot *slot);
static inline bool episode_has_closed(const struct wire_thread_slot *slot)
{
    return __atomic_load_n(&slot->closed_operations, __ATOMIC_RELAXED) != 0;
}

/* Past the usual case. */
void episode_join_slowly(struct thread *thread, struct wire_thread_slot *slot, uint32_t n_own_operations,
                         uint64_t now_ns, struct wire_span_facts *facts);

/*
 * Trace, parent and sampling decision of a call that begins now: child of the thread's open span, else of the process's
 * TRACEPARENT, else member of the running episode (a new one where the gap passed), else a trace of its own. Fills
 * everything of `facts` but span_id, instrumentation and operation. `n_open`: is any span open on the thread, the slot's or the program's own?
 * `n_own_operations`: open operations of the same handle. May write one record: the root of the episode that is over.
 * Returns whether it is a member of the running one.
 */
static inline bool episode_join(struct thread *thread, struct wire_thread_slot *slot, uint32_t n_open,
                                uint32_t n_own_operations, uint64_t now_ns, struct wire_span_facts *facts)
{
    struct wire_episode *episode = &slot->episode;
    facts->start_mono_ns = now_ns;
    facts->tid = thread->tid;
    if (__builtin_expect(episode_has_closed(slot), 0))
        episode_take_closed(slot);
    /* Where one is running, the slot may have episodes, and the process has no TRACEPARENT. */
    if (__builtin_expect(n_open || episode->open_operations > n_own_operations ||
                             !episode_is_running(episode, settings_get()->trace_gap_ns, now_ns),
                         0)) {
        episode_join_slowly(thread, slot, n_own_operations, now_ns, facts);
        return episode_has(episode, facts);
    }
    episode->calls++;
    episode_inherit(facts, &episode->root);
    return true;
}

/* A call of this episode ends. The caller has made the slot's sequence odd; the slot may be another thread's, for operations. */
static inline void episode_note_end(struct wire_episode *episode, uint64_t now_ns, bool failed)
{
    episode->end_mono_ns = now_ns;
    if (__builtin_expect(failed, 0))
        episode->errors++;
}

/* As episode_join() for a span that the program begins by itself (custom.h): outside of all others it is the root of a trace. */
void episode_join_custom(struct thread *thread, uint64_t now_ns, struct wire_span_facts *facts);

/* The thread of the slot is gone: the root of its episode, if it has one, becomes a record. */
void episode_take_over(struct thread *thread, const struct wire_thread_slot *slot);

#endif
