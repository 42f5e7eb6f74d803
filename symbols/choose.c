/*
 * choose: which stack is believed.
 *
 * dwfl first. Where it ends before the thread's first frame, libunwind walks the same registers, and the longer stack that stands on
 * call frame information wins; then frame pointers, then the words of the stack go on from its end, marked as guesses. A program
 * counter in no code (a call through NULL, into the heap) has no frame of its own: the stack begins with it, and goes on where the
 * call would have returned to.
 */
#include "unwind.h"

#include <stdlib.h>
#include <string.h>

#define MAX_UNKNOWN_FRAME_BYTES 4096u

/* The registers that the last frame of a trace leaves known. */
static void registers_of(const struct symbols *symbols, const struct trace_frame *frame,
                         uint64_t registers[SYMBOLS_REGISTERS])
{
    const struct machine *machine = machine_of(symbols);
    memset(registers, 0, SYMBOLS_REGISTERS * sizeof(*registers));
    registers[machine->pc] = frame->pc;
    registers[machine->sp] = frame->sp;
    registers[machine->fp] = frame->fp;
}

/*
 * aarch64: where the code that nobody knows (compiled at run time) has laid a frame already, its caller's registers are in there. A
 * call to nowhere has laid none: the frame that x29 points to holds another address than x30.
 */
static void leave_frame(struct symbols *symbols, uint64_t registers[SYMBOLS_REGISTERS], uint64_t caller)
{
    const struct machine *machine = machine_of(symbols);
    uint64_t fp = registers[machine->fp], sp = registers[machine->sp], next_fp, saved;
    if (fp < sp || fp - sp > MAX_UNKNOWN_FRAME_BYTES || fp & 7 || !memory_word(symbols, fp, &next_fp) ||
        !memory_word(symbols, fp + 8, &saved) || saved != caller)
        return;
    registers[machine->fp] = next_fp;
    registers[machine->sp] = fp + 16;
}

/* Where the call to nowhere would have returned to: false, when that is nowhere too. */
static bool fix_up(struct symbols *symbols, uint64_t registers[SYMBOLS_REGISTERS])
{
    const struct machine *machine = machine_of(symbols);
    uint64_t caller;
    if (machine->link)
        caller = memory_strip(symbols, registers[machine->link]);
    else if (!memory_word(symbols, registers[machine->sp], &caller))
        return false;
    if (!is_return_address(symbols, caller))
        return false;
    if (machine->link)
        leave_frame(symbols, registers, caller);
    else
        registers[machine->sp] += 8;
    registers[machine->pc] =
        caller - 1; /* inside of the call: its row of the unwind table, not that behind it */
    return true;
}

static void mark_fixed_up(struct trace_frame *frame)
{
    frame->pc++;
    frame->is_exact = false;
    frame->guess = SYMBOLS_FIXED_UP;
}

static void walk_with(struct symbols *symbols, const struct unwinder *unwinder,
                      const uint64_t given[SYMBOLS_REGISTERS], struct trace *trace)
{
    const struct machine *machine = machine_of(symbols);
    uint64_t registers[SYMBOLS_REGISTERS];
    memset(trace, 0, sizeof(*trace));
    memcpy(registers, given, sizeof(registers));
    registers[machine->pc] = memory_strip(symbols, registers[machine->pc]);
    if (!is_code(symbols, registers[machine->pc])) {
        struct trace_frame nowhere = {.pc = registers[machine->pc],
                                      .sp = registers[machine->sp],
                                      .fp = registers[machine->fp],
                                      .is_exact = true};
        trace_add(symbols, trace, &nowhere);
        if (!fix_up(symbols, registers)) {
            trace->end_reason = "the program counter is in no code, and no caller is known";
            return;
        }
    }
    uint32_t at = trace->n;
    unwinder->walk(symbols, registers, trace);
    if (at && trace->n > at) {
        mark_fixed_up(&trace->first[at]);
        if (trace->n - at <= TRACE_TOP) /* else its place in the ring is another frame's by now */
            mark_fixed_up(&trace->last[at]);
    }
}

/* Goes on by guessing from where the rules ended. */
static const char *extend(struct symbols *symbols, struct trace *trace,
                          const uint64_t given[SYMBOLS_REGISTERS])
{
    uint64_t registers[SYMBOLS_REGISTERS];
    static const struct unwinder *const guesses[] = {&unwind_frame_pointer, &unwind_scan};
    const char *reason = trace->end_reason, *used = NULL;
    uint32_t before = trace->n;
    if (!trace->n) {
        const struct machine *machine = machine_of(symbols);
        struct trace_frame frame = {given[machine->pc], given[machine->sp], given[machine->fp],
                                    .is_exact = true};
        trace_add(symbols, trace, &frame);
    }
    for (unsigned i = 0; i < 2 && trace->n <= before + (before == 0); i++) {
        registers_of(symbols, trace_last(trace), registers);
        guesses[i]->walk(symbols, registers, trace);
        if (trace->n > before + (before == 0))
            used = guesses[i]->name;
    }
    trace->is_complete = false;
    trace->end_reason = reason;
    return used;
}

/* ---- frames of it ---- */

