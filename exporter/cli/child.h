/*
 * child: the program of `otelshim run` where run stays its parent: started in the same process group, given every signal that
 * was meant for it, and ended like it.
 *
 * A signal that the terminal sent (^C, ^\, ^Z, hang-up) went to the whole foreground group: the program has it already.
 * One that somebody sent to run alone is passed on. When the program stops, run stops too, so that the shell sees it.
 *
 * Context: one thread; child_read_signals() also in a loop, when the descriptor is readable.
 */
#ifndef OTELSHIM_CHILD_H
#define OTELSHIM_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#define RUN_STATUS_FAILED 125 /* otelshim itself */
#define RUN_STATUS_CANNOT_START 126
#define RUN_STATUS_NOT_FOUND 127

struct child {
    pid_t pid;
    int signal_fd;
    int wait_status; /* valid once it has ended */
    bool has_ended;
    /* other children, for pid 1; NULL: none is expected */
    void (*on_other)(void *context, pid_t pid, int wait_status);
    void *context;
};

/* Blocks UNIX signals (what is started later inherits that) and starts argv[0] with this environment. -errno. */
int child_start(struct child *child, char **argv);
/* Acts on the signals that have come. Does not wait. */
void child_read_signals(struct child *child);
/* Waits at most `timeout_ms` (-1: for ever) for a signal or for `other_fd` (-1: none). True: other_fd is readable. */
bool child_wait(struct child *child, int other_fd, int timeout_ms);
/* Ends this process by the signal that ended the program, or returns its exit status. */
int child_end_alike(const struct child *child);

/* In place of this process; prints why it cannot and returns 126 or 127. */
int child_exec(char **argv);
/* Undoes the blocking of signals: for a process forked off besides the program. */
void child_restore_signals(void);

#endif
