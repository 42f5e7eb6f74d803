/*
 * raw_log: something the program said (syslog(3), otelshim.h), as the shim recorded it: validated, copied, not yet understood.
 *
 * Context: loop. Ownership: valid until the callback that was given it returns.
 */
#ifndef OTELSHIM_RAW_LOG_H
#define OTELSHIM_RAW_LOG_H

#include "telemetry/raw_span.h"

struct raw_log {
    const struct process *process;
    const struct wire_instrumentation *instrumentation;
    struct wire_log log;
    int64_t mono_to_unix_ns;
    const struct raw_fact *facts;
    uint32_t n_facts;
    const struct call_stack *stack; /* where an error was reported; NULL: not known */
};

#endif
