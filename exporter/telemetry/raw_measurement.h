/*
 * raw_measurement: one measurement of an instrument of the program's own (otelshim.h), as the shim recorded it: validated, copied.
 *
 * Context: loop. Ownership: valid until the callback that was given it returns.
 */
#ifndef OTELSHIM_RAW_MEASUREMENT_H
#define OTELSHIM_RAW_MEASUREMENT_H

#include "telemetry/raw_span.h"

struct raw_measurement {
    const struct process *process;
    const struct wire_instrumentation *instrumentation;
    struct wire_measurement measurement;
    int64_t mono_to_unix_ns;
    const struct raw_fact *facts;
    uint32_t n_facts;
};

#endif
