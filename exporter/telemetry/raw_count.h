/*
 * raw_count: a number that changed in the traced process without being a span, as the shim recorded it: validated, copied.
 *
 * Context: loop. Ownership: valid until the callback that was given it returns.
 */
#ifndef OTELSHIM_RAW_COUNT_H
#define OTELSHIM_RAW_COUNT_H

#include "telemetry/raw_span.h"

struct raw_count {
    const struct process *process;
    const struct wire_instrumentation *instrumentation;
    enum wire_counter counter;
    int64_t delta;
    uint64_t mono_ns;
    /* of the connection first, then the record's own */
    const struct raw_fact *facts;
    uint32_t n_facts;
};

#endif
