/*
 * report_text: a crash report for people.
 *
 *     trader: SIGSEGV in parse_price (json.c:88): null pointer + 24 read, while POST api.example.com/v1/orders was in flight
 *
 *       what      …        one fact a line
 *
 *     thread 4711 "worker" crashed here:
 *       ▶ parse_price                    json.c:88                      ▶: the program's own code
 *         raise                          libc.so.6+0x3c1a2
 */
#include "signals/crash/report.h"

#include "base/terminal.h"
#include "base/version_text.h"
#include "signals/crash/own.h"
#include "signals/crash/title.h"
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#define NAME_COLUMNS 44
#define MAX_LINE 2048u
#define NS_PER_MS 1000000u
#define NS_PER_S 1000000000u

struct printer {
    FILE *out;
    const struct crash_report *report;
    bool has_colour, is_utf8;
};

enum style { PLAIN, BOLD, RED, DIM, YELLOW };

static const char *on(const struct printer *printer, enum style style)
{
    static const char *const codes[] = {"", "\033[1m", "\033[1;31m", "\033[2m", "\033[33m"};
    return printer->has_colour ? codes[style] : "";
}

static const char *off(const struct printer *printer)
{
    return printer->has_colour ? "\033[0m" : "";
}

/* Texts come from a crashed program: nothing of them reaches the terminal but what it can show. */
static void say(const struct printer *printer, const char *text)
{
    char shown[MAX_LINE];
    terminal_copy_text(shown, sizeof(shown), text ? text : "?", printer->is_utf8);
    fputs(shown, printer->out);
}

static void fact(const struct printer *printer, const char *name, const char *text)
{
    if (!text || !*text)
        return;
    fprintf(printer->out, "  %s%-10s%s", on(printer, DIM), name, off(printer));
    say(printer, text);
    fputc('\n', printer->out);
}

/* ---- facts ---- */

static const char *print_time(char *ret_text, size_t max_bytes, uint64_t unix_ns)
{
    struct tm parts;
    time_t seconds = (time_t)(unix_ns / NS_PER_S);
    if (!unix_ns || !gmtime_r(&seconds, &parts))
        return "?";
    size_t n = strftime(ret_text, max_bytes, "%Y-%m-%d %H:%M:%S", &parts);
    snprintf(ret_text + n, max_bytes - n, ".%03u UTC", (unsigned)(unix_ns % NS_PER_S / NS_PER_MS));
    return ret_text;
}

static void print_when(const struct printer *printer)
{
    const struct crash_report *report = printer->report;
    char time[64], text[256], uptime[64] = "";
    if (report->uptime_ns)
        snprintf(uptime, sizeof(uptime), ", %.1f s after it began", (double)report->uptime_ns / NS_PER_S);
    snprintf(text, sizeof(text), "%s%s", print_time(time, sizeof(time), report->time_unix_ns), uptime);
    fact(printer, "when", text);
}

static void print_program(const struct printer *printer)
{
    const struct crash_report *report = printer->report;
    char text[MAX_LINE];
    int n = snprintf(text, sizeof(text), "%s", report->exe ? report->exe : "?");
    for (uint32_t i = 1; i < report->n_arguments && n > 0 && (size_t)n < sizeof(text); i++) {
        bool is_quoted = !*report->arguments[i] || strpbrk(report->arguments[i], " \t\"'");
        n += snprintf(text + n, sizeof(text) - (size_t)n, is_quoted ? " '%s'" : " %s", report->arguments[i]);
    }
    fact(printer, "program", text);
    const char *version = report->service_version ? report->service_version : "";
    n = snprintf(text, sizeof(text), "pid %u, uid %u", report->pid, report->uid);
    if (report->service)
        n += snprintf(text + n, sizeof(text) - (size_t)n, ", service %s%s%.*s%s%s%s", report->service,
                      *version ? " " : "", version_is_hash(version) ? VERSION_SHOWN_DIGITS : 64, version,
                      report->environment ? " (" : "", report->environment ? report->environment : "",
                      report->environment ? ")" : "");
    if (report->host && (size_t)n < sizeof(text))
        snprintf(text + n, sizeof(text) - (size_t)n, ", on %s", report->host);
    fact(printer, "process", text);
}

