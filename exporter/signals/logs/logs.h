/*
 * logs: a raw log of the shim as a log record of OpenTelemetry.
 *
 *   syslog(3)                 body: format and arguments put together (format.h); syslog.facility, syslog.appname (openlog's ident)
 *   otelshim_log()            body
 *   otelshim_event()          body, event_name
 *   otelshim_report_error()   event `exception`: exception.type, exception.message; body the message
 *   otelshim_trade()          event `otelshim.trade`, otelshim.trade.template
 *   otelshim_notice()         event `otelshim.notice`
 *
 * All have thread.id, the custom attributes of the call, severity, and trace and span that were open. Texts are redacted like
 * a crash's message, line ends kept, unless OTELSHIM_RAW.
 *
 * Context: loop. Ownership: the record lives in `arena`.
 */
#ifndef OTELSHIM_SIGNAL_LOGS_H
#define OTELSHIM_SIGNAL_LOGS_H

#include "settings/settings.h"
#include "telemetry/log_record.h"
#include "telemetry/raw_log.h"

/* Before limits. Resource is the process's. */
struct log_record *logs_assemble(struct arena *arena, const struct raw_log *raw,
                                 const struct settings *settings);
/* Custom attributes (WIRE_CUSTOM) of any record, appended to `list`; of one key the last one counts. */
void logs_add_custom(struct attributes *list, struct arena *arena, const struct raw_fact *facts,
                     uint32_t n_facts, const struct settings *settings);
/* A text of the program's own words as it may be shown. */
struct text logs_text(struct arena *arena, const char *text, size_t bytes, const struct settings *settings);
/* "INFO", "ERROR2": the short name of a SeverityNumber; NULL: it is none. */
const char *logs_severity_name(uint32_t severity);

#endif
