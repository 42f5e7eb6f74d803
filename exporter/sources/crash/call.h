/*
 * call: a crash case out of a call that failed: nobody died, and one thread's stack is all there is.
 *
 * Context: loop; /proc alone is read. Ownership: the case's arena.
 */
#ifndef OTELSHIM_CRASH_CALL_H
#define OTELSHIM_CRASH_CALL_H

#include "telemetry/call_stack.h"
#include "telemetry/crash_case.h"
#include "telemetry/raw_stack.h"

/* An empty case. False: it is of another machine. */
bool call_collect(struct crash_case *crash, const struct raw_stack *raw);
/* Has the stack of `crash` these return addresses at these places, and this program counter? */
bool call_is_like(const struct crash_case *crash, uint64_t pc, const struct call_mark *marks,
                  uint32_t n_marks);
uint64_t call_pc(const struct crash_case *crash);

#endif