static void print_signal(const struct printer *printer)
{
    const struct crash_report *report = printer->report;
    char text[256], address[40] = "";
    if (!report->signal)
        return;
    if (report->has_address)
        snprintf(address, sizeof(address), " at 0x%" PRIx64, report->address);
    snprintf(text, sizeof(text), "%s (%d)%s%s%s", report->signal, report->signal_number,
             report->code ? ", " : "", report->code ? report->code : "", address);
    fact(printer, "signal", text);
}

static void print_ending(const struct printer *printer)
{
    const struct crash_report *report = printer->report;
    const char *by = report->ended_by ? report->ended_by : "unknown";
    char text[128];
    if (strcmp(by, "exit") == 0)
        snprintf(text, sizeof(text), "exit status %d", report->ended_status);
    else if (strcmp(by, "oom") == 0)
        snprintf(text, sizeof(text), "killed by the kernel for want of memory");
    else if (strcmp(by, "signal") == 0 || strcmp(by, "killed") == 0)
        snprintf(text, sizeof(text), "by signal %d%s", report->ended_status,
                 report->dumped_core ? ", core dumped" : "");
    else
        snprintf(text, sizeof(text), "%s", strcmp(by, "lives") == 0 ? "it lives" : "how is not known");
    fact(printer, "ended", text);
}

static void print_facts(const struct printer *printer)
{
    const struct crash_report *report = printer->report;
    char text[160];
    fact(printer, "reason", report->reason);
    print_signal(printer);
    fact(printer, "message", report->message);
    if (report->sender_pid && report->sender_pid != report->pid) {
        snprintf(text, sizeof(text), "pid %u, uid %u", report->sender_pid, report->sender_uid);
        fact(printer, "sender", text);
    }
    print_when(printer);
    print_program(printer);
    print_ending(printer);
    if (report->trace_id) {
        snprintf(text, sizeof(text), "%s%s%s", report->trace_id, report->span_id ? ", span " : "",
                 report->span_id ? report->span_id : "");
        fact(printer, "trace", text);
    }
    snprintf(text, sizeof(text), "%s, bug %.12s", report->id ? report->id : "?",
             report->fingerprint ? report->fingerprint : "?");
    fact(printer, "report", text);
}

/* ---- stacks ---- */

/* "json.c:88" or "libc.so.6+0x3c1a2", and what is not sure of it. */
static void print_where(const struct crash_frame *frame, char *ret_text, size_t max_bytes)
{
    const char *module = frame->module ? own_base_name(frame->module) : NULL;
    int n = 0;
    ret_text[0] = 0;
    if (frame->file)
        n = snprintf(ret_text, max_bytes, "%s:%u", frame->file, frame->line);
    else if (module)
        n = snprintf(ret_text, max_bytes, "%s+0x%" PRIx64, module, frame->offset);
    else
        n = snprintf(ret_text, max_bytes, "0x%" PRIx64, frame->address);
    const struct {
        bool holds;
        const char *text;
    } notes[] = {{frame->is_inlined, "inlined"},
                 {frame->is_approximate, "nearest symbol"},
                 {frame->is_mismatched, "the file has changed since"},
                 {frame->guess != NULL, "guess"}};
    for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++)
        if (notes[i].holds && n > 0 && (size_t)n < max_bytes)
            n += snprintf(ret_text + n, max_bytes - (size_t)n, "  [%s]", notes[i].text);
}

static const char *name_of(const struct crash_frame *frame)
{
    return frame->is_signal && !frame->function ? "<signal handler called>"
           : frame->function                    ? frame->function
                                                : "??";
}

