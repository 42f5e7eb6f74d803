/*
 * judge: which finished calls are worth telling a person, and what about them.
 *
 * By default: HTTP 5xx, curl transport errors and timeouts, streaks of 401/403 per host, PostgreSQL classes 08, 53, 57, 58, XX, Redis
 * connection errors; a request that is not idempotent, was sent, and never answered; calls slower than OTELSHIM_ALERT_SLOW; hosts
 * that fail many times in a row, or too often. OTELSHIM_ALERT_IGNORE is asked first. Which and why: README.md here.
 *
 * Context: loop, once per call, sampled or not: a few comparisons for a call that went well. Ownership: one judge per traced
 * process; alerts live in `arena`.
 */
#ifndef OTELSHIM_ALERT_JUDGE_H
#define OTELSHIM_ALERT_JUDGE_H

#include "settings/settings.h"
#include "telemetry/alert.h"
#include "telemetry/crash_report.h"
#include "telemetry/log_record.h"
#include "telemetry/raw_span.h"
#include "telemetry/span.h"

struct judge;

struct judge *judge_create(void);
/* NULL is fine. */
void judge_destroy(struct judge *judge);

#define JUDGE_MAX_ALERTS 3u   /* the call's own, that it was slow, its host's trouble */
#define JUDGE_MAX_RESOLVED 3u /* its host answers, takes the credentials, fails seldom */

struct verdict {
    struct alert alerts[JUDGE_MAX_ALERTS];
    uint32_t n;
    const char *resolved[JUDGE_MAX_RESOLVED]; /* `problem` of earlier alerts that this call ends */
    uint32_t n_resolved;
};

/* `span` as assembled from `raw`, before limits. What is off in OTELSHIM_ALERT_CLASSES is not in the verdict. */
void judge_span(struct judge *judge, const struct settings *settings, const struct raw_span *raw,
                const struct span *span, struct arena *arena, struct verdict *ret_verdict);
/* A log record of the program; false: nobody needs to be told. */
bool judge_log(const struct settings *settings, const struct log_record *record, struct arena *arena,
               struct alert *ret_alert);
/* A crash or death. `file`: its report as text; NULL none. */
void judge_crash(const struct crash_report *report, const char *file, struct arena *arena,
                 struct alert *ret_alert);

/*
 * What OTELSHIM_ALERT_CLASSES, _LEVEL, _IGNORE and _SILENT say of an alert, wherever it comes from: false: it is not told. Sets
 * is_silent. `span`: the call it is about; NULL none.
 */
bool judge_admit(const struct settings *settings, const struct span *span, struct alert *alert);

#endif
