/*
 * death: how a process ended, asked by somebody who is not its parent; and whether it was for want of memory.
 *
 * Context: loop; a few system calls each. Errors: what cannot be known is "unknown", never guessed.
 */
#ifndef OTELSHIM_SOURCE_DEATH_H
#define OTELSHIM_SOURCE_DEATH_H

#include <stdbool.h>
#include <stdint.h>

enum death_how { DEATH_UNKNOWN, DEATH_EXITED, DEATH_SIGNALED };

struct death {
    enum death_how how;
    int status; /* exit status, or number of the UNIX signal */
    bool dumped_core;
};

/* From what wait(2) gave its parent. */
struct death death_from_wait_status(int wait_status);
/*
 * PIDFD_GET_INFO where the kernel has it and the process was waited for; before that its zombie's /proc/<pid>/stat, while
 * there is one. False: not known, perhaps not yet. `pidfd` -1: there is none.
 */
bool death_read(int pidfd, uint32_t pid, uint64_t start_ticks, struct death *ret_death);

/*
 * Kills of the kernel's for want of memory, in the control group of a process, from memory.events of cgroup v2 or
 * memory.oom_control of v1. They are the whole group's: a kill is credited to one process only (`death_was_oom`).
 */
struct death_group; /* one per control group, shared by its processes */
/* Reads what the group has seen so far; NULL where that is not known. Valid until death_group_release(). */
struct death_group *death_group_get(uint32_t pid);
void death_group_release(struct death_group *group); /* NULL is fine */
/*
 * Has there been a kill lately (since the last but one refreshment) that no other death was credited with? Then it is this
 * one's.
 */
bool death_was_oom(struct death_group *group);
/* Once a second or so: an old kill of somebody else's is not a new death's. */
void death_groups_refresh(void);

#endif
