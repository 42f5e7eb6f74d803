/*
 * output: what the program wrote to its standard output or error, as log records (OTELSHIM_STDIO).
 *
 * The bytes are copied raw, in pieces of at most WIRE_STRING_MAX: lines and levels are the exporter's.
 *
 * Context: hot, async-signal-safe; errno kept. Threads: any; two that write at once are numbered in the order in which their calls
 * came back, which may not be the kernel's.
 */
#ifndef OTELSHIM_OUTPUT_H
#define OTELSHIM_OUTPUT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Which call: all known before the first byte. */
struct output_call {
    uint32_t stream; /* 1 or 2 */
    uint16_t instrumentation;
    const void *frame; /* of the call: see current_get() */
};

/* The first `bytes` of `parts`. Of a process that may not be recorded: nothing. A full pool counts as NO_CHUNK_LOG. */
void output_note(const struct output_call *call, const struct iovec *parts, size_t bytes);

#endif
