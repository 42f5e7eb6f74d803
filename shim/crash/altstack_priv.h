/*
 * altstack_priv: what the files about alternate stacks share.
 *
 * Context: signal, unless a comment says cold.
 */
#ifndef OTELSHIM_ALTSTACK_PRIV_H
#define OTELSHIM_ALTSTACK_PRIV_H

#include "crash/crash.h"

/* One alternate stack of the pool, and the thread it is for. */
struct altstack {
    uint32_t owner;       /* tid; 0 free; UINT32_MAX: a thread that is being made */
    uint32_t is_open;     /* its pages may be written */
    void *(*run)(void *); /* what that thread shall call */
    void *argument;
};

/* Cold: a free one, claimed for a thread that is about to be made. NULL: none, or not wanted here. */
HIDDEN struct altstack *altstack_claim(void);
/* Cold: of a thread that could not be made. */
HIDDEN void altstack_give_back(struct altstack *stack);
/* Cold, first thing on the new thread: its alternate stack from now on. */
HIDDEN void altstack_use(struct altstack *stack);
/* Cold: puts ours (back) on the calling thread, which has none. */
HIDDEN void altstack_put_on(void);
/* Does the calling thread have an alternate stack that is not of the pool? Or is there somebody who sets them by himself (Go)? */
HIDDEN bool altstack_is_programs(void);
/* Is the stack of that address one of the pool? */
HIDDEN bool altstack_is_ours(const void *address);

#endif
