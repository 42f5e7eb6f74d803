/*
 * logs: a raw log of the shim as a log record of OpenTelemetry: body assembled (syslog's format, %m), severity, trace and span, custom
 * attributes. What it is about is redacted like a crash's message unless OTELSHIM_RAW.
 *
 * Context: loop. Ownership: the record lives in `arena`.
 */
#ifndef OTELSHIM_SIGNAL_LOGS_H
#define OTELSHIM_SIGNAL_LOGS_H

#include "settings/settings.h"
#include "telemetry/log_record.h"
#include "telemetry/raw_log.h"

struct log_record *logs_assemble(struct arena *arena, const struct raw_log *raw,
                                 const struct settings *settings);
/* Custom attributes (WIRE_CUSTOM) of any record, appended to `list`. */
void logs_add_custom(struct attributes *list, struct arena *arena, const struct raw_fact *facts,
                     uint32_t n_facts);

#endif
