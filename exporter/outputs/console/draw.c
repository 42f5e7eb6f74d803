/*
 * draw: one trace on the screen.
 *
 *   prefix and name        bar on the trace's time line   duration  outcome  where or what
 *   ├─ SELECT candles        ━━╸                           24.1 ms  3 rows   SELECT ts, price FROM candles
 *   │                                                      dns 1.2 ms · connect 0.3 ms          (of a new connection)
 *   │  what went wrong, in the library's words
 *
 * A cell of the bar has two halves: ╺ starts in its second, ╸ ends in its first, so 24 columns show 48 steps.
 */
#include "base/terminal.h"
#include "outputs/console/console_priv.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define MARGIN 2u
#define GAP 2u
#define MIN_NAME_COLUMNS 12u
#define DURATION_COLUMNS 8u
#define MIN_COLUMNS 60u
#define MAX_NOTE_LINES 4u
#define MAX_NOTE_BYTES 512u
#define MAX_PREFIX_BYTES (TREE_MAX_DEPTH * 8u)

struct glyphs {
    const char *branch, *last, *pass, *blank; /* three columns each */
    const char *full, *left, *right;          /* a cell of the bar and its halves */
    const char *cross, *separator, *ellipsis;
};
static const struct glyphs utf8_glyphs = {"├─ ", "└─ ", "│  ", "   ", "━", "╸", "╺", "✗ ", " · ", "…"};
static const struct glyphs ascii_glyphs = {"|- ", "`- ", "|  ", "   ", "=", "=", "=", "x ", " | ", "~"};

#define BOLD "\033[1m"
#define DIM "\033[2m"
#define RED "\033[31m"
#define BOLD_RED "\033[1;31m"
#define GREEN "\033[32m"
#define BLUE "\033[34m"
#define MAGENTA "\033[35m"
#define CYAN "\033[36m"
#define PLAIN "\033[0m"

struct drawing {
    FILE *out;
    const struct glyphs *glyphs;
    bool is_coloured;
    uint32_t name_columns, bar_columns, outcome_columns, detail_columns;
    uint64_t start_unix_ns, total_ns;
    const char *service;           /* of the trace: not repeated */
    char prefix[MAX_PREFIX_BYTES]; /* of the children being drawn */
};

static void put(const struct drawing *drawing, const char *colour, const char *text)
{
    if (*text == 0)
        return;
    bool is_coloured = drawing->is_coloured && colour;
    fprintf(drawing->out, "%s%s%s", is_coloured ? colour : "", text, is_coloured ? PLAIN : "");
}

static void put_spaces(const struct drawing *drawing, uint32_t columns)
{
    fprintf(drawing->out, "%*s", (int)columns, "");
}

/* Cut to `columns` and filled up with spaces. */
static void put_cell(const struct drawing *drawing, const char *colour, const char *text, uint32_t columns)
{
    uint32_t taken = terminal_text_columns(text);
    if (taken <= columns) {
        put(drawing, colour, text);
        put_spaces(drawing, columns - taken);
        return;
    }
    char cut[1024];
    size_t fit = terminal_text_fit(text, columns > 0 ? columns - 1 : 0);
    snprintf(cut, sizeof(cut), "%.*s%s", (int)fit, text, columns > 0 ? drawing->glyphs->ellipsis : "");
    put(drawing, colour, cut);
    taken = terminal_text_columns(cut);
    put_spaces(drawing, taken < columns ? columns - taken : 0);
}

/* As put_cell(), but nothing after the text. */
static void put_rest(const struct drawing *drawing, const char *colour, const char *text, uint32_t columns)
{
    uint32_t taken = terminal_text_columns(text);
    put_cell(drawing, colour, text, taken < columns ? taken : columns);
}

static const char *bar_colour(const struct shown_span *span)
{
    static const char *const colours[] = {
        [SHOWN_INTERNAL] = DIM, [SHOWN_HTTP] = CYAN, [SHOWN_DATABASE] = BLUE, [SHOWN_CACHE] = MAGENTA};
    return span->is_error ? RED : colours[span->family];
}

static void put_bar(const struct drawing *drawing, const struct shown_span *span)
{
    uint32_t halves = 2 * drawing->bar_columns;
    double scale = drawing->total_ns ? (double)halves / (double)drawing->total_ns : 0;
    uint32_t from = (uint32_t)((double)(span->start_unix_ns - drawing->start_unix_ns) * scale);
    uint32_t to = (uint32_t)((double)(span->end_unix_ns - drawing->start_unix_ns) * scale + 0.5);
    if (drawing->total_ns == 0)
        to = halves;
    if (from >= halves)
        from = halves - 1;
    if (to <= from)
        to = from + 1;
    char bar[1024] = ""; /* of at most 40 cells */
    size_t bytes = 0;
    for (uint32_t cell = from / 2; 2 * cell < to; cell++) {
        bool has_left = from <= 2 * cell, has_right = to >= 2 * cell + 2;
        const struct glyphs *glyphs = drawing->glyphs;
        const char *glyph = has_left && has_right ? glyphs->full : has_left ? glyphs->left : glyphs->right;
        bytes += (size_t)snprintf(bar + bytes, sizeof(bar) - bytes, "%s", glyph);
    }
    put_spaces(drawing, from / 2);
    put(drawing, bar_colour(span), bar);
    put_spaces(drawing, drawing->bar_columns - (to + 1) / 2);
}

