/* pattern: does a line look like a row of formats.h, and what stands where. Context: any; pure; linear in the line; hostile input. */
#ifndef OTELSHIM_LINE_PATTERN_H
#define OTELSHIM_LINE_PATTERN_H

#include "signals/lines/lines.h"

/*
 * True: severity, word, message and time of *ret_reading are those of the line; untouched otherwise. `rest` is asked for %r.
 */
bool pattern_fits(const char *pattern, const char *text, size_t bytes,
                  bool (*rest)(const char *text, size_t bytes, struct line_reading *ret_reading),
                  struct line_reading *ret_reading);

#endif
