/* fingerprint: see fingerprint.h. */
#include "signals/crash/fingerprint.h"

#include "base/sha256.h"
#include "signals/crash/own.h"
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECURSION_FRAMES 64u /* of a stack overflow: in which the cycle is looked for */
#define OPERATOR "operator"

/* ---- names ---- */

/* Bytes of "<…>" or "(…)" with what is nested in it; 0: it is not closed. */
static size_t skip_nested(const char *text, char open, char close)
{
    int depth = 0;
    for (size_t i = 0; text[i]; i++) {
        if (text[i] == '>' && i > 0 && text[i - 1] == '-')
            continue; /* Rust's and C++'s "->" */
        depth += text[i] == open;
        depth -= text[i] == close;
        if (depth == 0)
            return i + 1;
    }
    return 0;
}

/* "operator<<", "operator()", "operator->": no brackets of arguments. */
static size_t skip_operator(const char *name, const char *at)
{
    bool is_word = at == name || !(isalnum((unsigned char)at[-1]) || at[-1] == '_');
    if (!is_word || strncmp(at, OPERATOR, strlen(OPERATOR)) != 0)
        return 0;
    size_t n = strlen(OPERATOR);
    if (strncmp(at + n, "()", 2) == 0)
        return n + 2;
    return n + strspn(at + n, "<>-=!+*/%^&|~,");
}

/* "::h0123456789abcdef" at the end. */
static bool is_rust_hash(const char *at)
{
    return strncmp(at, "::h", 3) == 0 && strspn(at + 3, "0123456789abcdef") == 16 && at[19] == 0;
}

/* ".constprop.0", ".part.3", ".isra.0", ".cold", ".llvm.123", " [clone .cold]", "@plt", "@@GLIBC_2.34" */
static bool is_clone_mark(const char *at)
{
    static const char *const marks[] = {".constprop", ".part.",      ".isra.",  ".cold", ".llvm.",
                                        ".lto_priv",  ".localalias", " [clone", "@"};
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
        if (strncmp(at, marks[i], strlen(marks[i])) == 0)
            return true;
    return false;
}

/* "{lambda(int)#2}", "{closure#0}", "{{closure}}", "$_3": the bytes, and what stands for them. */
static size_t skip_lambda(const char *at, const char **ret_instead)
{
    if (*at == '{') {
        size_t n = skip_nested(at, '{', '}');
        *ret_instead = strstr(at, "closure") && strstr(at, "closure") < at + n ? "{closure}"
                       : strstr(at, "lambda") && strstr(at, "lambda") < at + n ? "{lambda}"
                                                                               : "{}";
        return n;
    }
    if (strncmp(at, "$_", 2) == 0) {
        *ret_instead = "{lambda}";
        return 2 + strspn(at + 2, "0123456789");
    }
    return 0;
}

static size_t put(char *name, size_t used, const char *text, size_t n)
{
    size_t room = FINGERPRINT_NAME_MAX - 1 - used;
    n = n < room ? n : room;
    memcpy(name + used, text, n);
    return used + n;
}

/* Arguments end a name, but "(anonymous namespace)::f" and "f()::{lambda}" go on. */
static size_t skip_arguments(const char *at, bool *ret_is_kept)
{
    size_t n = skip_nested(at, '(', ')');
    *ret_is_kept = strncmp(at, "(anonymous namespace)", 21) == 0;
    return n ? n : strlen(at);
}

void fingerprint_normalise(const char *function, char ret_name[FINGERPRINT_NAME_MAX])
{
    size_t used = 0;
    const char *at = function, *instead;
    while (*at && !is_clone_mark(at) && !is_rust_hash(at)) {
        size_t n = skip_operator(function, at);
        bool is_kept = true;
        if (n) {
            used = put(ret_name, used, at, n);
        } else if ((n = skip_lambda(at, &instead))) {
            used = put(ret_name, used, instead, strlen(instead));
        } else if (*at == '(') {
            n = skip_arguments(at, &is_kept);
            used = is_kept ? put(ret_name, used, at, n) : used;
        } else if (*at == '<' &&
                   at > function) { /* Rust's "<T as Trait>::f" begins with one, and is its name */
            n = skip_nested(at, '<', '>');
            n = n ? n : strlen(at);
            used = put(ret_name, used, "<>", 2);
        } else if (strncmp(at, "[abi:", 5) == 0) {
            n = strcspn(at, "]") + 1;
        } else if (strcmp(at, " const") == 0 || strncmp(at, " const::", 8) == 0) {
            n = 6;
        } else {
            n = 1;
            used = put(ret_name, used, at, 1);
        }
        at += n < strlen(at) ? n : strlen(at);
    }
    ret_name[used] = 0;
}

