/*
 * compose: what an alert says, as rich text: level and type, whose, when; what went wrong; what is known about it; where.
 *
 * At most about 900 UTF-16 units, so that a phone shows it whole; the rest is in the report that goes along. English and Korean.
 *
 * Context: loop. Ownership: the text lives in its arena.
 */
#ifndef OTELSHIM_ALERT_COMPOSE_H
#define OTELSHIM_ALERT_COMPOSE_H

#include "settings/settings.h"
#include "telemetry/alert.h"
#include "telemetry/rich_text.h"

struct compose_options {
    enum language language;
    const char *trace_url; /* with {trace_id}; NULL: none */
    uint64_t n_suppressed; /* that were not told since `suppressed_unix_ns` */
    uint64_t suppressed_unix_ns;
};

void compose_alert(struct rich_text *rich, const struct alert *alert, const struct compose_options *options);

/* Lines that are added at the end: to a living message … */
void compose_count(struct rich_text *rich, enum language language, uint64_t n, uint64_t last_unix_ns);
void compose_resolved(struct rich_text *rich, enum language language, uint64_t after_ns);
/* … and when it is sent. */
void compose_late(struct rich_text *rich, enum language language, uint64_t after_ns);
void compose_repetition(struct rich_text *rich, enum language language);

/* Local time of the machine: "2026-01-31 09:00:00 KST". */
void compose_time(uint64_t unix_ns, char *ret_text, size_t max_bytes);

#endif
