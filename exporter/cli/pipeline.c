/* pipeline: see pipeline.h. Built and torn down in the one visible order of pipeline_create() and pipeline_destroy(). */
#include "base/log.h"
#include "cli/alerting.h"
#include "cli/callstacks.h"
#include "cli/crashing.h"
#include "cli/lines.h"
#include "cli/metering.h"
#include "cli/metering_self.h"
#include "cli/pipeline_priv.h"
#include "cli/spool_size.h"
#include "outputs/alerts/alerts.h"
#include "signals/spans/assemble.h"
#include "signals/spans/limits.h"

#include <stdlib.h>
#include <string.h>

#define LOOK_MAX_SPANS 2048u /* at one look: then the loop has its turn */
#define MORE_THERE UINT32_MAX
#define MAX_LAST_LOOKS 3u
#define MAX_UNMEASURED 4096u /* at the highest rates a checkpoint for so many records is cheap enough */

/* ---- events of the drop boxes ---- */

static void on_process(void *context, struct process *process)
{
    traced_begin(context, process);
}

static void on_process_gone(void *context, struct process *process)
{
    traced_end(context, process);
}

static void on_note(void *context, const char *line)
{
    (void)context;
    log_write(LOG_LEVEL_WARN, "%s", line);
}

/* Not within the look: what is acknowledged may close the client that is being read. */
void pipeline_acknowledge_later(struct pipeline *pipeline, const struct receipt *receipt)
{
    struct receipt *last =
        pipeline->n_acknowledgements ? &pipeline->acknowledgements[pipeline->n_acknowledgements - 1] : NULL;
    pipeline->n_unmeasured += receipt->n_measured;
    if (last && last->client == receipt->client && last->kind == receipt->kind &&
        last->index == receipt->index) {
        last->word = receipt->word;
        last->n_spans += receipt->n_spans;
        last->n_measured += receipt->n_measured;
        return;
    }
    if (!pipeline->acknowledgements || pipeline->n_acknowledgements == pipeline->max_acknowledgements) {
        pipeline->max_acknowledgements =
            pipeline->max_acknowledgements ? 2 * pipeline->max_acknowledgements : 64;
        pipeline->acknowledgements =
            realloc(pipeline->acknowledgements, pipeline->max_acknowledgements * sizeof(struct receipt));
        if (!pipeline->acknowledgements)
            abort();
    }
    pipeline->acknowledgements[pipeline->n_acknowledgements++] = *receipt;
}

static void acknowledge_now(struct pipeline *pipeline)
{
    if (pipeline->n_acknowledgements == 0)
        return;
    alerts_save(pipeline->alerts);
    kept_acknowledge(pipeline, pipeline->acknowledgements, pipeline->n_acknowledgements);
    pipeline->n_acknowledgements = pipeline->n_unmeasured = 0;
}

/*
 * Before a record is acknowledged what it adds to metrics is in a checkpoint: then neither a kill loses it nor is it counted
 * twice. That is a file, so it is not written all the time, unless the pool is short.
 */
static void acknowledge_soon(struct pipeline *pipeline)
{
    if (pipeline->n_acknowledgements == 0)
        return;
    uint32_t wait_ms = metering_checkpoint_wait_ms(pipeline);
    if (!wait_ms || !pipeline->acknowledge_timer || pipeline->n_unmeasured >= MAX_UNMEASURED ||
        dropbox_pool_pct(pipeline->dropbox) > 50)
        acknowledge_now(pipeline);
    else
        loop_timer_start(pipeline->acknowledge_timer, wait_ms);
}

static void acknowledge_due(void *context)
{
    acknowledge_now(context);
}

void pipeline_give_back(struct pipeline *pipeline, const struct receipt *receipts, uint32_t n_receipts)
{
    for (uint32_t i = 0; i < n_receipts; i++)
        pipeline_acknowledge_later(pipeline, &receipts[i]);
    acknowledge_soon(pipeline);
}

void pipeline_deliver(struct pipeline *pipeline, struct traced *traced, const struct raw_span *raw,
                      const struct receipt *receipt)
{
    const struct settings *settings = traced->process->settings;
    struct measured_range measured = {metering_next(traced), 0};
    bool is_off = settings->live & WIRE_LIVE_OFF; /* recorded before the program saw it */
    struct otlp *otlp = traced->destination ? traced->destination->otlp : NULL;
    struct span *span = NULL;
    bool is_exported =
        ((raw->span.flags & WIRE_SPAN_SAMPLED) || raw->is_kept) && !is_off && (otlp || traced->is_shown);
    struct arena *arena = otlp && is_exported ? otlp_arena(otlp) : &pipeline->scratch;
    bool is_told = alerting_wants(traced) && !is_off;
    if (is_exported || is_told || (traced->metrics && !is_off)) {
        span = assemble_call(arena, raw, settings);
        measured.n = metering_span(traced, raw, span);
        if (is_told)
            measured.n += alerting_span(traced, raw, span, arena);
    }
    if (span && raw->kind == RAW_SPAN)
        crashing_note_span(traced, span, raw->span.tid);
    else if (span && raw->kind == RAW_IN_FLIGHT && is_exported)
        crashing_mark(traced, span, arena);
    if (!is_exported)
        span = NULL;
    if (span && !rules_admit(&traced->excluded, settings, raw, span)) {
        traced->n_excluded++;
        span = NULL;
    }
    if (span)
        limits_apply(span, arena, settings);
    if (span && traced->is_shown)
        console_add(pipeline->console, span, loop_now_ms(pipeline->loop));
    struct receipt ticket = lanes_issue(traced->lanes, receipt, LANE_SPANS, &measured);
    ticket.n_spans = span ? 1 : 0;
    if (otlp)
        otlp_add(otlp, span, &ticket);
    else
        pipeline_acknowledge_later(pipeline, &ticket);
}