static void add_frames(struct symbols *symbols, const struct trace *trace, struct naming *naming,
                       uint32_t from, uint32_t n)
{
    for (uint32_t i = from; i < from + n; i++) {
        const struct trace_frame *frame =
            i < SYMBOLS_MAX_FRAMES ? &trace->first[i] : &trace->last[i % TRACE_TOP];
        const struct trace_frame *caller = i + 1 >= trace->n            ? NULL
                                           : i + 1 < SYMBOLS_MAX_FRAMES ? &trace->first[i + 1]
                                                                        : &trace->last[(i + 1) % TRACE_TOP];
        uint32_t first = naming->n;
        names_add(symbols, naming, frame->pc, frame->is_exact ? frame->pc : frame->pc - 1);
        for (uint32_t j = first; j < naming->n; j++) {
            naming->frames[j].cfa = caller ? caller->sp : 0;
            naming->frames[j].guess = frame->guess;
            naming->frames[j].is_signal = frame->is_signal;
        }
    }
}

/* The shortest period that explains the longest run. */
static void add_recursion(const struct trace *trace, struct symbols_stack *stack)
{
    const struct trace_run *best = NULL;
    for (uint32_t period = 1; period <= TRACE_PERIODS; period++) {
        const struct trace_run *run = &trace->best[period - 1];
        if (run->length < UINT64_C(2) * period ||
            (best && run->length <= best->length + best->length / 8 + period))
            continue;
        best = run;
        stack->recursion_period = period;
        stack->recursion_times = (uint32_t)(run->length / period + 1);
        stack->recursion_at = run->start; /* of the trace: made an index of frames by the caller */
    }
}

static uint32_t index_of(const struct symbols_stack *stack, uint32_t frame)
{
    uint32_t i = 0;
    for (uint32_t seen = 0; i < stack->n_frames; i++) {
        if (seen == frame)
            break;
        seen += !stack->frames[i].is_inlined;
    }
    return i;
}

static struct symbols_stack *make_stack(struct symbols *symbols, const struct trace *trace)
{
    struct symbols_stack *stack = pool_alloc(&symbols->pool, sizeof(*stack));
    struct naming naming = {0};
    uint32_t top = trace->n <= SYMBOLS_MAX_FRAMES ? trace->n : TRACE_TOP;
    uint32_t bottom = top == trace->n ? 0 : TRACE_TOP;
    if (!stack)
        return NULL;
    add_frames(symbols, trace, &naming, 0, top);
    stack->left_out_at = naming.n;
    stack->n_left_out = trace->n - top - bottom;
    add_frames(symbols, trace, &naming, trace->n - bottom, bottom);
    stack->frames = naming.frames;
    stack->n_frames = naming.n;
    stack->end_reason = trace->is_complete ? NULL : trace->end_reason;
    add_recursion(trace, stack);
    if (stack->recursion_times)
        stack->recursion_at =
            stack->recursion_at < top ? index_of(stack, stack->recursion_at) : stack->left_out_at;
    return stack;
}

static const struct symbols_stack *walk_traces(struct symbols *symbols,
                                               const uint64_t registers[SYMBOLS_REGISTERS],
                                               const struct unwinder *const by[2], struct trace traces[2])
{
    const char *name = by[0]->name, *guessed = NULL;
    struct trace *best = &traces[0];
    walk_with(symbols, by[0], registers, &traces[0]);
    if (!traces[0].is_complete) {
        walk_with(symbols, by[1], registers, &traces[1]);
        if (traces[1].n_by_rule > traces[0].n_by_rule) {
            best = &traces[1];
            name = by[1]->name;
        }
    }
    uint32_t n_by_rule = best->n_by_rule;
    if (!best->is_complete)
        guessed = extend(symbols, best, registers);
    struct symbols_stack *stack = make_stack(symbols, best);
    if (stack)
        stack->unwinder = guessed && n_by_rule < 2 ? guessed : name;
    return stack;
}

const struct symbols_stack *choose_walk(struct symbols *symbols, const uint64_t registers[SYMBOLS_REGISTERS],
                                        const struct unwinder *const by[2])
{
    static const struct symbols_stack nothing = {.unwinder = "dwfl", .end_reason = "no memory"};
    struct trace *traces = malloc(sizeof(*traces) * 2);
    const struct symbols_stack *stack = traces ? walk_traces(symbols, registers, by, traces) : NULL;
    free(traces);
    return stack ? stack : &nothing;
}

const struct symbols_stack *symbols_walk(struct symbols *symbols, const uint64_t registers[SYMBOLS_REGISTERS])
{
    static const struct unwinder *const by[2] = {&unwind_dwfl, &unwind_libunwind};
    return choose_walk(symbols, registers, by);
}

const struct symbols_stack *symbols_name(struct symbols *symbols, uint64_t pc)
{
    static const struct symbols_stack nothing = {.unwinder = "none"};
    struct symbols_stack *stack = pool_alloc(&symbols->pool, sizeof(*stack));
    struct naming naming = {0};
    if (!stack)
        return &nothing;
    names_add(symbols, &naming, pc, pc);
    *stack = (struct symbols_stack){.frames = naming.frames, .n_frames = naming.n, .unwinder = "none"};
    return stack;
}
