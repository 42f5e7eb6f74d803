/*
 * raw_span: a span as the shim recorded it: validated, copied out of the mapped file, not yet understood.
 *
 * The source makes it, signals/spans makes a struct span of it. Context: loop. Ownership: valid until the callback
 * that was given it returns.
 */
#ifndef OTELSHIM_RAW_SPAN_H
#define OTELSHIM_RAW_SPAN_H

#include "telemetry/attribute.h"
#include "telemetry/call_stack.h"
#include "telemetry/process.h"
#include <wire.h>

struct raw_fact {
    uint16_t key; /* enum wire_attribute */
    uint8_t type; /* enum wire_type */
    bool is_cut;
    uint32_t n_bytes;  /* of a string */
    const char *bytes; /* not NUL-terminated; NULL for numbers */
    int64_t integer;
    double number;
};

enum raw_kind {
    RAW_SPAN,     /* ended by the program */
    RAW_ROOT,     /* root of an episode */
    RAW_IN_FLIGHT /* was open when the process died: end is the time of death */
};

#define RAW_MAX_FACTS 192u

/*
 * Where the facts were decoded from: spans with equal sources have equal facts. Shared blocks have numbers that no other
 * block of this exporter has; 0 none.
 */
struct raw_source {
    uint64_t connection, statement;
    const uint8_t *bytes; /* the span's own facts; NULL: not known */
    uint32_t n_bytes;
};

struct raw_span {
    enum raw_kind kind;
    const struct process *process;
    const struct wire_instrumentation *instrumentation; /* NULL for a root */
    struct wire_span_facts span;
    uint64_t end_mono_ns;
    int64_t mono_to_unix_ns; /* add to a CLOCK_MONOTONIC time to get CLOCK_REALTIME as it was then */
    enum wire_outcome outcome;
    uint32_t calls, errors; /* of a root */
    char thread_name[17];
    /* all facts: shared ones of the connection and statement first, then the span's own */
    const struct raw_fact *facts;
    uint32_t n_facts;
    struct raw_source source;
    bool is_kept;                   /* exported though it was not sampled (OTELSHIM_KEEP) */
    bool is_judged;                 /* alerts were told of it before it waited for that */
    const struct call_stack *stack; /* where it failed; NULL: not known */
    const char *death;              /* RAW_IN_FLIGHT: "exit", "killed", "exec"; NULL otherwise */
};

/* A copy of facts, with their bytes, in the arena. */
const struct raw_fact *raw_facts_copy(struct arena *arena, const struct raw_fact *facts, uint32_t n_facts);

/* First fact of that key, NULL when there is none. */
const struct raw_fact *raw_span_find(const struct raw_span *raw, enum wire_attribute key);

/* When it ended: the record's end, or an earlier one that the library knew (HTTP_END_US). Durations are made of this. */
uint64_t raw_span_end_mono_ns(const struct raw_span *raw);

#endif
