/*
 * hiredis_format: a Redis command as facts, in each of the three shapes hiredis takes one.
 *
 * A format is copied as WIRE_DB_COMMAND_FORMAT and its arguments follow in order, one WIRE_DB_COMMAND_ARGUMENT each:
 * %s STRING, %b BYTES, numbers INT or DOUBLE (INT already narrowed and signed as the conversion says). A command
 * without a format is its arguments alone, BYTES. WIRE_DB_COMMAND_COUNT is added only where arguments are missing:
 * how many there were, or HIREDIS_UNKNOWN_COUNT where an unknown conversion ended the walk (hiredis then refuses
 * the command).
 *
 * Context: hot, async-signal-safe: pure functions on the caller's memory.
 */
#ifndef OTELSHIM_HIREDIS_FORMAT_H
#define OTELSHIM_HIREDIS_FORMAT_H

#include "operation.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#define HIREDIS_UNKNOWN_COUNT (-1)
/* Room for what the end of a command says, which comes behind its arguments. */
#define HIREDIS_LATER_BYTES 256u
/* Of an argument: keys are shorter, and of a value the exporter shows nothing. */
#define HIREDIS_VALUE_BYTES 256u
#define HIREDIS_MAX_ARGUMENTS 128 /* copied; of a format with more the walk ends there */

/* `arguments` is left as it was found. */
void hiredis_copy_format(struct facts *facts, const char *format, va_list arguments);
/* The same for an operation without facts so far; HIREDIS_LATER_BYTES stay free. */
void hiredis_copy_format_into(struct operation *operation, const char *format, va_list arguments);

/* `lengths` NULL: the words are NUL-terminated. */
void hiredis_copy_words(struct facts *facts, int n_words, const char *const *words, const size_t *lengths);

/* Length of the first command of `bytes` of protocol text; 0 where that is not one whole command. */
size_t hiredis_protocol_length(const char *protocol, size_t bytes);
/* That command's words. Nothing where it is not one whole command. */
void hiredis_copy_protocol(struct facts *facts, const char *protocol, size_t bytes);

#endif
