/* report_kind: names of the kinds of death, as the JSON form has them. Context: any; pure. */
#ifndef OTELSHIM_CRASH_REPORT_KIND_H
#define OTELSHIM_CRASH_REPORT_KIND_H

#include "telemetry/crash_case.h"

static const char *const report_kinds[] = {
    [CRASH_SIGNAL] = "signal", [CRASH_HANDLED] = "handled",   [CRASH_KILLED] = "killed",
    [CRASH_OOM] = "oom",       [CRASH_VANISHED] = "vanished", [CRASH_STACKS] = "stacks",
};
#define N_REPORT_KINDS (sizeof(report_kinds) / sizeof(report_kinds[0]))

static inline const char *report_kind_name(enum crash_kind kind)
{
    return (size_t)kind < N_REPORT_KINDS ? report_kinds[kind] : "signal";
}

#endif
