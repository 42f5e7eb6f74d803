/*
 * count: a number that changes without a span: connections that open and close, messages on a WebSocket.
 *
 * Context: hot, async-signal-safe; no system call after warm-up; errno kept. Threads: any.
 */
#ifndef OTELSHIM_COUNT_H
#define OTELSHIM_COUNT_H

#include "connection.h"
#include <wire.h>

/*
 * Records that `counter` changed by `delta` now, with the shared facts of `connection` (NULL: none). One record, not
 * sampled. Nothing when the shim records nothing in this process; a full pool counts it as NO_CHUNK_COUNT.
 */
void count_add(uint16_t instrumentation, enum wire_counter counter, int64_t delta,
               struct connection *connection);

#endif
