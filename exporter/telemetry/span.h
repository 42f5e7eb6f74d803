/*
 * span: a finished span by the semantic conventions, ready to be encoded or shown.
 *
 * Context: loop. Ownership: lives in the arena of the batch it was assembled in.
 */
#ifndef OTELSHIM_TELEMETRY_SPAN_H
#define OTELSHIM_TELEMETRY_SPAN_H

#include "telemetry/attribute.h"

enum span_kind { SPAN_INTERNAL = 1, SPAN_SERVER, SPAN_CLIENT, SPAN_PRODUCER, SPAN_CONSUMER };
enum span_status { SPAN_UNSET = 0, SPAN_OK = 1, SPAN_ERROR = 2 };

struct span_event {
    const char *name;
    uint64_t time_unix_ns;
    struct attributes attributes;
};

/*
 * What spans have in common that differ from each other in ids and times only; as long as the arena they were made in.
 * Their attributes are the very same list: nobody changes its items.
 */
struct span_likeness {
    const char *name, *status_message;
    struct attributes attributes;
    enum span_kind kind;
    enum span_status status;
    struct span_measured {
        const void *set; /* NULL: not looked for yet */
        uint64_t generation;
        void *series, *second; /* struct series of that set; NULL: none */
        int64_t n_rows;
        const struct attribute *peer, *peer_port; /* NULL: none */
    } measured; /* signals/metrics/derive.c only: where the calls are counted */
};

struct span {
    uint8_t trace_id[16];
    uint8_t span_id[8];
    uint8_t parent_span_id[8];
    bool has_parent;
    uint32_t flags; /* OTLP Span.flags: W3C flags | 0x100 | 0x200 */
    const char *name;
    enum span_kind kind;
    uint64_t start_unix_ns, end_unix_ns;
    struct attributes attributes;
    struct span_event *events;
    uint32_t n_events, n_dropped_events;
    enum span_status status;
    const char *status_message; /* NULL: none */
    const char *trace_state;    /* NULL: none */
    const char *scope;          /* "otelshim.libcurl" */
    const struct resource *resource;
    struct span_likeness *likeness; /* NULL: it is like no other */
};

#endif
