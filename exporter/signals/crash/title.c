/* title: see title.h. */
#include "signals/crash/title.h"

#include "signals/crash/fingerprint.h"
#include "signals/crash/own.h"
#include <inttypes.h>
#include <string.h>

#define JUST_BEFORE_NS 1000000000u

/* Arguments of functions are long and seldom help: the name alone. */
static const char *short_name(struct arena *arena, const char *function)
{
    char name[FINGERPRINT_NAME_MAX];
    fingerprint_normalise(function, name);
    return *name ? arena_copy(arena, name, strlen(name)) : function;
}

const char *title_place(struct arena *arena, const struct crash_frame *frame)
{
    if (!frame)
        return NULL;
    const char *module = frame->module ? own_base_name(frame->module) : NULL;
    if (frame->function && frame->file)
        return arena_printf(arena, "%s (%s:%u)", short_name(arena, frame->function),
                            own_base_name(frame->file), frame->line);
    if (frame->function)
        return arena_printf(arena, "%s%s%s%s", short_name(arena, frame->function), module ? " (" : "",
                            module ? module : "", module ? ")" : "");
    return module ? arena_printf(arena, "%s+0x%" PRIx64, module, frame->offset) : NULL;
}

/* A fault is one thread's; what ends a process from outside meets all of them. */
static bool is_of_thread(const struct crash_report *report)
{
    return (report->kind == CRASH_SIGNAL || report->kind == CRASH_HANDLED) && report->tid &&
           report->n_threads;
}

/* Roots of episodes are named after the thread: they say nothing of what was done. */
static bool is_call(const struct crash_span *span)
{
    return span->kind && strcmp(span->kind, "internal") != 0;
}

const struct crash_span *title_doing(const struct crash_report *report)
{
    const struct crash_span *best = NULL;
    for (uint32_t i = 0; i < report->n_open_spans; i++) {
        const struct crash_span *span = &report->open_spans[i];
        bool is_own = report->tid && span->tid == report->tid;
        bool was_own = best && report->tid && best->tid == report->tid;
        if (!span->name || (is_of_thread(report) && !is_own))
            continue;
        bool is_better =
            !best || is_call(span) > is_call(best) ||
            (is_call(span) == is_call(best) &&
             (is_own > was_own || (is_own == was_own && span->start_unix_ns >= best->start_unix_ns)));
        if (is_better)
            best = span;
    }
    return best;
}

const struct crash_span *title_last(const struct crash_report *report)
{
    const struct crash_span *last = NULL;
    for (uint32_t i = 0; is_of_thread(report) && i < report->n_recent_spans; i++) {
        const struct crash_span *span = &report->recent_spans[i];
        bool is_near = span->name && span->tid == report->tid && is_call(span) &&
                       span->end_unix_ns + JUST_BEFORE_NS > report->time_unix_ns;
        if (is_near && (!last || span->end_unix_ns >= last->end_unix_ns))
            last = span;
    }
    return last;
}

static const char *print_doing(struct arena *arena, const struct crash_report *report)
{
    const struct crash_span *span = title_doing(report), *last = title_last(report);
    uint32_t n_calls = 0;
    if (span && is_call(span)) {
        for (uint32_t i = 0; !is_of_thread(report) && i < report->n_open_spans; i++)
            n_calls += is_call(&report->open_spans[i]);
        return n_calls > 1
                   ? arena_printf(arena, ", while %s and %u more were in flight", span->name, n_calls - 1)
                   : arena_printf(arena, ", while %s was in flight", span->name);
    }
    if (last)
        return arena_printf(arena, ", just after %s", last->name);
    return span ? arena_printf(arena, ", during %s", span->name) : "";
}

static const char *print_program(struct arena *arena, const struct crash_report *report)
{
    const char *name = report->exe ? own_base_name(report->exe) : "";
    return *name ? name : arena_printf(arena, "pid %u", report->pid);
}

/* Own code of a library alone says little: who called it. */
static const char *print_caller(struct arena *arena, const struct crash_report *report,
                                const struct crash_frame *place)
{
    const struct crash_stack *stack = own_stack(report);
    const char *program = report->exe ? own_base_name(report->exe) : "";
    if (!place || strcmp(own_base_name(place->module), program) == 0)
        return "";
    for (const struct crash_frame *each = place + 1; each < stack->frames + stack->n_frames; each++)
        if (each->is_own && (each->function || each->file) &&
            strcmp(own_base_name(each->module), program) == 0)
            return arena_printf(arena, ", called from %s", title_place(arena, each));
    return "";
}

static const char *print_ending(struct arena *arena, const struct crash_report *report)
{
    if (report->kind != CRASH_HANDLED)
        return "";
    if (report->ended_by && strcmp(report->ended_by, "exit") == 0 && report->ended_status >= 0)
        return arena_printf(arena, "; its handler ended it with status %d", report->ended_status);
    if (report->ended_by && strcmp(report->ended_by, "signal") == 0 && report->ended_status > 0 &&
        report->ended_status != report->signal_number)
        return arena_printf(arena, "; then %s", signal_name(arena, report->ended_status));
    return "; its own handler ran";
}

const char *title_make(struct arena *arena, const struct crash_report *report, const struct explanation *why)
{
    const char *program = print_program(arena, report), *doing = print_doing(arena, report);
    switch (report->kind) {
    case CRASH_KILLED:
        return arena_printf(arena, "%s was killed%s", program, doing);
    case CRASH_OOM:
        return arena_printf(arena, "%s was killed for want of memory%s", program, doing);
    case CRASH_VANISHED:
        return arena_printf(arena, "%s vanished%s", program, doing);
    case CRASH_STACKS:
        return arena_printf(arena, "%s: stacks of the running process%s", program, doing);
    default:
        break;
    }
    const struct crash_frame *frame = report->n_threads ? own_top(own_stack(report)) : NULL;
    const char *place = title_place(arena, frame);
    return arena_printf(arena, "%s: %s%s%s%s%s%s%s%s", program, report->signal ? report->signal : "death",
                        place ? " in " : "", place ? place : "", print_caller(arena, report, frame),
                        why->brief ? ": " : "", why->brief ? why->brief : "", doing,
                        print_ending(arena, report));
}
