/* alerting: see alerting.h. */
#include "cli/alerting.h"

#include "base/log.h"
#include "cli/metering.h"
#include "outputs/alerts/alerts.h"
#include "signals/alerts/judge.h"
#include "signals/rules/rules.h"
#include "signals/spans/assemble.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_MISSING                                                                                     \
    "OTELSHIM_TELEGRAM_TOKEN could not be read before the program ended: put it into otelshim.conf; its " \
    "alerts are only "                                                                                    \
    "in `otelshim alerts`"

/* ---- life ---- */

/* Beside the spool: the state directory, or the drop box where there is none. */
void alerting_start(struct pipeline *pipeline)
{
    char path[PATH_MAX];
    memcpy(path, pipeline->spool_directory, sizeof(path));
    int error = alerts_create(&pipeline->alerts, pipeline->loop, dirname(path));
    if (error)
        log_write(LOG_LEVEL_WARN, "alerts are kept in memory only: %s", strerrordesc_np(-error));
    pipeline->own_settings = settings_create_own();
    alerts_learn(pipeline->alerts, pipeline->own_settings);
}

void alerting_stop(struct pipeline *pipeline)
{
    alerts_destroy(pipeline->alerts);
    pipeline->alerts = NULL;
    settings_destroy(pipeline->own_settings);
    pipeline->own_settings = NULL;
    arena_fini(&pipeline->alert_scratch);
}

static void note_problem(void *context, const char *line)
{
    struct traced *traced = context;
    traced_tell(traced->pipeline, traced, line);
}

void alerting_begin(struct pipeline *pipeline, struct traced *traced)
{
    traced->judge = judge_create();
    alerting_reload(pipeline, traced);
}

void alerting_reload(struct pipeline *pipeline, struct traced *traced)
{
    const struct settings *settings = traced->process->settings;
    rule_set_destroy(traced->rule_set);
    traced->rule_set = rule_set_create(settings, note_problem, traced);
    alerts_learn(pipeline->alerts, settings);
    if (settings->is_secret_missing[SETTING_OTELSHIM_TELEGRAM_TOKEN])
        traced_tell(pipeline, traced, TOKEN_MISSING);
}

void alerting_end(struct traced *traced)
{
    judge_destroy(traced->judge);
    rule_set_destroy(traced->rule_set);
    traced->judge = NULL;
    traced->rule_set = NULL;
}

/* ---- whose ---- */

static const char *resource_text(const struct resource *resource, const char *key)
{
    const struct attribute *item = attribute_find(&resource->attributes, key);
    return item && item->type == ATTRIBUTE_STRING ? item->value.string.bytes : NULL;
}

/* A build id tells people nothing: enough of it to tell two of them apart. */
static const char *short_version(struct arena *arena, const struct process *process)
{
    const char *version = resource_text(process->resource, "service.version");
    bool is_build_id = version && *version && strcmp(version, process->build_id) == 0;
    return is_build_id ? arena_printf(arena, "%.12s", version) : version;
}

static void say_whose(struct arena *arena, struct alert *alert, const struct process *process)
{
    const struct resource *resource = process->resource;
    alert->service = resource->service_name;
    alert->version = short_version(arena, process);
    alert->environment = resource_text(resource, "deployment.environment.name");
    alert->host = resource_text(resource, "host.name");
    alert->pid = process->pid;
}

static void raise_it(struct traced *traced, struct alert *alert)
{
    say_whose(&traced->pipeline->alert_scratch, alert, traced->process);
    alerts_raise(traced->pipeline->alerts, traced->process->settings, alert);
}

static void raise_results(struct traced *traced, const struct span *span, const struct rule_results *results)
{
    for (uint32_t i = 0; i < results->n_alerts; i++)
        if (judge_admit(traced->process->settings, span, &results->alerts[i]))
            raise_it(traced, &results->alerts[i]);
}

/* ---- calls ---- */

static void judge_call(struct traced *traced, const struct raw_span *raw, const struct span *span)
{
    struct pipeline *pipeline = traced->pipeline;
    const struct settings *settings = traced->process->settings;
    struct verdict verdict;
    judge_span(traced->judge, settings, raw, span, &pipeline->alert_scratch, &verdict);
    for (uint32_t i = 0; i < verdict.n; i++)
        raise_it(traced, &verdict.alerts[i]);
    for (uint32_t i = 0; i < verdict.n_resolved; i++)
        alerts_resolve(pipeline->alerts, settings, traced->process->resource->service_name,
                       verdict.resolved[i]);
}

