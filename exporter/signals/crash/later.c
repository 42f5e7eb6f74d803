/* later: names for frames that had none when the report was made: their module and offset are known for good. */
#include "signals/crash/own.h"
#include "signals/crash/report.h"

#include "symbols.h"
#include <elf.h>
#include <string.h>

#define MAX_INLINED 64u

static struct crash_frame name_frame(struct arena *arena, const struct crash_frame *old,
                                     const struct symbols_frame *from)
{
    struct crash_frame frame = *old;
    frame.function = text_valid(arena, from->function ? from->function : from->symbol);
    frame.file = text_valid(arena, from->file);
    frame.line = from->line > 0 ? (uint32_t)from->line : 0;
    frame.column = from->column > 0 ? (uint32_t)from->column : 0;
    frame.is_inlined = from->is_inlined;
    frame.is_approximate = from->is_approximate;
    frame.is_own = own_is(&frame);
    return frame;
}

static bool is_nameless(const struct crash_frame *frame)
{
    return frame->module && frame->module[0] == '/' && !frame->is_inlined &&
           (!frame->function || frame->is_approximate || !frame->file);
}

/* A caller's address is behind its call. */
static const struct symbols_stack *look_up(const struct crash_stack *stack, uint32_t i,
                                           struct symbols *symbols)
{
    const struct crash_frame *frame = &stack->frames[i];
    bool is_caller = i > 0 && !stack->frames[i - 1].is_signal;
    const struct symbols_stack *named =
        symbols_name_offset(symbols, frame->module, frame->build_id, frame->offset - is_caller);
    bool is_better = named && named->n_frames && named->n_frames < MAX_INLINED &&
                     (named->frames[0].function || named->frames[0].symbol) &&
                     !(frame->function && !named->frames[0].file);
    return is_better ? named : NULL;
}

static uint32_t name_stack(struct crash_report *report, struct crash_stack *stack, struct symbols *symbols)
{
    uint32_t n_named = 0, n = 0, max = stack->n_frames + 16;
    struct crash_frame *frames = arena_zalloc(&report->arena, (max + MAX_INLINED) * sizeof(*frames));
    for (uint32_t i = 0; i < stack->n_frames; i++) {
        const struct crash_frame *old = &stack->frames[i];
        bool is_inside_inlined = i > 0 && stack->frames[i - 1].is_inlined;
        const struct symbols_stack *named =
            is_nameless(old) && !is_inside_inlined ? look_up(stack, i, symbols) : NULL;
        uint32_t needed = n + (named ? named->n_frames : 1) + (stack->n_frames - i);
        if (needed > max + MAX_INLINED)
            named = NULL;
        for (uint32_t f = 0; named && f < named->n_frames; f++)
            frames[n++] = name_frame(&report->arena, old, &named->frames[f]);
        if (!named)
            frames[n++] = *old;
        n_named += named != NULL;
    }
    if (n_named) {
        stack->frames = frames;
        stack->n_frames = n;
    }
    return n_named;
}

uint32_t crash_report_name_frames(struct crash_report *report, const char *root, const char *debuginfod)
{
    bool is_arm = report->machine && strcmp(report->machine, "aarch64") == 0;
    struct symbols_input input = {
        .machine = is_arm ? EM_AARCH64 : EM_X86_64, .root = root ? root : "", .debuginfod = debuginfod};
    struct symbols *symbols;
    if (symbols_open(&symbols, &input) != 0)
        return 0;
    uint32_t n = name_stack(report, &report->thrown, symbols);
    for (uint32_t i = 0; i < report->n_threads; i++)
        n += name_stack(report, &report->threads[i].stack, symbols);
    symbols_close(symbols);
    return n;
}
