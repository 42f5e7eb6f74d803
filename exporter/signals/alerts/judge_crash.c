/* judge_crash: a crash, a death, a hang, as it is told: what, where, doing what; the rest is in the document. */
#include "signals/alerts/judge.h"

#include "signals/crash/own.h"
#include "signals/crash/title.h"

#define MAX_CONTEXT 12u
#define MAX_STACK 16u

static const char *type_of(const struct crash_report *report)
{
    switch (report->kind) {
    case CRASH_KILLED:
        return "Killed";
    case CRASH_OOM:
        return "OutOfMemory";
    case CRASH_VANISHED:
        return "Vanished";
    case CRASH_STACKS:
        return "Stuck";
    case CRASH_SIGNAL:
    case CRASH_HANDLED:
        break;
    }
    return report->signal ? report->signal : "Crash";
}

static void add(struct alert *alert, const char *name, const char *value)
{
    if (value && *value && alert->n_context < MAX_CONTEXT)
        alert->context[alert->n_context++] = (struct alert_pair){name, value};
}

static const char *print_uptime(struct arena *arena, uint64_t ns)
{
    unsigned long long seconds = ns / 1000000000u;
    if (!ns)
        return NULL;
    if (seconds < 60)
        return arena_printf(arena, "%.1f s", (double)ns / 1e9);
    if (seconds < 86400)
        return arena_printf(arena, "%lluh %02llum", seconds / 3600, seconds / 60 % 60);
    return arena_printf(arena, "%llud %02lluh", seconds / 86400, seconds / 3600 % 24);
}

static void add_doing(struct alert *alert, struct arena *arena, const struct crash_report *report)
{
    const struct crash_span *doing = title_doing(report), *last = title_last(report);
    if (doing && report->time_unix_ns > doing->start_unix_ns)
        add(alert, "doing",
            arena_printf(arena, "%s (%.3f s)", doing->name,
                         (double)(report->time_unix_ns - doing->start_unix_ns) / 1e9));
    else if (doing)
        add(alert, "doing", doing->name);
    if (last)
        add(alert, "last", last->name);
}

static void add_stack(struct alert *alert, struct arena *arena, const struct crash_report *report)
{
    const struct crash_stack *stack = report->n_threads ? own_stack(report) : NULL;
    uint32_t n = stack ? stack->n_frames : 0;
    n = n < MAX_STACK ? n : MAX_STACK;
    if (!n)
        return;
    const char **lines = arena_alloc(arena, n * sizeof(*lines));
    for (uint32_t i = 0; i < n; i++) {
        const char *place = title_place(arena, &stack->frames[i]);
        lines[i] = arena_printf(arena, "#%u %s", i, place ? place : "?");
    }
    alert->stack = lines;
    alert->n_stack = n;
    const struct crash_frame *top = own_top(stack);
    if (top)
        alert->frame = arena_printf(arena, "%s!%s", top->module ? own_base_name(top->module) : "",
                                    top->function ? top->function : "");
}

void judge_crash(const struct crash_report *report, const char *file, struct arena *arena,
                 struct alert *ret_alert)
{
    const struct crash_stack *stack = report->n_threads ? own_stack(report) : NULL;
    const struct crash_frame *top = stack ? own_top(stack) : NULL;
    *ret_alert = (struct alert){
        .class = ALERT_CRASH,
        .level = ALERT_LEVEL_CRITICAL,
        .time_unix_ns = report->time_unix_ns,
        .type = type_of(report),
        .message = report->title    ? report->title
                   : report->reason ? report->reason
                                    : "",
        .context = arena_alloc(arena, MAX_CONTEXT * sizeof(*ret_alert->context)),
        .trace_id = report->trace_id,
        .span_id = report->span_id,
        .file = file,
        .service = report->service,
        .version = report->service_version,
        .environment = report->environment,
        .host = report->host,
        .pid = report->pid,
        .is_distinct = true,
    };
    add(ret_alert, "at", top ? title_place(arena, top) : NULL);
    add(ret_alert, "why", report->reason);
    add(ret_alert, "exception", report->exception_type);
    add(ret_alert, "said", report->message);
    add_doing(ret_alert, arena, report);
    add(ret_alert, "up", print_uptime(arena, report->uptime_ns));
    add(ret_alert, "program", report->exe);
    add_stack(ret_alert, arena, report);
}
