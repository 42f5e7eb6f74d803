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
    if (trace->n >= TRACE_MAX || ++trace->n_walked > TRACE_MAX_WALKED ||
        (trace->n_signals += frame->is_signal) > TRACE_MAX_SIGNALS)
        return stop(trace, "too many frames");
    if (previous && frame->pc == 0) {
        trace->is_complete = frame->guess == SYMBOLS_SURE;
        return stop(trace, trace->is_complete ? NULL : "no call frame information");
    }
    if (previous && !is_code(symbols, frame->pc) && !is_code(symbols, frame->pc - 1))
        return stop(trace, "a return address that is in no code: the stack is corrupt");
    /* each caller lies above its callee; only a UNIX signal's handler may stand on another stack, and a leaf has no frame */
    if (previous && !previous->is_signal && !frame->is_signal &&
        (frame->sp < previous->sp || (frame->sp == previous->sp && !previous->is_exact)))
        return stop(trace, "the chain of frames does not go up: the stack is corrupt");
    count_runs(trace, frame);
    if (trace->n < SYMBOLS_MAX_FRAMES)
        trace->first[trace->n] = *frame;
    trace->last[trace->n % TRACE_TOP] = *frame;
    trace->n++;
    trace->n_by_rule += frame->guess == SYMBOLS_SURE;
    return true;
}

/* ---- recursion ---- */

/* A recursion that is under way: frame i is as frame i - period, `stride` bytes further up. */
struct recursion {
    uint32_t period;
    uint64_t stride;
    uint64_t below
        [TRACE_PERIODS]; /* of each frame of a period: where its return address lies below its stack pointer */
};

static struct trace_frame *back(struct trace *trace, uint32_t i)
{
    return &trace->last[(trace->n - 1 - i) % TRACE_TOP];
}

/* The place of the return address of the frame `i` before the last. */
static bool find_return_address(struct symbols *symbols, struct trace *trace, uint32_t i, uint64_t *ret_below)
{
    const struct trace_frame *frame = back(trace, i), *callee = back(trace, i + 1);
    uint64_t word;
    for (uint64_t below = 8; below <= frame->sp - callee->sp; below += 8)
        if (memory_word(symbols, frame->sp - below, &word) && word == frame->pc) {
            *ret_below = below;
            return true;
        }
    return false;
}

static bool find_recursion(struct symbols *symbols, struct trace *trace, struct recursion *ret_recursion)
{
    struct recursion recursion = {0};
    for (uint32_t period = TRACE_PERIODS; period >= 1; period--)
        if (trace->runs[period - 1].length >= UINT64_C(2) * TRACE_TOP)
            recursion.period = period;
    if (!recursion.period)
        return false;
    recursion.stride = back(trace, 0)->sp - back(trace, recursion.period)->sp;
    for (uint32_t i = 0; i + recursion.period < TRACE_TOP; i++) {
        const struct trace_frame *frame = back(trace, i), *before = back(trace, i + recursion.period);
        if (frame->sp - before->sp != recursion.stride || frame->is_exact || frame->guess != SYMBOLS_SURE ||
            (frame->fp != before->fp && frame->fp - before->fp != recursion.stride))
            return false;
    }
    for (uint32_t i = 0; i < recursion.period; i++)
        if (!find_return_address(symbols, trace, i, &recursion.below[i]))
            return false;
    *ret_recursion = recursion;
    return recursion.stride && recursion.stride < UINT32_MAX;
}

uint32_t trace_skip(struct symbols *symbols, struct trace *trace, struct trace_frame *ret_next)
{
    struct recursion recursion;
    uint32_t n = 0;
    if (!find_recursion(symbols, trace, &recursion))
        return 0;
    while (trace->n < TRACE_MAX) {
        const struct trace_frame *before = back(trace, recursion.period - 1),
                                 *last = back(trace, 2 * recursion.period - 1);
        struct trace_frame next = *before;
        uint64_t word;
        next.sp += recursion.stride;
        next.fp += before->fp - last->fp;
        /* the frames of a period take turns: the next is as the one a period before, which was `n` turns ago at that index */
        uint32_t turn = recursion.period - 1 - n % recursion.period;
        if (!memory_word(symbols, next.sp - recursion.below[turn], &word) || word != next.pc)
            break;
        trace->last[trace->n % TRACE_TOP] = next;
        trace->n++;
        n++;
    }
    if (n < 2) {
        trace->n -= n;
        return 0;
    }
    trace->n--; /* the last of them is walked again: from there the unwinder goes on */
    n--;
    *ret_next = trace->last[trace->n % TRACE_TOP];
    trace->n_by_rule += n;
    for (uint32_t period = recursion.period; period <= TRACE_PERIODS; period += recursion.period) {
        trace->runs[period - 1].length += n;
        if (trace->runs[period - 1].length > trace->best[period - 1].length)
            trace->best[period - 1] = trace->runs[period - 1];
    }
    return n;
}
