/*
 * trace: the frames of one unwinding, whoever does it: bounds, ends, and repetition.
 *
 * A stack that overflowed has a hundred thousand frames: the first 256 are kept, and a ring of the last ones, and of runs of frames
 * that repeat only where, how long and how often.
 */
#include "unwind.h"

#include <stddef.h>
#include <string.h>

static const struct machine machines[] = {
    {EM_X86_64, .pc = 16, .sp = 7, .fp = 6, .link = 0, .n_registers = 17},
    {EM_AARCH64, .pc = 32, .sp = 31, .fp = 29, .link = 30, .n_registers = 33},
};

const struct machine *machine_of(const struct symbols *symbols)
{
    for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++)
        if (machines[i].number == symbols->input->machine)
            return &machines[i];
    return NULL;
}

static const struct trace_frame *frame_at(const struct trace *trace, uint32_t i)
{
    return i < SYMBOLS_MAX_FRAMES ? &trace->first[i] : &trace->last[i % TRACE_TOP];
}

const struct trace_frame *trace_last(const struct trace *trace)
{
    return trace->n ? frame_at(trace, trace->n - 1) : NULL;
}

/* Runs that end and are longer than the best of their period replace it. */
static void count_runs(struct trace *trace, const struct trace_frame *frame)
{
    for (uint32_t period = 1; period <= TRACE_PERIODS && period <= trace->n; period++) {
        struct trace_run *run = &trace->runs[period - 1];
        const struct trace_frame *before = &trace->last[(trace->n - period) % TRACE_TOP];
        if (before->pc != frame->pc) {
            run->length = 0;
            continue;
        }
        if (run->length++ == 0)
            run->start = trace->n - period;
        if (run->length > trace->best[period - 1].length)
            trace->best[period - 1] = *run;
    }
}

static bool stop(struct trace *trace, const char *reason)
{
    trace->end_reason = reason;
    return false;
}

bool trace_add(struct symbols *symbols, struct trace *trace, const struct trace_frame *frame)
{
    const struct trace_frame *previous = trace_last(trace);
    if (trace->n >= TRACE_MAX)
        return stop(trace, "too many frames");
    if (previous && frame->pc == 0) {
        trace->is_complete = frame->guess == SYMBOLS_SURE;
        return stop(trace, trace->is_complete ? NULL : "no call frame information");
    }
    if (previous && !is_code(symbols, frame->pc) && !is_code(symbols, frame->pc - 1))
        return stop(trace, "a return address that is in no code: the stack is corrupt");
    /* each caller lies above its callee; only a UNIX signal's handler may stand on another stack. A leaf has no frame. */
    if (previous && !previous->is_signal && !frame->is_signal &&
        (frame->sp < previous->sp || (frame->sp == previous->sp && trace->n > 1)))
        return stop(trace, "the chain of frames does not go up: the stack is corrupt");
    count_runs(trace, frame);
    if (trace->n < SYMBOLS_MAX_FRAMES)
        trace->first[trace->n] = *frame;
    trace->last[trace->n % TRACE_TOP] = *frame;
    trace->n++;
    trace->n_by_rule += frame->guess == SYMBOLS_SURE;
    return true;
}
