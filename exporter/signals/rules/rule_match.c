/* rule_match: does a rule speak of this call or log line? */
#include "signals/rules/rules_priv.h"

#include "signals/rules/number.h"
#include "signals/spans/rules.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- conditions ---- */

/* "200-299", "4xx" */
static bool is_in_range(const char *value, const char *range, size_t bytes)
{
    double number;
    char text[24], *end;
    if (bytes >= sizeof(text) || !number_parse(value, &number))
        return false;
    memcpy(text, range, bytes);
    text[bytes] = 0;
    if (bytes == 3 && text[0] >= '1' && text[0] <= '9' && strcmp(text + 1, "xx") == 0)
        return number >= (text[0] - '0') * 100 && number < (text[0] - '0' + 1) * 100;
    unsigned long from = strtoul(text, &end, 10);
    if (end == text || *end != '-' || end[1] < '0' || end[1] > '9')
        return false;
    unsigned long to = strtoul(end + 1, &end, 10);
    return !*end && number >= (double)from && number <= (double)to;
}

static bool is_equal_number(const char *value, const char *other)
{
    double a, b;
    return number_parse(value, &a) && number_parse(other, &b) && a >= b && a <= b;
}

/* One of the alternatives, joined by commas or |. */
static bool is_one_of(struct subject *subject, const char *value, const char *alternatives)
{
    for (const char *at = alternatives;;) {
        size_t n = strcspn(at, ",|");
        const char *glob = arena_copy(subject->arena, at, n);
        if (rules_match_glob(glob, value, strlen(value), false) || is_in_range(value, at, n) ||
            is_equal_number(value, glob))
            return true;
        if (!at[n])
            return false;
        at += n + 1;
    }
}

static bool is_error(const struct subject *subject)
{
    return subject->span ? subject->span->status == SPAN_ERROR : subject->record->severity >= SEVERITY_ERROR;
}

/* What is not there fulfils no condition but =none. */
static bool holds(struct subject *subject, const struct condition *condition)
{
    double number;
    if (!condition->left)
        return is_error(subject) == (condition->operator== OPERATOR_FAILED);
    const char *value = expression_value(subject, condition->left);
    bool is_none = strcmp(condition->right, "none") == 0;
    if (is_none && condition->operator<= OPERATOR_DIFFERENT)
        return !value == (condition->operator== OPERATOR_EQUAL);
    if (!value)
        return false;
    if (condition->operator<= OPERATOR_DIFFERENT)
        return is_one_of(subject, value, condition->right) == (condition->operator== OPERATOR_EQUAL);
    if (!number_parse(value, &number))
        return false;
    switch (condition->operator) {
    case OPERATOR_LESS:
        return number < condition->number;
    case OPERATOR_MORE:
        return number > condition->number;
    case OPERATOR_AT_LEAST:
        return number >= condition->number;
    default:
        return number <= condition->number;
    }
}

bool conditions_hold(struct subject *subject, const struct conditions *conditions, bool with_each)
{
    for (uint32_t i = 0; i < conditions->n; i++) {
        const struct condition *condition = &conditions->items[i];
        bool uses_each = condition->left && condition->left->uses_each;
        if (uses_each == with_each && !holds(subject, condition))
            return false;
    }
    return true;
}

/* ---- HTTP ---- */

static bool is_host(const struct subject *subject, const char *hosts)
{
    char with_port[320];
    snprintf(with_port, sizeof(with_port), "%s:%d", subject->host, (int)subject->port);
    for (const char *at = hosts;;) {
        char glob[256];
        size_t n = strcspn(at, "|");
        snprintf(glob, sizeof(glob), "%.*s", (int)n, at);
        const char *text = strchr(glob, ':') ? with_port : subject->host;
        if (n < sizeof(glob) && rules_match_glob(glob, text, strlen(text), true))
            return true;
        if (!at[n])
            return false;
        at += n + 1;
    }
}

