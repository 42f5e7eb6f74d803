/*
 * call_stack: the stack of a call that failed, as lines of text: made by the exporter's child, read by the exporter.
 *
 *   =OFFSET ADDRESS    a return address and its place on the stack, hexadecimal (struct call_mark)
 *   #0 place_order (orders.c:57)
 *
 * Context: print: commands; read: loop, and what it reads is hostile.
 */
#ifndef OTELSHIM_CRASH_CALL_STACK_H
#define OTELSHIM_CRASH_CALL_STACK_H

#include "telemetry/call_stack.h"
#include "telemetry/crash_report.h"
#include <stdio.h>

#define CALL_STACK_MAX_BYTES (16u << 10)

/* From the innermost frame of the program's own on; of one that has none, what there is but for this library. A line each. */
void call_stack_print(FILE *out, struct arena *arena, const struct crash_stack *stack);
/* Where on the copied stack these frames were found; nothing, unless all were. */
void call_stack_print_marks(FILE *out, const struct crash_stack *stack, const struct crash_memory *memory);
/* Valid UTF-8, at most 64 lines. False: there is no line in it. All of it lives in the arena. */
bool call_stack_read(struct call_stack *ret_stack, struct arena *arena, const char *text, size_t n_bytes);

#endif
