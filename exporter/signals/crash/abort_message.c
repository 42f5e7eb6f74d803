/* abort_message: what glibc says before it aborts (__abort_msg), told apart: assert, malloc, stack smashing, FORTIFY. */
#include "signals/crash/explain.h"

#include <ctype.h>
#include <string.h>

#define ASSERTION ": Assertion `"
#define ASSERTION_END "' failed"

static const struct {
    const char *beginning, *class, *brief;
} known[] = {
    {"*** stack smashing detected", "stack-smashing", "stack smashing detected"},
    {"*** buffer overflow detected", "fortify", "buffer overflow detected"},
    {"*** %n in writable segment", "fortify", "%n in a writable format"},
    {"*** invalid %N$ use", "fortify", "invalid format"},
    {"*** bit out of range", "fortify", "descriptor beyond FD_SETSIZE"},
    {"*** longjmp causes uninitialized", "fortify", "longjmp into a frame that is gone"},
    {"*** invalid open call", "fortify", "open(O_CREAT) without a mode"},
    {"double free or corruption", "malloc", NULL},
    {"free(): ", "malloc", NULL},
    {"malloc(): ", "malloc", NULL},
    {"malloc_consolidate(): ", "malloc", NULL},
    {"realloc(): ", "malloc", NULL},
    {"calloc(): ", "malloc", NULL},
    {"munmap_chunk(): ", "malloc", NULL},
    {"mremap_chunk(): ", "malloc", NULL},
    {"corrupted ", "malloc", NULL},
    {"invalid fastbin entry", "malloc", NULL},
    {"break adjusted to free malloc space", "malloc", NULL},
    {"malloc_printerr", "malloc", NULL},
    {"chunk is smaller", "malloc", NULL},
    {"Fatal glibc error: ", "abort", NULL},
};

/* Without the line's end and what a hostile process may have put behind it. */
static char *first_line(const char *text, struct arena *arena)
{
    size_t bytes = strcspn(text, "\r\n");
    while (bytes && text[bytes - 1] == ' ') /* redaction made one of the line's end */
        bytes--;
    return arena_copy(arena, text, bytes);
}

/* "prog: file.c:12: function: Assertion `x > 0' failed." ; program and function may be missing, "prog" may hold colons. */
static bool explain_assertion(const char *text, struct arena *arena, struct explanation *explanation)
{
    const char *mark = strstr(text, ASSERTION);
    if (!mark)
        return false;
    const char *expression = mark + strlen(ASSERTION), *end = NULL;
    for (const char *at = expression; (at = strstr(at, ASSERTION_END)); at++)
        end = at;
    char *head = arena_copy(arena, text, (size_t)(mark - text));
    expression =
        end ? arena_copy(arena, expression, (size_t)(end - expression)) : first_line(expression, arena);
    /* ":<digits>" then ": " or the end: file in front, function behind */
    const char *function = "", *file = head;
    char *line = NULL;
    for (char *at = strchr(head, ':'); at && !line; at = strchr(at + 1, ':')) {
        size_t n = strspn(at + 1, "0123456789");
        if (n && (at[1 + n] == 0 || strncmp(at + 1 + n, ": ", 2) == 0))
            line = at;
    }
    if (line) {
        size_t n = strspn(line + 1, "0123456789");
        function = line[1 + n] ? line + 1 + n + 2 : "";
        line[1 + n] = 0;
        for (const char *at = head; (at = strstr(at, ": ")) && at < line; at++)
            file = at + 2;
    }
    explanation->class = "assert";
    explanation->brief = arena_printf(arena, "assertion failed: %s", expression);
    explanation->reason =
        arena_printf(arena, "assertion `%s' failed%s%s%s%s%s", expression, *function ? " in " : "", function,
                     *file ? " (" : "", file, *file ? ")" : "");
    explanation->detail = arena_printf(arena, "%s|%s", function, expression);
    return true;
}

/* Numbers differ from run to run, words do not. */
static const char *without_numbers(const char *text, struct arena *arena)
{
    char *copy = arena_copy(arena, text, strlen(text)), *to = copy;
    for (const char *at = text; *at; at++) {
        bool is_hexadecimal = at[0] == '0' && at[1] == 'x';
        if (!isdigit((unsigned char)*at)) {
            *to++ = *at;
            continue;
        }
        *to++ = '#';
        at += is_hexadecimal ? 1 : 0;
        while (is_hexadecimal ? isxdigit((unsigned char)at[1]) : isdigit((unsigned char)at[1]))
            at++;
    }
    *to = 0;
    return copy;
}

bool explain_abort_message(const char *text, struct arena *arena, struct explanation *ret_explanation)
{
    if (explain_assertion(text, arena, ret_explanation))
        return true;
    char *line = first_line(text, arena);
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strncmp(line, known[i].beginning, strlen(known[i].beginning)) != 0)
            continue;
        ret_explanation->class = known[i].class;
        ret_explanation->brief = known[i].brief ? known[i].brief : line;
        ret_explanation->reason = arena_printf(arena, "glibc aborted the program: %s", line);
        ret_explanation->detail = without_numbers(line, arena);
        return true;
    }
    if (!*line)
        return false;
    ret_explanation->class = "abort";
    ret_explanation->brief = line;
    ret_explanation->reason = arena_printf(arena, "aborted: %s", line);
    ret_explanation->detail = without_numbers(line, arena);
    return true;
}