/* What rules say of the span itself, at its end: its list may be that of others, so it gets one of its own. */
static void describe(struct span *span, const struct attributes *given, struct arena *arena)
{
    if (!given->n)
        return;
    const struct attributes old = span->attributes;
    span->attributes.items = arena_alloc(arena, (old.n + given->n) * sizeof(*old.items));
    memcpy(span->attributes.items, old.items, old.n * sizeof(*old.items));
    span->attributes.max = old.n + given->n;
    span->likeness = NULL;
    for (uint32_t i = 0; i < given->n; i++) {
        const struct attribute *item = &given->items[i];
        const char *key = arena_copy(arena, item->key, strlen(item->key));
        if (item->type == ATTRIBUTE_STRING)
            attribute_set_text(&span->attributes, arena, key, item->value.string.bytes,
                               item->value.string.n_bytes);
        else if (item->type == ATTRIBUTE_INT)
            attribute_set_int(&span->attributes, arena, key, item->value.integer);
        else
            attribute_set_double(&span->attributes, arena, key, item->value.number);
    }
    span->attributes.n_custom += span->attributes.n - old.n;
}

uint32_t alerting_span(struct traced *traced, const struct raw_span *raw, struct span *span,
                       struct arena *arena)
{
    struct pipeline *pipeline = traced->pipeline;
    uint32_t n_measured = 0;
    if (raw->kind == RAW_ROOT)
        return 0;
    if (!raw->is_judged)
        judge_call(traced, raw, span);
    if (traced->rule_set) {
        struct rule_results results = {.n_alerts = 0};
        rule_set_span(traced->rule_set, traced->process->settings, raw, span,
                      raw->is_judged ? RULES_COUNT : RULES_ALL, &pipeline->alert_scratch, &results);
        raise_results(traced, span, &results);
        describe(span, &results.attributes, arena);
        n_measured = metering_rules(traced, results.measurements, results.n_measurements, span->end_unix_ns);
    }
    arena_reset(&pipeline->alert_scratch);
    return n_measured;
}

void alerting_span_early(struct traced *traced, const struct raw_span *raw)
{
    struct pipeline *pipeline = traced->pipeline;
    const struct settings *settings = traced->process->settings;
    const struct span *span = assemble_call(&pipeline->scratch, raw, settings);
    judge_call(traced, raw, span);
    if (traced->rule_set) {
        struct rule_results results = {.n_alerts = 0};
        rule_set_span(traced->rule_set, settings, raw, span, RULES_TELL, &pipeline->alert_scratch, &results);
        raise_results(traced, span, &results);
    }
    arena_reset(&pipeline->alert_scratch);
}

/* ---- log records ---- */

uint32_t alerting_log(struct traced *traced, const struct log_record *record)
{
    struct pipeline *pipeline = traced->pipeline;
    const struct settings *settings = traced->process->settings;
    struct alert alert;
    uint32_t n_measured = 0;
    if (judge_log(settings, record, &pipeline->alert_scratch, &alert))
        raise_it(traced, &alert);
    if (traced->rule_set) {
        struct rule_results results = {.n_alerts = 0};
        rule_set_log(traced->rule_set, settings, record, &pipeline->alert_scratch, &results);
        raise_results(traced, NULL, &results);
        n_measured =
            metering_rules(traced, results.measurements, results.n_measurements, record->time_unix_ns);
    }
    arena_reset(&pipeline->alert_scratch);
    return n_measured;
}

/* ---- deaths ---- */

void alerting_crash(struct pipeline *pipeline, const struct settings *settings,
                    const struct crash_report *report, const char *file, bool is_told)
{
    struct alert alert;
    const struct settings *whose = settings ? settings : pipeline->own_settings;
    judge_crash(report, file, &pipeline->alert_scratch, &alert);
    bool is_admitted = judge_admit(whose, NULL, &alert);
    if (is_told) {
        alert.title = arena_printf(&pipeline->alert_scratch, "%s: %s", alert.type,
                                   whose->alerts.language == LANGUAGE_KO ? "보고서" : "the report");
        alert.is_silent = true;
    }
    if (is_admitted)
        alerts_raise(pipeline->alerts, whose, &alert);
    arena_reset(&pipeline->alert_scratch);
}

/* ---- leaving ---- */

bool alerting_is_idle(const struct pipeline *pipeline)
{
    return alerts_is_idle(pipeline->alerts);
}

void alerting_flush(struct pipeline *pipeline)
{
    alerts_flush(pipeline->alerts);
}
