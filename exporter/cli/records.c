/* records: what comes out of the mapped files besides spans: counts, log records, measurements. */
#include "cli/alerting.h"
#include "cli/callstacks.h"
#include "cli/client_settings.h"
#include "cli/lines.h"
#include "cli/metering.h"
#include "cli/metering_self.h"
#include "cli/pipeline_priv.h"
#include "signals/logs/logs.h"
#include "signals/spans/limits.h"

#include <stdio.h>

/* ---- what only adds to metrics: its receipt goes with those of spans, which hold it up no longer than themselves ---- */

static void hand_on(struct pipeline *pipeline, struct traced *traced, const struct receipt *receipt,
                    const struct measured_range *measured)
{
    struct receipt placed = lanes_enter(traced->lanes, receipt);
    struct receipt ticket = lanes_issue(traced->lanes, &placed, LANE_SPANS, measured);
    if (traced->destination)
        otlp_add(traced->destination->otlp, NULL, &ticket);
    else
        pipeline_acknowledge_later(pipeline, &ticket);
}

static bool is_off(const struct traced *traced)
{
    return traced->process->settings->live & WIRE_LIVE_OFF; /* recorded before the program saw it */
}

void records_on_count(void *context, const struct raw_count *raw, const struct receipt *receipt)
{
    struct pipeline *pipeline = context;
    struct traced *traced = traced_take(pipeline, raw->process, receipt);
    struct measured_range measured = {metering_next(traced), 0};
    if (!is_off(traced))
        measured.n = metering_count(pipeline, traced, raw);
    hand_on(pipeline, traced, receipt, &measured);
}

void records_on_measurement(void *context, const struct raw_measurement *raw, const struct receipt *receipt)
{
    struct pipeline *pipeline = context;
    struct traced *traced = traced_take(pipeline, raw->process, receipt);
    struct measured_range measured = {metering_next(traced), 0};
    traced->n_measurements++;
    if (!is_off(traced))
        measured.n = metering_measurement(pipeline, traced, raw);
    hand_on(pipeline, traced, receipt, &measured);
}

/* ---- log records ---- */

/* A secret that they need was never known; spans may have found another program's. */
static void tell_lost(struct pipeline *pipeline, struct traced *traced, const char *missing)
{
    char text[200];
    if (traced->has_lost_logs)
        return;
    traced->has_lost_logs = true;
    snprintf(
        text, sizeof(text),
        "%s could not be read before the program ended: put it into otelshim.conf; its log records are lost",
        missing);
    traced_tell(pipeline, traced, text);
}

/* Made for the first one: few programs log. NULL: none is asked for, or cannot be had. */
struct otlp *records_logs_of(struct pipeline *pipeline, struct traced *traced)
{
    const struct process *process = traced->process;
    const struct settings *settings = process->settings;
    if (traced->logs_destination)
        return traced->logs_destination->otlp;
    if (!(settings->logs_exporters & EXPORT_OTLP))
        return NULL;
    const char *missing = client_settings_missing(settings);
    traced->logs_destination = missing ? destination_find_alike(pipeline, process, settings, OTLP_LOGS)
                                       : destination_get(pipeline, process, settings, OTLP_LOGS);
    if (!traced->logs_destination)
        tell_lost(pipeline, traced, missing);
    return traced->logs_destination ? traced->logs_destination->otlp : NULL;
}

/* Where nobody takes them and they cannot be spooled, the oldest go, counted: spans do not wait for them. */
bool records_have_room(const struct traced *traced)
{
    struct otlp_counts counts;
    if (!traced->logs_destination || otlp_has_room(traced->logs_destination->otlp))
        return true;
    otlp_get_counts(traced->logs_destination->otlp, &counts);
    if (counts.is_down)
        otlp_relieve(traced->logs_destination->otlp);
    return otlp_has_room(traced->logs_destination->otlp);
}

/* As the logs SDK has it ("minimum severity"): a record without a severity is wanted. Alerts and rules have seen it by then. */
bool records_is_wanted(const struct traced *traced, const struct log_record *record)
{
    return !record->severity || (uint32_t)record->severity >= traced->process->settings->least_severity;
}

void records_on_log(void *context, const struct raw_log *raw, const struct receipt *receipt)
{
    struct pipeline *pipeline = context;
    struct traced *traced = traced_take(pipeline, raw->process, receipt);
    struct receipt placed = lanes_enter(traced->lanes, receipt);
    if (raw->log.kind == WIRE_LOG_OUTPUT) {
        lines_take(pipeline, traced, raw, &placed);
        return;
    }
    traced->n_logs++;
    metering_self_log(pipeline);
    if (!callstacks_hold_log(pipeline, traced, raw, &placed))
        records_pass_log(pipeline, traced, raw, &placed);
}

void records_pass_log(struct pipeline *pipeline, struct traced *traced, const struct raw_log *raw,
                      const struct receipt *placed)
{
    const struct settings *settings = traced->process->settings;
    struct otlp *otlp = is_off(traced) ? NULL : records_logs_of(pipeline, traced);
    struct arena *arena = otlp ? otlp_arena(otlp) : &pipeline->scratch;
    struct measured_range measured = {metering_next(traced), 0};
    bool is_told = alerting_wants(traced) && !is_off(traced);
    struct log_record *record = otlp || is_told ? logs_assemble(arena, raw, settings) : NULL;
    if (is_told)
        measured.n = alerting_log(traced, record);
    if (otlp && !records_is_wanted(traced, record))
        record = NULL;
    if (otlp && record)
        limits_apply_log(record, arena, settings);
    struct receipt ticket = lanes_issue(traced->lanes, placed, LANE_LOGS, &measured);
    if (otlp)
        otlp_add_record(otlp, record, &ticket);
    else
        pipeline_acknowledge_later(pipeline, &ticket);
}
