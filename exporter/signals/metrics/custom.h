/*
 * custom: instruments of the program's own: what otelshim.h measures, and what rules count (signals/rules/rules.h).
 *
 * An instrument is a name (of any letter case: the first spelling stays), a unit and a kind. Two kinds or units of one name are two
 * metrics, and said once (OTel spec, metrics SDK, "Duplicate instrument registration"). Counters and histograms take no
 * negative numbers, nothing takes what is not finite; names must be OpenTelemetry's. Attributes have no order. Histograms have
 * the SDK's default buckets, or exponential ones where the settings say so.
 *
 * Context: loop. Ownership: the set's. What is said is said once per process, through `note`.
 */
#ifndef OTELSHIM_CUSTOM_H
#define OTELSHIM_CUSTOM_H

#include "signals/metrics/aggregate.h"
#include "telemetry/raw_measurement.h"

#define CUSTOM_SCOPE "otelshim.api"
#define CUSTOM_MAX_INSTRUMENTS 1000u /* of one process */

struct custom_measurement {
    enum wire_instrument instrument;
    const char *name, *unit, *description; /* NUL-terminated, valid UTF-8; NULL: none */
    bool is_double;
    int64_t integer;
    double number;
    struct attributes attributes; /* strings, numbers, bools */
    uint64_t time_unix_ns;
    uint8_t trace_id[16], span_id[8]; /* all zero: none */
    uint8_t flags;                    /* WIRE_SPAN_… of that span */
};

struct custom_notes {
    void (*note)(void *context, const char *line); /* NULL: nobody listens */
    void *context;
};

/* What the shim recorded; texts and attributes in the arena. */
void custom_read(struct arena *arena, const struct raw_measurement *raw, const struct settings *settings,
                 struct custom_measurement *ret_measurement);
/* True: it waits for derive_settle() (derive.h). */
bool custom_measure(struct metric_set *set, const struct custom_measurement *measurement,
                    const struct custom_notes *notes);

#endif
