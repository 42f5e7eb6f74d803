/*
 * write_span: a span as the bytes of OTLP's Span message, without the tree of structs that protobuf-c packs.
 *
 * The numbers are those of proto/trace.proto and proto/common.proto. What comes out is what protobuf-c makes of the
 * same span, byte for byte: tests/unit/test_encode compares them.
 *
 * Context: loop. As in writer.h, the last field comes first, and what is returned is where the first byte stands.
 */
#ifndef OTELSHIM_WRITE_SPAN_H
#define OTELSHIM_WRITE_SPAN_H

#include "outputs/otlp/writer.h"
#include "telemetry/span.h"

#define WRITE_TAILS 64u /* a power of two */

/*
 * Spans that are alike have the same last fields (attributes, status, flags): where in the message they were written
 * before. A zeroed one knows none; it is of one message.
 */
struct write_tails {
    struct {
        const struct span_likeness *likeness;
        uint32_t flags, n_attributes;
        size_t bytes_before, n_bytes; /* what stands behind it; its own */
    } items[WRITE_TAILS];
};

/* As field number `field` of the message being written. */
uint8_t *write_span(struct writer *writer, uint8_t *at, unsigned field, const struct span *span,
                    struct write_tails *tails);
/* A KeyValue each, as repeated field number `field`. */
uint8_t *write_attributes(struct writer *writer, uint8_t *at, unsigned field, const struct attributes *list);

#endif
