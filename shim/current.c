/* current: see current.h. */
#include "current.h"

#include "episode.h"
#include "lifecycle.h"
#include "settings.h"

bool current_find_open(struct span_context *ret_context)
{
    const struct thread *thread = thread_peek();
    const struct dropbox *box = lifecycle_is_active() ? dropbox_file() : NULL;
    if (!box || thread->generation != box->generation || !thread->slots[0])
        return false;
    const struct wire_span_facts *open = thread_newest_open(thread, thread->slots[0]);
    if (open)
        *ret_context = span_context_of(open);
    return open != NULL;
}

void current_get(struct thread *thread, const void *frame, uint64_t now_ns, struct span_context *ret_context)
{
    const struct shim_settings *settings = settings_get();
    const struct wire_thread_slot *slot = thread->slots[0];
    span_end_abandoned(thread, frame);
    const struct wire_span_facts *open = thread_newest_open(thread, slot);
    if (open)
        *ret_context = span_context_of(open);
    else if (settings->has_parent)
        *ret_context = settings->parent;
    else if (episode_is_running(&slot->episode, settings->trace_gap_ns, now_ns))
        *ret_context = span_context_of(&slot->episode.root);
    else
        *ret_context = (struct span_context){0};
}
