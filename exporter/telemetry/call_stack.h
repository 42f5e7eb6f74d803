/*
 * call_stack: where a call failed, as it is told: the program's own frames, a line each, innermost first.
 *
 * Context: loop. Ownership: of whoever made it (signals/crash/call_stack.c); valid UTF-8, bounded.
 */
#ifndef OTELSHIM_CALL_STACK_H
#define OTELSHIM_CALL_STACK_H

#include <stdint.h>

/* A return address and where it stood, from the stack pointer. */
struct call_mark {
    uint64_t offset, address;
};

struct call_stack {
    const char *const *lines; /* "#0 place_order (orders.c:57)" */
    uint32_t n_lines;
    const char *text; /* all of them, one behind the other: code.stacktrace */
    /* another stack of the process with all of these, and the same program counter, has the same frames; 0: that cannot be told */
    const struct call_mark *marks;
    uint32_t n_marks;
};

#endif