static void capture(struct subject *subject, const char *name, size_t name_bytes, const char *text,
                    size_t bytes)
{
    if (subject->n_captures == RULE_MAX_CAPTURES)
        return;
    subject->captures[subject->n_captures++] =
        (struct captured){name ? arena_copy(subject->arena, name, name_bytes) : NULL,
                          text_repaired(subject->arena, text, bytes).bytes};
}

/* Segment by segment; {name} is one that is not empty, and kept; a last * is all the rest. */
static bool is_path(struct subject *subject, const char *template)
{
    const char *path = subject->path;
    subject->n_captures = 0;
    while (*template && *path) {
        size_t n_template = strcspn(template + 1, "/"), n_path = strcspn(path + 1, "/");
        const char *segment = template + 1, *text = path + 1;
        if (n_template == 1 && *segment == '*' && !segment[1])
            return true;
        if (n_template > 2 && segment[0] == '{' && segment[n_template - 1] == '}') {
            if (!n_path)
                return false;
            capture(subject, segment + 1, n_template - 2, text, n_path);
        } else if (!rules_match_glob(arena_copy(subject->arena, segment, n_template), text, n_path, false)) {
            return false;
        }
        template = segment + n_template;
        path = text + n_path;
    }
    return !*template && !*path;
}

static bool fits_http(struct subject *subject, const struct match *match)
{
    if (!subject->method || !subject->host ||
        !rules_match_glob(match->method, subject->method, strlen(subject->method), false) ||
        !is_host(subject, match->hosts))
        return false;
    return !match->path || is_path(subject, match->path);
}

/* ---- statements, log lines, spans ---- */

/* The statement begins so, ignoring case, and the last word ends there. */
static bool fits_statement(struct subject *subject, const struct match *match)
{
    const struct attribute *text = attribute_find(subject->attributes, "db.query.text");
    static const char *const ends[] = {"", " *", "(*", ";*", ",*"};
    if (!text || text->type != ATTRIBUTE_STRING)
        return false;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (rules_match_glob(arena_printf(subject->arena, "%s%s", match->glob, ends[i]),
                             text->value.string.bytes, text->value.string.n_bytes, true))
            return true;
    return false;
}

/* rules_match_glob() that keeps what the stars stand for: each as little as can be, the last one what is left. */
static bool capture_glob(struct subject *subject, const char *glob, const char *text)
{
    const char *star = NULL, *from[RULE_MAX_CAPTURES], *to[RULE_MAX_CAPTURES];
    uint32_t n = 0;
    while (*text) {
        if (*glob == '*') {
            n += n < RULE_MAX_CAPTURES;
            from[n - 1] = to[n - 1] = text;
            star = ++glob;
        } else if (*glob == '?' || (*glob && *glob == *text)) {
            glob++;
            text++;
        } else if (star) {
            glob = star;
            text = ++to[n - 1];
        } else {
            return false;
        }
    }
    for (; *glob == '*'; glob++)
        if (n < RULE_MAX_CAPTURES) {
            from[n] = to[n] = text;
            n++;
        }
    if (*glob)
        return false;
    subject->n_captures = 0;
    for (uint32_t i = 0; i < n; i++)
        capture(subject, NULL, 0, from[i], (size_t)(to[i] - from[i]));
    return true;
}

/* Of a line of standard output what it says, or all of it with time and level. */
static bool fits_log(struct subject *subject, const struct match *match)
{
    const struct log_record *record = subject->record;
    const char *whole = record->line.bytes ? record->line.bytes : record->body.bytes;
    return (record->message.bytes && capture_glob(subject, match->glob, record->message.bytes)) ||
           capture_glob(subject, match->glob, whole);
}

bool match_fits(struct subject *subject, const struct match *match)
{
    bool fits = false;
    if (match->kind == MATCH_HTTP)
        fits = subject->span && fits_http(subject, match);
    else if (match->kind == MATCH_SQL)
        fits = subject->span && fits_statement(subject, match);
    else if (match->kind == MATCH_LOG)
        fits = subject->record && fits_log(subject, match);
    else
        fits = subject->span && capture_glob(subject, match->glob, subject->span->name);
    return fits && conditions_hold(subject, &match->conditions, false);
}
