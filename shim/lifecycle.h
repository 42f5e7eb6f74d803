/*
 * lifecycle: constructor, exit, and the one ordered list of the shim's parts.
 *
 * Context: cold.
 */
#ifndef OTELSHIM_LIFECYCLE_H
#define OTELSHIM_LIFECYCLE_H

#include <stdbool.h>
#include <stdint.h>

enum lifecycle_state {
    LIFECYCLE_UNDECIDED,
    LIFECYCLE_ACTIVE,
    LIFECYCLE_INERT,
    LIFECYCLE_LEAVING, /* after our destructor, with OTELSHIM_STDIO: only what is written is recorded */
};
/* Written at the first question, and by the exit hook. */
extern __attribute__((visibility("hidden"))) uint32_t lifecycle_state;
/* The first question, asked by the constructor or by a wrapper that runs before it. */
bool lifecycle_decide(void);

/* May this process be recorded? Hot: one load. */
static inline bool lifecycle_is_active(void)
{
    uint32_t now = __atomic_load_n(&lifecycle_state, __ATOMIC_RELAXED);
    return __builtin_expect(now == LIFECYCLE_ACTIVE, 1) || (now == LIFECYCLE_UNDECIDED && lifecycle_decide());
}

/* May what the program writes be recorded? libc empties its buffers after every destructor. */
static inline bool lifecycle_is_writing(void)
{
    return lifecycle_is_active() || __atomic_load_n(&lifecycle_state, __ATOMIC_RELAXED) == LIFECYCLE_LEAVING;
}
/* After each record of what was written: if the process is leaving, nobody else sees to its delivery. */
void lifecycle_after_writing(void);

/* Process is about to end through exit path `_exit` or quick_exit, which runs no destructors. */
void lifecycle_before_exit(void);
void lifecycle_before_exec(void);
void lifecycle_exec_failed(void);

#endif