/* ---- the text that is hashed ---- */

struct gathering {
    char text[16384];
    size_t used;
    char last[FINGERPRINT_NAME_MAX + 64];
    uint32_t n;
};

static void add(struct gathering *gathering, const char *line)
{
    int n =
        snprintf(gathering->text + gathering->used, sizeof(gathering->text) - gathering->used, "%s\n", line);
    if (n > 0 && (size_t)n < sizeof(gathering->text) - gathering->used)
        gathering->used += (size_t)n;
}

/*
 * False: nothing is known of it that another run would know again. `by_module`: of a library without names only which one it is, as its
 * offsets change with every update of the system.
 */
static bool print_frame(const struct crash_frame *frame, bool by_module, char *ret_line, size_t max_bytes)
{
    char name[FINGERPRINT_NAME_MAX];
    if (frame->function && !frame->is_approximate) {
        fingerprint_normalise(frame->function, name);
        snprintf(ret_line, max_bytes, "%s", name);
    } else if (frame->module && by_module) {
        snprintf(ret_line, max_bytes, "%s", own_base_name(frame->module));
    } else if (frame->module) {
        snprintf(ret_line, max_bytes, "%s+0x%" PRIx64, own_base_name(frame->module), frame->offset);
    } else {
        return false;
    }
    return true;
}

/* A function that calls itself is one step. */
static void add_frames(struct gathering *gathering, const struct crash_report *report,
                       const struct crash_stack *stack, bool only_own)
{
    const char *program = report->exe ? report->exe : "";
    char line[FINGERPRINT_NAME_MAX + 64];
    for (uint32_t i = 0; i < stack->n_frames && gathering->n < FINGERPRINT_FRAMES; i++) {
        const struct crash_frame *frame = &stack->frames[i];
        bool is_unsure = frame->guess && strcmp(frame->guess, "scan") == 0;
        if ((only_own && !frame->is_own) || frame->is_signal || is_unsure ||
            !print_frame(frame, gathering->n && frame->module && strcmp(frame->module, program) != 0, line,
                         sizeof(line)) ||
            strcmp(line, gathering->last) == 0)
            continue;
        snprintf(gathering->last, sizeof(gathering->last), "%s", line);
        add(gathering, line);
        gathering->n++;
    }
}

static int compare(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Where in its cycle a recursion runs out of stack is chance: the functions in it, sorted. */
static void add_cycle(struct gathering *gathering, const struct crash_stack *stack)
{
    static char lines[RECURSION_FRAMES][FINGERPRINT_NAME_MAX + 64];
    const char *sorted[RECURSION_FRAMES] = {NULL};
    uint32_t n = 0;
    for (uint32_t i = 0; i < stack->n_frames && n < RECURSION_FRAMES; i++)
        if (stack->frames[i].is_own && print_frame(&stack->frames[i], false, lines[n], sizeof(lines[n]))) {
            sorted[n] = lines[n];
            n++;
        }
    qsort(sorted, n, sizeof(*sorted), compare);
    for (uint32_t i = 0; i < n; i++)
        if (i == 0 || strcmp(sorted[i], sorted[i - 1]) != 0) {
            add(gathering, sorted[i]);
            gathering->n++;
        }
}

void fingerprint_make(const struct crash_report *report, const char *detail, char ret_text[65])
{
    static struct gathering gathering;
    const struct crash_stack *stack = own_stack(report);
    bool is_recursion = report->class && strcmp(report->class, "stack-overflow") == 0;
    memset(&gathering, 0, sizeof(gathering));
    add(&gathering, "otelshim crash 1");
    add(&gathering, report->signal ? report->signal : "");
    add(&gathering, report->class ? report->class : "");
    add(&gathering, detail ? detail : "");
    if (is_recursion)
        add_cycle(&gathering, stack);
    if (!gathering.n)
        add_frames(&gathering, report, stack, true);
    if (!gathering.n)
        add_frames(&gathering, report, stack, false);
    if (!gathering.n) /* nothing but the program tells them apart */
        add(&gathering, own_base_name(report->exe));
    sha256_print(gathering.text, gathering.used, ret_text, 64);
}
