/* rich_text: see rich_text.h. Messages have some dozens of runs: they are kept in one array that doubles. */
#include "telemetry/rich_text.h"

#include "base/utf8.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define FIRST_RUNS 16u

/* Valid UTF-8 on one or more lines, with no other control character. */
static char *cleaned(struct arena *arena, const char *text, size_t bytes)
{
    size_t n = utf8_repaired_bytes(text, bytes);
    char *out = arena_alloc(arena, n + 1);
    utf8_repair(out, text, bytes);
    out[n] = 0;
    for (char *c = out; *c; c++)
        if (((unsigned char)*c < 0x20 && *c != '\n') || *c == 0x7f)
            *c = ' ';
    return out;
}

static struct rich_run *append(struct rich_text *rich, enum rich_style style, const char *text, size_t bytes)
{
    if (rich->n == rich->max) {
        uint32_t max = rich->max ? rich->max * 2 : FIRST_RUNS;
        struct rich_run *runs = arena_alloc(rich->arena, max * sizeof(*runs));
        if (rich->n)
            memcpy(runs, rich->runs, rich->n * sizeof(*runs));
        rich->runs = runs;
        rich->max = max;
    }
    struct rich_run *run = &rich->runs[rich->n++];
    *run = (struct rich_run){.style = style, .text = cleaned(rich->arena, text, bytes)};
    return run;
}

void rich_add(struct rich_text *rich, enum rich_style style, const char *text)
{
    if (text && *text)
        append(rich, style, text, strlen(text));
}

void rich_add_format(struct rich_text *rich, enum rich_style style, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int n = vsnprintf(NULL, 0, format, arguments);
    char *text = arena_alloc(rich->arena, n > 0 ? (size_t)n + 1 : 1);
    text[0] = 0;
    if (n > 0)
        vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    va_end(arguments);
    rich_add(rich, style, text);
}

void rich_add_link(struct rich_text *rich, const char *text, const char *url)
{
    struct rich_run *run = append(rich, RICH_LINK, text, strlen(text));
    run->url = cleaned(rich->arena, url, strlen(url));
}

void rich_add_time(struct rich_text *rich, const char *text, uint64_t unix_s)
{
    append(rich, RICH_TIME, text, strlen(text))->unix_s = unix_s;
}

void rich_add_run(struct rich_text *rich, const struct rich_run *run)
{
    struct rich_run *copy = append(rich, run->style, run->text, strlen(run->text));
    copy->url = run->url ? cleaned(rich->arena, run->url, strlen(run->url)) : NULL;
    copy->unix_s = run->unix_s;
}

/* ---- markup ---- */

static bool is_word_character(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_mark(char c)
{
    return c == '*' || c == '_' || c == '`';
}

/*
 * The mark that closes the one at *open; NULL: on its line none does. Letters that are not ASCII do not count as a word's: Korean
 * particles follow a bold noun directly.
 */
static const char *find_end(const char *begin, const char *open)
{
    if (open > begin && is_word_character(open[-1]))
        return NULL;
    if (open[1] == ' ' || open[1] == '\n' || !open[1])
        return NULL;
    for (const char *at = open + 1; *at && *at != '\n'; at++) {
        if (*at == '\\' && at[1] && at[1] != '\n')
            at++;
        else if (*at == *open && at > open + 1 && at[-1] != ' ' && !is_word_character(at[1]))
            return at;
    }
    return NULL;
}

/* Without the backslashes. */
static void append_unescaped(struct rich_text *rich, enum rich_style style, const char *begin,
                             const char *end)
{
    char *out = arena_alloc(rich->arena, (size_t)(end - begin) + 1);
    size_t n = 0;
    for (const char *at = begin; at < end; at++) {
        if (*at == '\\' && at + 1 < end)
            at++;
        out[n++] = *at;
    }
    if (n)
        append(rich, style, out, n);
}

void rich_parse(struct rich_text *rich, const char *markup)
{
    const char *plain = markup, *at = markup;
    while (*at) {
        const char *end = is_mark(*at) ? find_end(markup, at) : NULL;
        if (!end) {
            at += *at == '\\' && at[1] ? 2 : 1;
            continue;
        }
        append_unescaped(rich, RICH_PLAIN, plain, at);
        append_unescaped(rich, *at == '*' ? RICH_BOLD : *at == '_' ? RICH_ITALIC : RICH_CODE, at + 1, end);
        at = plain = end + 1;
    }
    append_unescaped(rich, RICH_PLAIN, plain, at);
}

const char *rich_escape(struct arena *arena, const char *text)
{
    char *out = arena_alloc(arena, 2 * strlen(text) + 1);
    size_t n = 0;
    for (; *text; text++) {
        if (is_mark(*text) || *text == '\\')
            out[n++] = '\\';
        out[n++] = *text;
    }
    out[n] = 0;
    return out;
}

/* ---- plain text ---- */

struct output {
    char *text; /* NULL: only counts */
    size_t n;
    char last;
};

static void put(struct output *output, const char *text)
{
    size_t bytes = strlen(text);
    if (!bytes)
        return;
    if (output->text)
        memcpy(output->text + output->n, text, bytes);
    output->n += bytes;
    output->last = text[bytes - 1];
}

static void put_all(const struct rich_text *rich, struct output *output)
{
    bool was_block = false;
    for (uint32_t i = 0; i < rich->n; i++) {
        const struct rich_run *run = &rich->runs[i];
        bool is_block = run->style == RICH_PRE || run->style == RICH_QUOTE;
        bool needs_line = (is_block || was_block) && output->n && output->last != '\n';
        if (needs_line && (is_block || run->text[0] != '\n'))
            put(output, "\n");
        put(output, run->text);
        if (run->style == RICH_LINK && run->url && strcmp(run->text, run->url) != 0) {
            put(output, run->text[0] ? " (" : "(");
            put(output, run->url);
            put(output, ")");
        }
        was_block = is_block;
    }
}

const char *rich_print_plain(const struct rich_text *rich, struct arena *arena)
{
    struct output output = {.n = 0};
    put_all(rich, &output);
    output = (struct output){.text = arena_alloc(arena, output.n + 1)};
    put_all(rich, &output);
    output.text[output.n] = 0;
    return output.text;
}

size_t rich_utf16_units(const char *text)
{
    size_t units = 0;
    for (; *text; text++)
        units += (*text & 0xc0) == 0x80 ? 0 : (unsigned char)*text >= 0xf0 ? 2 : 1;
    return units;
}