static void put_name(const struct drawing *drawing, const struct shown_span *span, const char *branch)
{
    put(drawing, DIM, drawing->prefix);
    put(drawing, DIM, branch);
    uint32_t taken = terminal_text_columns(drawing->prefix) + terminal_text_columns(branch);
    if (span->is_error) {
        put(drawing, BOLD_RED, drawing->glyphs->cross);
        taken += 2;
    }
    char name[512];
    bool is_elsewhere = strcmp(span->service, drawing->service) != 0;
    snprintf(name, sizeof(name), "%s%s%s%s", span->name, is_elsewhere ? " [" : "",
             is_elsewhere ? span->service : "", is_elsewhere ? "]" : "");
    put_cell(drawing,
             span->is_error ? RED
             : *branch      ? NULL
                            : BOLD,
             name, taken < drawing->name_columns ? drawing->name_columns - taken : 0);
    put_spaces(drawing, GAP);
}

static void put_facts(const struct drawing *drawing, const struct shown_span *span)
{
    if (!*span->outcome && !*span->detail)
        return;
    put_spaces(drawing, GAP);
    static const char *const colours[] = {[SHOWN_HTTP] = GREEN, [SHOWN_CACHE] = DIM, [SHOWN_INTERNAL] = NULL};
    const char *colour = span->is_error ? BOLD_RED : colours[span->family];
    if (!*span->detail) {
        put_rest(drawing, colour, span->outcome, drawing->outcome_columns + GAP + drawing->detail_columns);
        return;
    }
    if (drawing->outcome_columns > 0) {
        put_cell(drawing, colour, span->outcome, drawing->outcome_columns);
        put_spaces(drawing, GAP);
    }
    put_rest(drawing, DIM, span->detail, drawing->detail_columns);
}

/* The tree's lines below a span, up to the bar's column, so that names stay a column of their own. */
static void put_margin(const struct drawing *drawing, const struct shown_span *span, const char *branch)
{
    const struct glyphs *glyphs = drawing->glyphs;
    put_spaces(drawing, MARGIN);
    put(drawing, DIM, drawing->prefix);
    const char *under = !*branch ? "" : strcmp(branch, glyphs->branch) == 0 ? glyphs->pass : glyphs->blank;
    put(drawing, DIM, under);
    put(drawing, DIM, span->first_child ? glyphs->pass : glyphs->blank);
    uint32_t taken = terminal_text_columns(drawing->prefix) + terminal_text_columns(under) + 3;
    put_spaces(drawing, taken < drawing->name_columns + GAP ? drawing->name_columns + GAP - taken : 0);
}

/* How much of `text` goes on one line: up to the last space that fits. */
static size_t break_line(const char *text, uint32_t columns)
{
    size_t fit = terminal_text_fit(text, columns);
    if (!text[fit])
        return fit;
    size_t at = fit;
    while (at > 0 && text[at] != ' ')
        at--;
    return at > 0 ? at : fit;
}

/* Lines below the span that belong to it. */
static void put_note(const struct drawing *drawing, const struct shown_span *span, const char *branch,
                     const char *colour, const char *text)
{
    uint32_t columns = drawing->bar_columns + 3 * GAP + DURATION_COLUMNS + drawing->outcome_columns +
                       drawing->detail_columns;
    for (uint32_t n_lines = 1; *text; n_lines++) {
        put_margin(drawing, span, branch);
        size_t bytes = n_lines < MAX_NOTE_LINES ? break_line(text, columns) : strlen(text);
        char line[MAX_NOTE_BYTES];
        snprintf(line, sizeof(line), "%.*s", (int)bytes, text);
        put_rest(drawing, colour, line, columns);
        fputc('\n', drawing->out);
        text += bytes;
        text += strspn(text, " ");
    }
}

static void draw_span(struct drawing *drawing, const struct shown_span *span, const char *branch)
{
    char duration[24];
    duration_print(duration, span->end_unix_ns - span->start_unix_ns, drawing->glyphs == &utf8_glyphs);
    put_spaces(drawing, MARGIN);
    put_name(drawing, span, branch);
    put_bar(drawing, span);
    uint32_t taken = terminal_text_columns(duration);
    put_spaces(drawing, GAP + (taken < DURATION_COLUMNS ? DURATION_COLUMNS - taken : 0));
    put(drawing, NULL, duration);
    put_facts(drawing, span);
    fputc('\n', drawing->out);
    put_note(drawing, span, branch, RED, span->message);
    put_note(drawing, span, branch, DIM, span->phases);

    size_t end = strlen(drawing->prefix);
    if (*branch) {
        const char *under =
            strcmp(branch, drawing->glyphs->branch) == 0 ? drawing->glyphs->pass : drawing->glyphs->blank;
        strncat(drawing->prefix, under, sizeof(drawing->prefix) - end - 1);
    }
    for (const struct shown_span *child = span->first_child; child; child = child->next_sibling)
        draw_span(drawing, child, child->next_sibling ? drawing->glyphs->branch : drawing->glyphs->last);
    drawing->prefix[end] = 0;
}