static void on_span(void *context, const struct raw_span *raw, const struct receipt *receipt)
{
    struct pipeline *pipeline = context;
    struct traced *traced = traced_take(pipeline, raw->process, receipt);
    traced->recorded++;
    metering_self_span(pipeline, raw->span.flags & WIRE_SPAN_SAMPLED);
    kept_take(pipeline, traced, raw, receipt);
}

/* Records of a process stay in its file while its destination has no room for them, or may not be told them yet. */
static bool may_take(void *context, const struct process *process)
{
    struct pipeline *pipeline = context;
    const struct traced *traced = traced_find(pipeline, process);
    if (!traced)
        return true;
    if (traced->missing && !traced->destination)
        return false;
    bool has_room =
        (!traced->destination || otlp_has_room(traced->destination->otlp)) && records_have_room(traced);
    pipeline->was_gated |= !has_room;
    return has_room;
}

/* ---- looking ---- */

static void print_due(void *context)
{
    struct pipeline *pipeline = context;
    uint32_t after_ms = console_print_due(pipeline->console, loop_now_ms(pipeline->loop));
    if (after_ms != UINT32_MAX)
        loop_timer_start(pipeline->console_timer, after_ms);
}

static uint32_t look(void *context)
{
    struct pipeline *pipeline = context;
    uint32_t n = dropbox_poll(pipeline->dropbox, LOOK_MAX_SPANS);
    crashing_look(pipeline);
    bool is_short = dropbox_pool_pct(pipeline->dropbox) > 50;
    kept_look(pipeline, is_short);
    lines_look(pipeline);
    acknowledge_soon(pipeline);
    arena_reset(&pipeline->scratch);
    if (is_short)
        for (struct destination *each = pipeline->destinations; each; each = each->next)
            otlp_relieve(each->otlp);
    if (n > 0 && pipeline->console)
        print_due(pipeline);
    return n >= LOOK_MAX_SPANS || (n > 0 && is_short) ? MORE_THERE : n;
}

static void rung(void *context)
{
    struct pipeline *pipeline = context;
    dropbox_look_at_crashes(pipeline->dropbox);
    crashing_look(pipeline);
}

/* A process ended, or a file appeared: the loop is told without waiting for the doorbell. */
static void dropbox_ready(void *context, int events)
{
    struct pipeline *pipeline = context;
    (void)events;
    dropbox_look_at_names(pipeline->dropbox);
    dropbox_wake(pipeline->dropbox);
    look(pipeline);
    pacer_hurry(pipeline->pacer);
}

/* ---- life ---- */

/* Where there is no state directory, beside what is being read: gone with the next boot, like that. */
static void find_spool(struct pipeline *pipeline)
{
    if (spool_path(pipeline->spool_directory) != 0)
        snprintf(pipeline->spool_directory, sizeof(pipeline->spool_directory), "%s/spool",
                 dropbox_directory(pipeline->dropbox));
}

int pipeline_create(struct pipeline **ret_pipeline, struct loop *loop, const struct pipeline_options *options,
                    char problem[200])
{
    struct pipeline *pipeline = calloc(1, sizeof(*pipeline));
    if (!pipeline)
        abort();
    pipeline->loop = loop;
    pipeline->options = *options;
    live_start(pipeline);
    struct dropbox_events events = {.on_process = on_process,
                                    .on_process_gone = on_process_gone,
                                    .on_span = on_span,
                                    .on_count = records_on_count,
                                    .on_log = records_on_log,
                                    .on_measurement = records_on_measurement,
                                    .on_stack = callstacks_on_stack,
                                    .on_note = on_note,
                                    .on_crash = crashing_on_crash,
                                    .on_death = crashing_on_death,
                                    .may_bury = crashing_may_bury,
                                    .context = pipeline};
    int error = dropbox_create(&pipeline->dropbox, options->directory, options->all_users,
                               options->only_directory, &events, problem);
    if (error) {
        live_stop(pipeline);
        free(pipeline);
        return error;
    }
    dropbox_set_gate(pipeline->dropbox, may_take);
    find_spool(pipeline);
    alerting_start(pipeline);
    metering_self_start(pipeline);
    crashing_start(pipeline);
    callstacks_start(pipeline);
    lines_start(pipeline);
    pipeline->acknowledge_timer = loop_timer_create(loop, acknowledge_due, pipeline);
    if (options->console) {
        struct console_style style = console_style_of(options->console);
        pipeline->console = console_create(options->console, &style);
        pipeline->console_timer = loop_timer_create(loop, print_due, pipeline);
    }
    if (!options->only_directory)
        destination_open_own(pipeline);
    pipeline->dropbox_watch =
        loop_watch_create(loop, dropbox_descriptor(pipeline->dropbox), dropbox_ready, pipeline);
    if (pipeline->dropbox_watch)
        loop_watch_set(pipeline->dropbox_watch, LOOP_READ);
    pipeline->pacer = pacer_create(loop, pipeline->dropbox, look, rung, pipeline);
    *ret_pipeline = pipeline;
    return 0;
}

