/*
 * usage: what a living process uses, out of /proc: the program pays nothing for it.
 *
 * Context: loop; eight reads of small kernel files [about 60 us]. What may not be read (another user's, a process that is
 * not dumpable) is left out. Errors: false where the process is gone, or its pid is somebody else's by now.
 */
#ifndef OTELSHIM_SOURCE_USAGE_H
#define OTELSHIM_SOURCE_USAGE_H

#include "telemetry/usage.h"

/* `start_ticks` is field 22 of its stat: what tells it from a later process with its pid; 0: not known, so not read. */
bool usage_read(uint32_t pid, uint64_t start_ticks, struct usage *ret_usage);

#endif
