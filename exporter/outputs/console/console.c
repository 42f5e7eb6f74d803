/* console: see console.h. Traces wait in order of their first span; a hash table finds them by id. */
#include "outputs/console/console.h"
#include "base/table.h"
#include "base/terminal.h"
#include "outputs/console/console_priv.h"

#include <stdlib.h>
#include <string.h>

#define MAX_SHOWN_IDS 256u

struct waiting {
    struct shown_trace trace; /* keyed by trace.trace_id */
    uint64_t changed_ms;
    uint64_t due_ms; /* as of n_judged spans */
    uint32_t n_judged;
    UT_hash_handle hh; /* iterates in order of insertion */
};

struct console {
    FILE *out;
    struct console_style style;
    struct waiting *traces;
    uint32_t n_spans; /* of all traces */
    /* the last traces printed, so that what comes later says it is a continuation */
    uint8_t shown_ids[MAX_SHOWN_IDS][16];
    uint32_t n_shown_ids;
};

struct console_style console_style_of(FILE *out)
{
    int fd = fileno(out);
    return (struct console_style){.is_coloured = terminal_has_colour(fd),
                                  .is_utf8 = terminal_is_utf8(),
                                  .columns = terminal_columns(fd)};
}

struct console *console_create(FILE *out, const struct console_style *style)
{
    struct console *console = calloc(1, sizeof(*console));
    if (!console)
        abort();
    console->out = out;
    console->style = *style;
    return console;
}

/* NOLINTNEXTLINE(readability-function-size): uthash */
static void drop(struct console *console, struct waiting *waiting)
{
    for (struct shown_span *span = waiting->trace.spans, *next; span; span = next) {
        next = span->next;
        free(span);
    }
    console->n_spans -= waiting->trace.n_spans;
    HASH_DEL(console->traces, waiting);
    free(waiting);
}

void console_destroy(struct console *console)
{
    if (!console)
        return;
    while (console->traces)
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): uthash has moved the head */
        drop(console, console->traces);
    free(console);
}

static bool was_shown(const struct console *console, const uint8_t trace_id[16])
{
    uint32_t n = console->n_shown_ids < MAX_SHOWN_IDS ? console->n_shown_ids : MAX_SHOWN_IDS;
    for (uint32_t i = 0; i < n; i++)
        if (memcmp(console->shown_ids[i], trace_id, 16) == 0)
            return true;
    return false;
}

static void print(struct console *console, struct waiting *waiting)
{
    struct shown_trace *trace = &waiting->trace;
    trace->was_shown = was_shown(console, trace->trace_id);
    uint32_t n_with_repeats = trace->n_spans;
    struct shown_span *roots = tree_build(trace);
    console->n_spans -= n_with_repeats - trace->n_spans;
    draw_trace(console->out, &console->style, trace, roots);
    if (!trace->was_shown)
        memcpy(console->shown_ids[console->n_shown_ids++ % MAX_SHOWN_IDS], trace->trace_id, 16);
    drop(console, waiting);
}

/* NOLINTNEXTLINE(readability-function-size): uthash */
static struct waiting *find_or_add(struct console *console, const uint8_t trace_id[16])
{
    struct waiting *waiting;
    HASH_FIND(hh, console->traces, trace_id, 16, waiting);
    if (waiting)
        return waiting;
    waiting = calloc(1, sizeof(*waiting));
    if (!waiting)
        abort();
    memcpy(waiting->trace.trace_id, trace_id, 16);
    waiting->trace.last_span = &waiting->trace.spans;
    HASH_ADD(hh, console->traces, trace.trace_id, 16, waiting);
    return waiting;
}

void console_add(struct console *console, const struct span *span, uint64_t now_ms)
{
    struct waiting *waiting = find_or_add(console, span->trace_id);
    waiting->changed_ms = now_ms;
    struct shown_span *shown = shown_create(span, console->style.is_utf8);
    *waiting->trace.last_span = shown;
    waiting->trace.last_span = &shown->next;
    waiting->trace.n_spans++;
    console->n_spans++;
    if (console->n_spans > CONSOLE_MAX_SPANS) {
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): uthash has moved the head */
        print(console, console->traces);
        fflush(console->out);
    }
}

/* When the trace should be printed if nothing more comes. Looking costs a sort: only once it is quiet. */
static uint64_t due_ms(struct waiting *waiting, uint64_t now_ms)
{
    uint64_t quiet_ms = waiting->changed_ms + CONSOLE_QUIET_MS;
    if (now_ms < quiet_ms)
        return quiet_ms;
    if (waiting->n_judged == waiting->trace.n_spans)
        return waiting->due_ms;
    bool has_remote, is_whole = tree_is_whole(&waiting->trace, &has_remote);
    waiting->n_judged = waiting->trace.n_spans;
    waiting->due_ms = waiting->changed_ms + (!is_whole    ? CONSOLE_GIVE_UP_MS
                                             : has_remote ? CONSOLE_REMOTE_QUIET_MS
                                                          : CONSOLE_QUIET_MS);
    return waiting->due_ms;
}

uint32_t console_print_due(struct console *console, uint64_t now_ms)
{
    uint64_t next_ms = UINT64_MAX;
    struct waiting *waiting, *next;
    HASH_ITER(hh, console->traces, waiting, next)
    {
        uint64_t due = due_ms(waiting, now_ms);
        if (due <= now_ms)
            print(console, waiting);
        else if (due < next_ms)
            next_ms = due;
    }
    fflush(console->out);
    return next_ms == UINT64_MAX ? UINT32_MAX : (uint32_t)(next_ms - now_ms);
}

void console_flush(struct console *console)
{
    while (console->traces)
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): uthash has moved the head */
        print(console, console->traces);
    fflush(console->out);
}

bool console_is_empty(const struct console *console)
{
    return !console->traces;
}
