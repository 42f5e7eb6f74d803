/*
 * encode_trace: spans → the bytes of an ExportTraceServiceRequest.
 *
 * Context: loop. Ownership: what is noted about groups lives in the caller's arena until it is reset; the bytes are
 * appended to nothing: `ret_body` is overwritten, its memory reused from batch to batch.
 */
#ifndef OTELSHIM_ENCODE_TRACE_H
#define OTELSHIM_ENCODE_TRACE_H

#include "telemetry/span.h"

/* Bytes of an encoded request; its memory grows and is kept. A zeroed struct is empty. */
struct body {
    uint8_t *bytes; /* somewhere in `memory` */
    size_t n_bytes;
    uint8_t *memory;
    size_t max_bytes;
};

void body_fini(struct body *body);
/* Makes room for `max_bytes`; what it held is lost. */
void body_reserve(struct body *body, size_t max_bytes);

/*
 * Grouped by resource, then by scope, in the order of first appearance. 0, or -EMSGSIZE when the request would be
 * larger than `max_bytes` (OTLP: 64 MiB before compression): the caller encodes fewer.
 */
int encode_trace(struct span *const *spans, uint32_t n_spans, size_t max_bytes, struct arena *arena,
                 struct body *ret_body);

#endif
