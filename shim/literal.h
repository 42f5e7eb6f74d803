/*
 * literal: text that cannot change.
 *
 * A string literal of the program itself lies in a segment that is mapped without the right to write and stays until the end (what a
 * library has may be unmapped, and something else mapped there). Who has read it once knows it by its address. A program
 * that makes its own constants writable and changes them is not followed.
 *
 * Context: cold. Async-signal-safe.
 */
#ifndef OTELSHIM_LITERAL_H
#define OTELSHIM_LITERAL_H

#include <stdbool.h>
#include <stddef.h>

/* Does `text`, with the NUL behind its `bytes`, lie in such a segment? */
bool literal_is(const char *text, size_t bytes);

#endif
