/*
 * own: which frame is the program's own code: what people look for first, and what makes two crashes the same.
 *
 * Not: libc and its kin, the C++ and Rust runtimes, ld.so, the vDSO, the way from an error to abort(), this library.
 * Context: any; pure.
 */
#ifndef OTELSHIM_CRASH_OWN_H
#define OTELSHIM_CRASH_OWN_H

#include "telemetry/crash_report.h"

bool own_is(const struct crash_frame *frame);
/* The function of a frame that lies in memory which may not be executed. Never own: who jumped there is. */
#define OWN_DATA "<data>"
/* Sets is_own of every frame. */
void own_mark(struct crash_stack *stack);
/* The innermost own frame; else the innermost that has a name or a module; NULL: none. */
const struct crash_frame *own_top(const struct crash_stack *stack);
/*
 * The stack on which the bug is looked for: of an uncaught exception the place of the throw, where the crashed thread has been unwound
 * from there since.
 */
const struct crash_stack *own_stack(const struct crash_report *report);
/* Name of a path behind its last slash. */
const char *own_base_name(const char *path);

#endif