void pipeline_destroy(struct pipeline *pipeline)
{
    if (!pipeline)
        return;
    live_stop(pipeline);
    pacer_destroy(pipeline->pacer);
    loop_timer_destroy(pipeline->acknowledge_timer);
    loop_watch_destroy(pipeline->dropbox_watch);
    crashing_stop(pipeline);
    traced_fini(pipeline);
    callstacks_stop(pipeline);
    lines_stop(pipeline);
    alerting_stop(pipeline);
    metering_self_stop(pipeline);
    destinations_fini(pipeline);
    dropbox_destroy(pipeline->dropbox);
    loop_timer_destroy(pipeline->console_timer);
    console_destroy(pipeline->console);
    arena_fini(&pipeline->scratch);
    free(pipeline->acknowledgements);
    free(pipeline);
}

bool pipeline_look(struct pipeline *pipeline)
{
    dropbox_wake(pipeline->dropbox);
    uint32_t n = look(pipeline);
    bool has_news = n > 0;
    while (n == MORE_THERE)
        n = look(pipeline);
    return has_news;
}

void pipeline_flush(struct pipeline *pipeline)
{
    pacer_hurry(pipeline->pacer);
    for (struct destination *each = pipeline->destinations; each; each = each->next)
        otlp_flush(each->otlp);
    metering_flush(pipeline);
    alerting_flush(pipeline);
}

void pipeline_print(struct pipeline *pipeline)
{
    if (pipeline->console)
        console_flush(pipeline->console);
}

static void spool_all(struct pipeline *pipeline)
{
    for (struct destination *each = pipeline->destinations; each; each = each->next)
        otlp_spool_all(each->otlp);
}

/* The looks in between see that dead programs have nothing left: their files go, and the next exporter repeats nothing. */
void pipeline_spool(struct pipeline *pipeline)
{
    crashing_leave(pipeline);
    callstacks_leave(pipeline);
    lines_leave(pipeline);
    loop_timer_destroy(pipeline->acknowledge_timer); /* at once, from now on */
    pipeline->acknowledge_timer = NULL;
    acknowledge_now(pipeline);
    spool_all(pipeline);
    dropbox_wake(pipeline->dropbox);
    for (uint32_t i = 0; i < MAX_LAST_LOOKS && look(pipeline) > 0; i++)
        spool_all(pipeline);
    look(pipeline);
    spool_all(pipeline);
    acknowledge_now(pipeline);
    metering_hand_over(pipeline); /* everything is counted by now */
    spool_all(pipeline);
}

bool pipeline_has_no_clients(const struct pipeline *pipeline)
{
    return dropbox_n_clients(pipeline->dropbox) == 0;
}

static void note_dead(void *context, const struct process *process, const struct dropbox_counts *counts)
{
    (void)process;
    if (!counts->is_alive)
        *(bool *)context = true;
}

bool pipeline_has_no_remains(struct pipeline *pipeline)
{
    bool has_dead = false;
    dropbox_each(pipeline->dropbox, note_dead, &has_dead);
    return !has_dead;
}

bool pipeline_is_delivered(const struct pipeline *pipeline)
{
    for (const struct destination *each = pipeline->destinations; each; each = each->next)
        if (!otlp_is_idle(each->otlp))
            return false;
    return metering_is_handed_over(pipeline) && crashing_is_idle(pipeline) && callstacks_is_idle(pipeline) &&
           lines_is_idle(pipeline) && alerting_is_idle(pipeline);
}

bool pipeline_is_stuck(const struct pipeline *pipeline)
{
    for (const struct destination *each = pipeline->destinations; each; each = each->next) {
        struct otlp_counts counts;
        otlp_get_counts(each->otlp, &counts);
        if (counts.is_down || counts.is_waiting)
            return true;
    }
    return false;
}

bool pipeline_leave(struct pipeline *pipeline)
{
    return dropbox_leave(pipeline->dropbox);
}

const char *pipeline_directory(const struct pipeline *pipeline)
{
    return dropbox_directory(pipeline->dropbox);
}

void pipeline_expect(struct pipeline *pipeline, uint32_t pid, uint64_t start_ticks, int pidfd)
{
    dropbox_expect(pipeline->dropbox, pid, start_ticks, pidfd);
}

void pipeline_note_end(struct pipeline *pipeline, uint32_t pid, int wait_status)
{
    crashing_note_end(pipeline, pid, wait_status);
}
