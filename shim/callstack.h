/*
 * callstack: where a call failed: registers and stack of this thread, raw, for the alert (OTELSHIM_ALERT_STACK).
 *
 * Context: hot, but on failure only; async-signal-safe; errno kept. At most CALLSTACK_MAX_A_SECOND of a process: what is beyond, or has no
 * room, is counted as NO_STACK. The exporter unwinds; nothing is looked at here.
 */
#ifndef OTELSHIM_CALLSTACK_H
#define OTELSHIM_CALLSTACK_H

#include "thread.h"

#define CALLSTACK_MAX_A_SECOND 10u

/*
 * Commits one record, before that of the call itself: of the span with this id; NULL: of the log record of this thread with this very
 * time. Nothing where nobody asks for it.
 */
void callstack_copy(const struct dropbox *box, struct thread *thread, const uint8_t *span_id,
                    uint64_t now_ns);

#endif
