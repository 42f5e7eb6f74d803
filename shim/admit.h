/*
 * admit: may something be recorded now, by this thread?
 *
 * Context: hot; the first question of a process makes its file and starts the exporter. errno kept.
 */
#ifndef OTELSHIM_ADMIT_H
#define OTELSHIM_ADMIT_H

#include "lifecycle.h"
#include "sampler.h"
#include "thread.h"

/* Where the process may be recorded: see admit(). */
static inline struct thread *admit_thread(const struct dropbox **ret_box)
{
    const struct dropbox *box = dropbox_file();
    if (__builtin_expect(!box, 0))
        box = dropbox_open_for_span();
    *ret_box = box;
    return box && !sampler_is_off(box) ? thread_get_in(box) : NULL;
}

/* NULL: nothing is to be recorded, or no slot is free (counted). Else *ret_box is the file. */
static inline struct thread *admit(const struct dropbox **ret_box)
{
    return lifecycle_is_active() ? admit_thread(ret_box) : NULL;
}

#endif