static void print_frame(const struct printer *printer, const struct crash_frame *frame)
{
    char where[MAX_LINE], name[MAX_LINE];
    const char *mark = !frame->is_own ? " " : printer->is_utf8 ? "▶" : ">";
    terminal_copy_text(name, sizeof(name), name_of(frame), printer->is_utf8);
    print_where(frame, where, sizeof(where));
    int columns = (int)terminal_text_columns(name);
    fprintf(printer->out, "  %s%s %s%s%*s", on(printer, frame->is_own ? BOLD : DIM), mark, name, off(printer),
            columns < NAME_COLUMNS ? NAME_COLUMNS - columns : 2, "");
    fputs(on(printer, frame->is_own ? YELLOW : DIM), printer->out);
    say(printer, where);
    fprintf(printer->out, "%s\n", off(printer));
}

/* How many frames a number of return addresses are: inlined ones belong to the next that is none. */
static uint32_t frames_of_calls(const struct crash_stack *stack, uint32_t from, uint32_t n_calls)
{
    uint32_t i = from;
    for (; n_calls && i < stack->n_frames; i++)
        n_calls -= !stack->frames[i].is_inlined;
    return i - from;
}

/* A recursion is shown once; returns how many frames behind `i` are like those before. */
static uint32_t fold_recursion(const struct printer *printer, const struct crash_stack *stack, uint32_t i)
{
    if (stack->recursion_times < 3 || i < stack->recursion_at)
        return 0;
    uint32_t once = frames_of_calls(stack, stack->recursion_at, stack->recursion_period);
    uint64_t n_calls = (uint64_t)stack->recursion_period * (stack->recursion_times - 1);
    if (stack->n_left_out && stack->left_out_at >= i)
        n_calls -= stack->n_left_out < n_calls ? stack->n_left_out : n_calls;
    if (i != stack->recursion_at + once || n_calls > stack->n_frames)
        return 0;
    fprintf(printer->out, "    ... the last %u call%s %u times more ...\n", stack->recursion_period,
            stack->recursion_period == 1 ? "" : "s", stack->recursion_times - 1);
    return frames_of_calls(stack, i, (uint32_t)n_calls);
}

static void print_stack(const struct printer *printer, const struct crash_stack *stack)
{
    for (uint32_t i = 0; i < stack->n_frames; i++) {
        i += fold_recursion(printer, stack, i);
        if (stack->n_left_out && i == stack->left_out_at)
            fprintf(printer->out, "    ... %u frames left out ...\n", stack->n_left_out);
        if (i < stack->n_frames)
            print_frame(printer, &stack->frames[i]);
    }
    if (stack->end_reason) {
        fprintf(printer->out, "    %s(", on(printer, DIM));
        say(printer, stack->end_reason);
        fprintf(printer->out, ")%s\n", off(printer));
    }
}

static void print_threads(const struct printer *printer)
{
    const struct crash_report *report = printer->report;
    if (own_stack(report) == &report->thrown) {
        fprintf(printer->out, "\n%sthrown here:%s\n", on(printer, BOLD), off(printer));
        print_stack(printer, &report->thrown);
    }
    for (uint32_t i = 0; i < report->n_threads; i++) {
        const struct crash_report_thread *thread = &report->threads[i];
        fprintf(printer->out, "\n%sthread %u", on(printer, BOLD), thread->tid);
        if (thread->name && *thread->name) {
            fputs(" \"", printer->out);
            say(printer, thread->name);
            fputc('"', printer->out);
        }
        fprintf(printer->out, "%s:%s\n", thread->is_crashed ? " crashed here" : "", off(printer));
        if (thread->is_incomplete)
            fputs("    (it did not stop in time)\n", printer->out);
        print_stack(printer, &thread->stack);
    }
    if (report->threads_missing) {
        fputs(report->n_threads > 1 ? "\nother threads: " : "\nother threads: none: ", printer->out);
        say(printer, report->threads_missing);
        fputc('\n', printer->out);
    }
}

/* ---- spans, registers ---- */

