/*
 * format: what a printf format and its arguments say, as syslog(3) would have written it.
 *
 * Every conversion of printf(3) but positional ones ("%2$s"), and syslog's %m. Context: loop. Pure; linear; hostile input: a
 * format and arguments that do not fit together end the walk, and the rest of the format stands as it is.
 */
#ifndef OTELSHIM_LOG_FORMAT_H
#define OTELSHIM_LOG_FORMAT_H

#include "telemetry/raw_span.h"

/*
 * `arguments` are facts of key WIRE_LOG_ARGUMENT (others are passed over), one per argument that the call had: widths and
 * precisions given as `*` are integers among them, wide strings are UTF-8. Returns the bytes in out[max]; what is longer
 * is cut, and ends in "...", like an argument that was cut.
 */
size_t format_assemble(const struct raw_fact *format, const struct raw_fact *arguments, uint32_t n_arguments,
                       int error_number, char *out, size_t max);

#endif
