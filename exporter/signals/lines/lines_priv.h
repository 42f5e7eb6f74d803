/* lines_priv: what the files of this folder share. Context: loop. */
#ifndef OTELSHIM_LINES_PRIV_H
#define OTELSHIM_LINES_PRIV_H

#include "signals/lines/lines.h"

#define LINE_MAX_FIELDS 64u

/* False, with *ret_reading untouched: the line is none. */
bool line_json_read(struct arena *arena, const char *text, size_t bytes, struct line_reading *ret_reading);
bool line_logfmt_read(struct arena *arena, const char *text, size_t bytes, struct line_reading *ret_reading);

/*
 * A field of a structured line: level, message, time or trace where its name says so, and it can be read as that. True: it is, and
 * need not be said again as an attribute. Texts must live as long as the reading.
 */
bool field_take_text(struct line_reading *reading, const char *key, const char *text, size_t bytes);
bool field_take_number(struct line_reading *reading, const char *key, double number);

#endif
