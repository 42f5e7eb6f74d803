/*
 * sharing: is this memory ours alone, or borrowed from a parent that waits?
 *
 * A vfork child runs on its parent's memory, while its dispositions are its own: what it tells the kernel must not become
 * what the parent believes (Python's subprocess sets SIGXFSZ there). A fork child has memory and kernel state of its own.
 *
 * Context: signal, but for sharing_start() (cold). Freestanding.
 */
#ifndef OTELSHIM_CRASH_SHARING_H
#define OTELSHIM_CRASH_SHARING_H

#include "crash.h"

/* Cold, constructor: from now on the kernel empties our page for a fork child. */
HIDDEN void sharing_start(void);
/* False: another process owns this memory. Where the kernel empties no pages (before 4.14), of a fork child, too. */
HIDDEN bool sharing_is_own(void);
/* True for the first who asks in this process. */
HIDDEN bool sharing_is_first(void);
/*
 * The one lock of dispositions. UNIX signals are blocked while it is held, so nobody waits for a thread below himself;
 * a fork child finds it open. Bounded: in the end it is taken all the same.
 */
HIDDEN void sharing_lock(uint64_t *ret_signals);
HIDDEN void sharing_unlock(const uint64_t *signals);

#endif
