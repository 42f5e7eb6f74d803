/*
 * pacer: when to look into the mapped files: often while records flow, seldom when it is quiet, and asleep on the
 * doorbell after that.
 *
 * Context: loop, and a thread of its own that does nothing but wait. Ownership: the dropbox must outlive it.
 */
#ifndef OTELSHIM_PACER_H
#define OTELSHIM_PACER_H

#include "base/loop.h"
#include "sources/dropbox/dropbox.h"

struct pacer;

#define PACER_BUSY_MS 20u    /* between two looks while records flow */
#define PACER_RUSH_MS 4u     /* the least, while many do: what waits in the files is the programs' memory */
#define PACER_MANY 256u      /* records of one look that make the next one come earlier */
#define PACER_DROWSY_MS 160u /* the longest while awake */
#define PACER_QUIET_MS 600u  /* nothing came for so long: sleep */
#define PACER_SLEEP_MS 1000u /* the longest sleep */

/*
 * `look` looks once and returns how many records it took: UINT32_MAX there are more, look again at once. `rung`: somebody
 * rang, or a second has passed: has a process crashed?
 */
struct pacer *pacer_create(struct loop *loop, struct dropbox *dropbox, uint32_t (*look)(void *context),
                           void (*rung)(void *context), void *context);
/* Waits for the thread; its sleep is ended. NULL is fine. */
void pacer_destroy(struct pacer *pacer);
/* Look at the next turn of the loop. */
void pacer_hurry(struct pacer *pacer);

#endif
