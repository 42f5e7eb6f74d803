/*
 * raw_stack: where a call failed, as the shim copied it: registers and a piece of the thread's stack, with whatever secrets lie there.
 *
 * Context: loop. Ownership: valid until the callback that was given it returns. It is not written to disk, and never leaves the machine.
 */
#ifndef OTELSHIM_RAW_STACK_H
#define OTELSHIM_RAW_STACK_H

#include "telemetry/process.h"

struct raw_stack {
    const struct process *process;
    struct wire_stack stack;
    const uint8_t *bytes; /* stack.stack_bytes of them */
};

#endif
