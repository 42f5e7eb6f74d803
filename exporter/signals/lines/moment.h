/* moment: dates and times at the beginning of a text, as loggers print them. Context: any; pure; hostile input. */
#ifndef OTELSHIM_LINE_MOMENT_H
#define OTELSHIM_LINE_MOMENT_H

#include <stddef.h>
#include <stdint.h>

/*
 * Bytes of a date and time (2025-11-09T15:30:42.123Z, 2025/11/09 15:30:42, Sun Nov 09 15:30:42 2025), or of a time alone; 0: there
 * is none. *ret_unix_ns is 0 where it does not say of which zone it is: then it may be of any.
 */
size_t moment_read(const char *text, size_t bytes, uint64_t *ret_unix_ns);

#endif
