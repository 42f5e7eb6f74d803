/*
 * printf_format: a format of printf(3) and its arguments, copied raw: the exporter makes the text.
 *
 * One fact for each argument that the format takes, in order: integers, characters and pointers as INT, `*` widths and precisions
 * too, floating-point numbers as DOUBLE, texts as STRING (as far as the precision lets printf read), wide ones as UTF-8,
 * %n as 0. %% and %m take none. A conversion that is not known (positional arguments, %C with a modifier) ends the walk.
 *
 * Context: hot, async-signal-safe: reads what printf would read, no more.
 */
#ifndef OTELSHIM_PRINTF_FORMAT_H
#define OTELSHIM_PRINTF_FORMAT_H

#include "facts.h"
#include <stdarg.h>

/* WIRE_LOG_FORMAT and its WIRE_LOG_ARGUMENTs. The list stays the caller's. True: the format has %m, which prints errno. */
bool printf_copy(struct facts *facts, const char *format, va_list arguments);

#endif
