/*
 * episode: traces without code: calls of one thread that follow each other share a trace under a root span
 * (DESIGN "Traces without code: episodes").
 *
 * Context: hot, async-signal-safe. Threads: works on the calling thread's own slot, but for episode_leave().
 */
#ifndef OTELSHIM_EPISODE_H
#define OTELSHIM_EPISODE_H

#include "thread.h"
#include <string.h>

/*
 * Trace, parent and sampling decision of a call that begins now: child of the thread's open span, else of the process's
 * TRACEPARENT, else member of the running episode (a new one where the gap passed), else a trace of its own. Fills
 * everything of `facts` but span_id, instrumentation and operation. `n_own_operations`: open operations of the same
 * handle. May write one record: the root of the episode that is over.
 */
void episode_join(struct thread *thread, struct wire_thread_slot *slot, uint32_t n_own_operations,
                  uint64_t now_ns, struct wire_span_facts *facts);

/* A call that joined has ended. `slot` may be another thread's, for operations. */
static inline void episode_leave(struct wire_thread_slot *slot, const struct wire_span_facts *facts,
                                 uint64_t now_ns, bool failed)
{
    struct wire_episode *episode = &slot->episode;
    if (memcmp(facts->parent_span_id, episode->root.span_id, sizeof(facts->parent_span_id)) != 0)
        return; /* of no episode, or of one that is over */
    slot->sequence++;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    episode->end_mono_ns = now_ns;
    episode->errors += failed ? 1 : 0;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    slot->sequence++;
}

/* The thread of the slot is gone: the root of its episode, if it has one, becomes a record. */
void episode_take_over(struct thread *thread, const struct wire_thread_slot *slot);

#endif
