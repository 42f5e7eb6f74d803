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

/* NULL: nothing is to be recorded, or no slot is free (counted). Else *ret_box is the file. */
static inline struct thread *admit(const struct dropbox **ret_box)
{
    if (!lifecycle_is_active())
        return NULL;
    const struct dropbox *box = dropbox_file();
    if (__builtin_expect(!box, 0))
        box = dropbox_open_for_span();
    *ret_box = box;
    return box && !sampler_is_off(box) ? thread_get_in(box) : NULL;
}

#endif