static void draw_header(const struct drawing *drawing, const struct shown_trace *trace, uint32_t n_errors)
{
    char text[160], duration[24], id[33];
    time_t seconds = (time_t)(drawing->start_unix_ns / 1000000000);
    struct tm local = {0};
    localtime_r(&seconds, &local);
    duration_print(duration, drawing->total_ns, drawing->glyphs == &utf8_glyphs);
    const char *separator = drawing->glyphs->separator;
    put(drawing, BOLD, *drawing->service ? drawing->service : "unknown_service");
    snprintf(text, sizeof(text), "%s%02d:%02d:%02d.%03u%s%s%s%u span%s", separator, local.tm_hour,
             local.tm_min, local.tm_sec, (unsigned)(drawing->start_unix_ns / 1000000 % 1000), separator,
             duration, separator, trace->n_spans, trace->n_spans == 1 ? "" : "s");
    put(drawing, NULL, text);
    if (n_errors > 0) {
        put(drawing, NULL, separator);
        snprintf(text, sizeof(text), "%u error%s", n_errors, n_errors == 1 ? "" : "s");
        put(drawing, BOLD_RED, text);
    }
    for (size_t i = 0; i < 16; i++)
        snprintf(id + 2 * i, 3, "%02x", trace->trace_id[i]);
    snprintf(text, sizeof(text), "%strace %s%s", separator, id, trace->was_shown ? " (continued)" : "");
    put(drawing, DIM, text);
    fputc('\n', drawing->out);
}

/* The width that names would like, and that outcomes of spans with a detail beside them need. */
static void measure(struct drawing *drawing, const struct shown_span *list, uint32_t depth)
{
    for (const struct shown_span *span = list; span; span = span->next_sibling) {
        uint32_t name = 3 * depth + (span->is_error ? 2 : 0) + terminal_text_columns(span->name);
        if (strcmp(span->service, drawing->service) != 0)
            name += terminal_text_columns(span->service) + 3;
        if (name > drawing->name_columns)
            drawing->name_columns = name;
        uint32_t outcome = *span->detail ? terminal_text_columns(span->outcome) : 0;
        if (outcome > drawing->outcome_columns)
            drawing->outcome_columns = outcome;
        measure(drawing, span->first_child, depth + 1);
    }
}

static void divide_columns(struct drawing *drawing, uint32_t columns)
{
    if (columns < MIN_COLUMNS)
        columns = MIN_COLUMNS;
    uint32_t max_name = columns / 3, max_outcome = columns / 6;
    if (drawing->name_columns > max_name)
        drawing->name_columns = max_name;
    if (drawing->name_columns < MIN_NAME_COLUMNS)
        drawing->name_columns = MIN_NAME_COLUMNS;
    if (drawing->outcome_columns > max_outcome)
        drawing->outcome_columns = max_outcome;
    uint32_t bar = columns / 5;
    drawing->bar_columns = bar > 40 ? 40 : bar;
    uint32_t taken = MARGIN + drawing->name_columns + GAP + drawing->bar_columns + GAP + DURATION_COLUMNS +
                     GAP + drawing->outcome_columns + (drawing->outcome_columns > 0 ? GAP : 0);
    drawing->detail_columns = taken < columns ? columns - taken : 0;
}

void draw_trace(FILE *out, const struct console_style *style, const struct shown_trace *trace,
                const struct shown_span *roots)
{
    struct drawing drawing = {.out = out, .is_coloured = style->is_coloured, .start_unix_ns = UINT64_MAX};
    drawing.glyphs = style->is_utf8 ? &utf8_glyphs : &ascii_glyphs;
    drawing.service = roots->service;
    uint64_t end_unix_ns = 0;
    uint32_t n_errors = 0;
    for (const struct shown_span *span = trace->spans; span; span = span->next) {
        if (span->start_unix_ns < drawing.start_unix_ns)
            drawing.start_unix_ns = span->start_unix_ns;
        if (span->end_unix_ns > end_unix_ns)
            end_unix_ns = span->end_unix_ns;
        n_errors += span->is_error;
    }
    drawing.total_ns = end_unix_ns - drawing.start_unix_ns;
    measure(&drawing, roots, 0);
    divide_columns(&drawing, style->columns);
    fputc('\n', out); /* what the program printed may stand above */
    draw_header(&drawing, trace, n_errors);
    for (const struct shown_span *root = roots; root; root = root->next_sibling)
        draw_span(&drawing, root, "");
}
