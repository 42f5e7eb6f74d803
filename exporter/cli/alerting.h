/*
 * alerting: the pipe of alerts: what judges and rules say of calls, log lines and deaths goes to outputs/alerts, what rules count goes
 * to metrics.
 *
 *   a call is read ─▶ alerting_span() ─┐
 *   a log record   ─▶ alerting_log()   ─┼─▶ judge, rules ─▶ alerts_raise()      on disk before the record is acknowledged
 *   a crash report ─▶ alerting_crash() ─┘               └─▶ metering_rules()
 *
 * Context: loop. Ownership: the pipeline's.
 */
#ifndef OTELSHIM_ALERTING_H
#define OTELSHIM_ALERTING_H

#include "cli/pipeline_priv.h"
#include "telemetry/crash_report.h"
#include "telemetry/log_record.h"

/* The spool's directory is known. */
void alerting_start(struct pipeline *pipeline);
/* Nothing more is raised. What waits stays on disk. */
void alerting_stop(struct pipeline *pipeline);
/* Settings and resource of the process are known. */
void alerting_begin(struct pipeline *pipeline, struct traced *traced);
/* Its settings were read again: rules and chats may be others. */
void alerting_reload(struct pipeline *pipeline, struct traced *traced);
void alerting_end(struct traced *traced);
/* Is anybody to be told about this program's calls and log lines? Then each is assembled. */
static inline bool alerting_wants(const struct traced *traced)
{
    return traced->process->settings->alerts.is_on || traced->rule_set;
}
/*
 * How many measurements of rules wait now for this record's acknowledgement. `span` before limits; it gets the attributes that
 * rules give it, in `arena`.
 */
uint32_t alerting_span(struct traced *traced, const struct raw_span *raw, struct span *span,
                       struct arena *arena);
/*
 * A span that is about to wait for OTELSHIM_KEEP: told now, not when its trace is over. What rules count of it is counted when it is
 * delivered.
 */
void alerting_span_early(struct traced *traced, const struct raw_span *raw);
uint32_t alerting_log(struct traced *traced, const struct log_record *record);
/*
 * `settings` of the program where it is known, NULL: the exporter's own. `file` is the report as text; NULL: not there yet. `is_told`: it
 * was told without the file, which now follows.
 */
void alerting_crash(struct pipeline *pipeline, const struct settings *settings,
                    const struct crash_report *report, const char *file, bool is_told);
/* Nothing is on its way to anybody who can be reached. */
bool alerting_is_idle(const struct pipeline *pipeline);
void alerting_flush(struct pipeline *pipeline);

#endif
