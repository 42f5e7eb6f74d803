/*
 * rules: the rules file (OTELSHIM_RULES): "an HTTP span, a statement or a log line that matches … → this message, and these
 * counters and gauges", with fields from URL, status, duration, headers and, where OTELSHIM_BODY_BYTES copied them, JSON bodies by pointer
 * (RFC 6901). The format: README.md here.
 *
 * Context: loop, once per call. Ownership: a set per traced process; alerts and measurements live in `arena`.
 */
#ifndef OTELSHIM_SIGNAL_RULES_H
#define OTELSHIM_SIGNAL_RULES_H

#include "settings/settings.h"
#include "telemetry/alert.h"
#include "telemetry/log_record.h"
#include "telemetry/raw_span.h"
#include "telemetry/span.h"

struct rule_set;

/* What a rule counts: goes the way of measurements of otelshim.h (signals/metrics/custom.h). */
struct rule_measurement {
    enum wire_instrument instrument;
    const char *name, *unit;
    double value;
    struct attributes attributes;
};

struct rule_results {
    struct alert *alerts;
    uint32_t n_alerts;
    struct rule_measurement *measurements;
    uint32_t n_measurements;
    struct attributes attributes; /* for the span itself (RULES_TELL: none) */
};

/* Reads the files and profiles that the settings name. Problems, one line each, go to `note`. NULL: there are no rules. */
struct rule_set *rule_set_create(const struct settings *settings,
                                 void (*note)(void *context, const char *line), void *context);
void rule_set_destroy(struct rule_set *set);

/* A span that waits for its trace's end is told of at once and counted later: two passes over the same span. */
enum rule_pass { RULES_ALL, RULES_TELL, RULES_COUNT };

void rule_set_span(struct rule_set *set, const struct settings *settings, const struct raw_span *raw,
                   const struct span *span, enum rule_pass pass, struct arena *arena,
                   struct rule_results *ret_results);
void rule_set_log(struct rule_set *set, const struct settings *settings, const struct log_record *record,
                  struct arena *arena, struct rule_results *ret_results);

/* ---- templates of trade messages (templates.c): the documents' wording, ko and en, and own ones (OTELSHIM_TEMPLATES) ---- */
/* The message of template `name` ("buy", "sell", "analysis", …) with these fields, in the markup of rich_parse(). NULL: no such template. */
const char *template_render(const struct settings *settings, const char *name,
                            const struct attributes *fields, uint64_t time_unix_ns, struct arena *arena);

#endif
