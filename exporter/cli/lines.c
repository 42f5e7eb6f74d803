/* lines: see lines.h. */
#include "cli/lines.h"

#include "cli/alerting.h"
#include "cli/metering.h"
#include "signals/lines/pieces.h"
#include "signals/spans/limits.h"

#include <stdlib.h>

struct lines {
    uint32_t n_writers; /* processes with pieces */
    bool is_leaving;
    struct loop_timer *timer; /* runs while something waits */
};

/* ---- lines ---- */

static void on_line(void *context, const struct output_line *line)
{
    struct traced *traced = context;
    struct pipeline *pipeline = traced->pipeline;
    const struct settings *settings = traced->process->settings;
    bool is_off = settings->live & WIRE_LIVE_OFF; /* written before the program saw it */
    struct otlp *otlp = is_off ? NULL : records_logs_of(pipeline, traced);
    struct arena *arena = otlp ? otlp_arena(otlp) : &pipeline->scratch;
    bool is_told = alerting_wants(traced) && !is_off;
    struct log_record *record =
        otlp || is_told ? line_record_make(arena, line, traced->process, settings) : NULL;
    if (!record)
        return;
    traced->n_logs++;
    if (is_told)
        traced->lines_measured.n += alerting_log(traced, record);
    if (!otlp || !records_is_wanted(traced, record))
        return;
    limits_apply_log(record, arena, settings);
    otlp_add_record(otlp, record, NULL);
}

/* What rules counted of its lines goes with the first piece that is released after them: at once, and nothing comes between. */
static void on_release(void *context, const struct receipt *placed)
{
    struct traced *traced = context;
    struct pipeline *pipeline = traced->pipeline;
    struct receipt ticket = lanes_issue(traced->lanes, placed, LANE_LOGS, &traced->lines_measured);
    traced->lines_measured = (struct measured_range){metering_next(traced), 0};
    if (traced->logs_destination)
        otlp_add_record(traced->logs_destination->otlp, NULL, &ticket);
    else
        pipeline_acknowledge_later(pipeline, &ticket);
}

/* ---- pieces ---- */

/* In how many ms to look again. */
static uint32_t look_at(struct traced *traced, bool is_over)
{
    traced->lines_measured = (struct measured_range){metering_next(traced), 0};
    return pieces_look(traced->pieces, loop_now_ms(traced->pipeline->loop), is_over);
}

void lines_take(struct pipeline *pipeline, struct traced *traced, const struct raw_log *raw,
                const struct receipt *placed)
{
    const struct piece_events events = {on_line, on_release, traced};
    if (!traced->pieces) {
        traced->pieces = pieces_create(&events);
        pipeline->lines->n_writers++;
    }
    traced->lines_measured = (struct measured_range){metering_next(traced), 0};
    pieces_add(traced->pieces, raw, placed, loop_now_ms(pipeline->loop));
}

void lines_look(struct pipeline *pipeline)
{
    struct lines *lines = pipeline->lines;
    struct traced *traced, *next;
    uint32_t wait_ms = PIECE_NEVER;
    if (!lines->n_writers)
        return;
    HASH_ITER(hh, pipeline->traced, traced, next)
    {
        if (!traced->pieces || pieces_is_idle(traced->pieces))
            continue;
        uint32_t its_ms = look_at(traced, lines->is_leaving || traced->process->has_ended);
        wait_ms = its_ms < wait_ms ? its_ms : wait_ms;
    }
    if (wait_ms == PIECE_NEVER)
        loop_timer_stop(lines->timer);
    else
        loop_timer_start(lines->timer, wait_ms);
}

static void look_due(void *context)
{
    struct pipeline *pipeline = context;
    lines_look(pipeline);
    arena_reset(&pipeline->scratch);
    pipeline_give_back(pipeline, NULL, 0);
}

/* ---- life ---- */

void lines_start(struct pipeline *pipeline)
{
    struct lines *lines = calloc(1, sizeof(*lines));
    if (!lines)
        abort();
    lines->timer = loop_timer_create(pipeline->loop, look_due, pipeline);
    pipeline->lines = lines;
}

void lines_leave(struct pipeline *pipeline)
{
    pipeline->lines->is_leaving = true;
    lines_look(pipeline);
}

void lines_forget(struct traced *traced)
{
    if (!traced->pieces)
        return;
    pieces_destroy(traced->pieces);
    traced->pieces = NULL;
    traced->pipeline->lines->n_writers--;
}

bool lines_is_idle(const struct pipeline *pipeline)
{
    struct traced *traced, *next;
    if (!pipeline->lines->n_writers)
        return true;
    HASH_ITER(hh, pipeline->traced, traced, next)
    {
        if (traced->pieces && !pieces_is_idle(traced->pieces))
            return false;
    }
    return true;
}

void lines_stop(struct pipeline *pipeline)
{
    loop_timer_destroy(pipeline->lines->timer);
    free(pipeline->lines);
    pipeline->lines = NULL;
}
