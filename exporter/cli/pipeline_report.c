/* pipeline_report: what a pipeline knows of its processes and destinations, for `otelshim status`. See pipeline.h. */
#include "cli/pipeline_priv.h"
#include "outputs/alerts/alerts.h"

#include <string.h>

struct reporting {
    struct pipeline *pipeline;
    struct report *report;
};

static void report_process(struct report *report, const struct traced *traced,
                           const struct dropbox_counts *counts)
{
    struct report_process *process = report_add_process(report);
    process->pid = traced->pid;
    process->uid = traced->uid;
    process->name = arena_copy(&report->arena, traced->name, strlen(traced->name));
    process->service = arena_copy(&report->arena, traced->service, strlen(traced->service));
    process->note = traced->note[0] ? arena_copy(&report->arena, traced->note, strlen(traced->note)) : NULL;
    process->is_alive = counts->is_alive;
    process->recorded = traced->recorded;
    process->exported = traced->exported;
    process->n_in_flight = counts->n_in_flight;
    process->corrupt = counts->corrupt;
    process->live = traced->live[0] ? arena_copy(&report->arena, traced->live, strlen(traced->live)) : NULL;
    process->excluded = traced->n_excluded;
    struct keep_counts kept = traced->keep ? keep_get_counts(traced->keep) : traced->keep_counts;
    process->n_held = kept.held;
    process->kept = kept.kept;
    process->keep_dropped = kept.dropped;
    memcpy(process->dropped, counts->dropped, sizeof(process->dropped));
}

static void report_living(void *context, const struct process *process, const struct dropbox_counts *counts)
{
    struct reporting *reporting = context;
    const struct traced *traced = traced_find(reporting->pipeline, process);
    if (traced)
        report_process(reporting->report, traced, counts);
}

static void report_destination(struct report *report, const struct destination *destination)
{
    struct otlp_counts counts;
    otlp_get_counts(destination->otlp, &counts);
    struct report_destination *row = report_add_destination(report);
    const char *url = otlp_url(destination->otlp);
    row->url = arena_copy(&report->arena, url, strlen(url));
    row->last_error = arena_copy(&report->arena, counts.last_error, strlen(counts.last_error));
    row->last_error_unix_ns = counts.last_error_unix_ns;
    row->is_down = counts.is_down;
    row->exported = counts.exported;
    row->rejected = counts.rejected;
    row->dropped = counts.dropped_spool;
    row->repeated = counts.repeated;
    row->queued = counts.queued;
    row->spooled_batches = counts.spooled_batches;
    row->spooled_bytes = counts.spooled_bytes;
}

static void report_alerts(struct report *report, const struct alerts *alerts)
{
    struct alerts_counts counts;
    alerts_get_counts(alerts, &counts);
    report->alerts = (struct report_alerts){
        .raised = counts.raised,
        .sent = counts.sent,
        .suppressed = counts.suppressed + counts.folded,
        .dropped = counts.dropped,
        .waiting = counts.waiting,
        .refused = counts.refused,
        .last_error = arena_copy(&report->arena, counts.last_error, strlen(counts.last_error)),
    };
}

void pipeline_report(struct pipeline *pipeline, struct report *report)
{
    struct reporting reporting = {pipeline, report};
    dropbox_each(pipeline->dropbox, report_living, &reporting);
    for (uint32_t i = 0; i < MAX_ENDED; i++) {
        uint32_t newest_first = (pipeline->n_ended + MAX_ENDED - 1 - i) % MAX_ENDED;
        if (pipeline->ended[newest_first])
            report_process(report, pipeline->ended[newest_first], &pipeline->ended[newest_first]->counts);
    }
    report->ended = pipeline->gone;
    for (uint32_t signal = OTLP_TRACES; signal <= OTLP_METRICS; signal++)
        for (const struct destination *each = pipeline->destinations; each; each = each->next)
            if (each->signal == signal)
                report_destination(report, each);
    report_alerts(report, pipeline->alerts);
    const char *directory = dropbox_directory(pipeline->dropbox);
    report->directory =
        arena_copy(&report->arena, directory ? directory : "", directory ? strlen(directory) : 0);
}
