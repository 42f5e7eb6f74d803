/*
 * alerting: the pipe of alerts: what judges and rules say of calls, log lines and deaths goes to outputs/alerts, what rules count goes
 * to metrics.
 *
 * Context: loop. Ownership: the pipeline's.
 */
#ifndef OTELSHIM_ALERTING_H
#define OTELSHIM_ALERTING_H

#include "cli/pipeline_priv.h"
#include "telemetry/crash_report.h"
#include "telemetry/log_record.h"

void alerting_start(struct pipeline *pipeline);
void alerting_stop(struct pipeline *pipeline);
void alerting_begin(struct pipeline *pipeline, struct traced *traced);
void alerting_end(struct pipeline *pipeline, struct traced *traced);
/* Is anybody to be told about this program's calls? Then each is assembled. */
bool alerting_wants(const struct traced *traced);
void alerting_span(struct traced *traced, const struct raw_span *raw, const struct span *span);
void alerting_log(struct traced *traced, const struct log_record *record);
/* `settings` of the program where it is known, else the exporter's own. `file` is the text report. */
void alerting_crash(struct pipeline *pipeline, const struct settings *settings,
                    const struct crash_report *report, const char *file);

#endif
