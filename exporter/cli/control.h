/*
 * control: `<drop box>/control`, the socket on which commands ask an exporter. The shim never opens it.
 *
 * One request line, one answer, then it is closed. Whoever asks is the exporter's user or root (SO_PEERCRED).
 *
 *     pid                  the exporter's pid
 *     status [colour]      the report for people
 *     status json          the report for programs
 *     expect PID           this process becomes a program with the library now: how it ends is to be known
 *     ended PID STATUS     its parent's wait() said so
 *     alerts list|dedup [json]  |  alerts mute SECONDS  |  alerts unmute
 *     flush                "delivered" once nothing waits any more, in memory or in a dead program's file
 *
 * Context: loop; control_ask() waits, for commands. Errors: negative errno.
 */
#ifndef OTELSHIM_CONTROL_H
#define OTELSHIM_CONTROL_H

#include "base/loop.h"
#include <stdio.h>
#include <sys/types.h>

#define CONTROL_MAX_REQUEST_BYTES 64u
#define CONTROL_MAX_CLIENTS 16u

struct control;

/* Prints the answer; false: not yet, control_answer_waiting() will. */
typedef bool (*control_answer_fn)(void *context, const char *request, FILE *out);

/* A socket left behind by a dead exporter is replaced: the caller has the drop box's lock. */
int control_create(struct control **ret_control, struct loop *loop, const char *directory,
                   control_answer_fn answer, void *context);
/* Takes the socket away. NULL is fine. */
void control_destroy(struct control *control);
/* Answers those that wait, where answer() now can. */
void control_answer_waiting(struct control *control);

/*
 * Asks the exporter of `directory`. *ret_text is NUL-terminated and the caller's to free. -ENOENT, -ECONNREFUSED: there is none;
 * -ETIMEDOUT; -EPERM: somebody else's socket.
 */
int control_ask(const char *directory, const char *request, uint32_t timeout_ms, char **ret_text);
/* What the parent of a program knows, and who becomes one: told to the exporter of `directory`. False: none was there to hear it. */
bool control_tell_expected(const char *directory, pid_t pid);
bool control_tell_ended(const char *directory, pid_t pid, int wait_status);
/* Asks without waiting: a descriptor that becomes readable with the answer, or negative errno. */
int control_begin(const char *directory, const char *request);

#endif