static void print_spans(const struct printer *printer, const char *heading, const struct crash_span *spans,
                        uint32_t n)
{
    uint64_t death_ns = printer->report->time_unix_ns;
    if (n)
        fprintf(printer->out, "\n%s%s (when it began, how long it took):%s\n", on(printer, BOLD), heading,
                off(printer));
    for (uint32_t i = 0; i < n; i++) {
        const struct crash_span *span = &spans[i];
        uint64_t end_ns = span->end_unix_ns ? span->end_unix_ns : death_ns;
        double before_s =
            death_ns > span->start_unix_ns ? (double)(death_ns - span->start_unix_ns) / NS_PER_S : 0;
        double took_ms =
            end_ns > span->start_unix_ns ? (double)(end_ns - span->start_unix_ns) / NS_PER_MS : 0;
        bool is_error = span->status && strcmp(span->status, "error") == 0;
        fprintf(printer->out, "  -%.3f s %9.2f ms  %s", before_s, took_ms,
                on(printer, is_error ? RED : PLAIN));
        say(printer, span->name);
        fprintf(printer->out, "%s%s", is_error ? "  error" : "", off(printer));
        if (span->tid && span->tid != printer->report->tid)
            fprintf(printer->out, "  [thread %u]", span->tid);
        fputc('\n', printer->out);
    }
}

static void print_registers(const struct printer *printer)
{
    const struct crash_report *report = printer->report;
    if (report->registers_missing) {
        fputs("\nregisters: none: ", printer->out);
        say(printer, report->registers_missing);
        fputc('\n', printer->out);
    }
    if (!report->n_registers)
        return;
    fprintf(printer->out, "\n%sregisters:%s", on(printer, BOLD), off(printer));
    for (uint32_t i = 0; i < report->n_registers; i++) {
        char name[16];
        terminal_copy_text(name, sizeof(name), report->registers[i].name, false);
        fprintf(printer->out, "%s%7s %016" PRIx64, i % 4 ? "" : "\n ", name, report->registers[i].value);
    }
    fputc('\n', printer->out);
}

/* The modules of the frames: with these build ids the names can be found again elsewhere. */
static void print_modules(const struct printer *printer)
{
    const struct crash_report *report = printer->report;
    const struct crash_stack *stack = report->n_threads ? &report->threads[0].stack : &report->thrown;
    bool has_any = false;
    for (uint32_t i = 0; i < stack->n_frames; i++) {
        const struct crash_frame *frame = &stack->frames[i];
        bool was_said = !frame->module || !frame->build_id;
        for (uint32_t before = 0; before < i && !was_said; before++)
            was_said =
                stack->frames[before].module && strcmp(stack->frames[before].module, frame->module) == 0;
        if (was_said)
            continue;
        if (!has_any)
            fprintf(printer->out, "\n%smodules:%s\n", on(printer, BOLD), off(printer));
        has_any = true;
        fputs("  ", printer->out);
        say(printer, frame->build_id);
        fputs("  ", printer->out);
        say(printer, frame->module);
        fputc('\n', printer->out);
    }
}

void crash_report_print(FILE *out, const struct crash_report *report, bool has_colour, bool is_utf8)
{
    struct printer printer = {out, report, has_colour, is_utf8};
    fputs(on(&printer, RED), out);
    say(&printer, report->title ? report->title : "crash");
    fprintf(out, "%s\n\n", off(&printer));
    print_facts(&printer);
    print_threads(&printer);
    print_spans(&printer, "calls in flight", report->open_spans, report->n_open_spans);
    print_spans(&printer, "calls before", report->recent_spans, report->n_recent_spans);
    print_registers(&printer);
    print_modules(&printer);
}

/* One frame a line, as `function (file:line)`: no convention says how C's look. */
char *crash_report_stacktrace(struct arena *arena, const struct crash_report *report)
{
    const struct crash_stack *stack = own_stack(report);
    size_t used = 0, max = 4096;
    char *text = arena_alloc(arena, max);
    text[0] = 0;
    for (uint32_t i = 0; i < stack->n_frames; i++) {
        char where[MAX_LINE];
        print_where(&stack->frames[i], where, sizeof(where));
        const char *line = arena_printf(arena, "    at %s (%s)\n", name_of(&stack->frames[i]), where);
        size_t n = strlen(line);
        if (used + n + 1 > max) {
            char *larger = arena_alloc(arena, max = 2 * (used + n + 1));
            memcpy(larger, text, used + 1);
            text = larger;
        }
        memcpy(text + used, line, n + 1);
        used += n;
    }
    return text;
}
