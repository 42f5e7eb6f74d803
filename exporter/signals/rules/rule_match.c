/*
 * rule_match: does a rule speak of this call or log line?
 *
 *   http METHOD HOST/PATH CONDITION…     sql STATEMENT CONDITION…     log LINE CONDITION…     span NAME CONDITION…
 */
#include "signals/rules/rules_priv.h"

#include "signals/rules/number.h"
#include "signals/spans/rules.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- reading ---- */

static const char conditions_allowed[] = "conditions as status=2xx, duration>500ms, /error/name=X*, "
                                         "$request/side!=bid, level>=error, error, ok are allowed";

char *word_take(struct parser *parser, const char **at, bool *ret_is_quoted)
{
    const char *from = *at + strspn(*at, " \t");
    char *word = arena_alloc(parser->arena, strlen(from) + 1);
    size_t n = 0;
    bool is_open = false;
    *ret_is_quoted = *from == '"';
    if (!*from)
        return NULL;
    for (; *from && (is_open || (*from != ' ' && *from != '\t')); from++) {
        if (*from == '"') {
            is_open = !is_open;
            continue;
        }
        from += *from == '\\' && is_open && (from[1] == '"' || from[1] == '\\');
        word[n++] = *from;
    }
    word[n] = 0;
    *at = from;
    if (!is_open)
        return word;
    parser->problem = "a closing \" is missing";
    return NULL;
}

static const char *parse_operator(const char *at, enum operator* ret_operator)
{
    static const struct {
        const char *text;
        enum operator operator;
    } operators[] = {
        {"!=", OPERATOR_DIFFERENT}, {">=", OPERATOR_AT_LEAST}, {"<=", OPERATOR_AT_MOST},
        {"=", OPERATOR_EQUAL},      {">", OPERATOR_MORE},      {"<", OPERATOR_LESS},
    };
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
        if (strncmp(at, operators[i].text, strlen(operators[i].text)) == 0) {
            *ret_operator = operators[i].operator;
            return at + strlen(operators[i].text);
        }
    return NULL;
}

/* status, duration, level and /pointer are short for references. *at goes to the operator. */
static const struct expression *parse_left(struct parser *parser, const char **at)
{
    static const char *const shorts[][2] = {
        {"status", "$status"}, {"duration", "$duration_ms"}, {"level", "$severity"}};
    const char *text = NULL;
    if (**at == '$')
        return reference_parse(parser, at);
    size_t n = **at == '/' ? strcspn(*at, "=!<>") : strspn(*at, "abcdefghijklmnopqrstuvwxyz");
    if (**at == '/')
        text = arena_printf(parser->arena, "$response%.*s", (int)n, *at);
    for (size_t i = 0; !text && i < sizeof(shorts) / sizeof(shorts[0]); i++)
        if (strlen(shorts[i][0]) == n && memcmp(*at, shorts[i][0], n) == 0)
            text = shorts[i][1];
    *at += n;
    const struct expression *left = text ? reference_parse(parser, &text) : NULL;
    return left && !*text ? left : NULL;
}

static bool parse_level(const char *text, double *ret_number)
{
    static const char *const levels[] = {"trace", "debug", "info", "warn", "error", "fatal"};
    for (unsigned i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
        if (strcmp(text, levels[i]) == 0) {
            *ret_number = 1 + 4.0 * i; /* SeverityNumber */
            return true;
        }
    return false;
}

/* 500ms, 2s, error, 0.5 */
static bool parse_limit(const char *text, double *ret_number)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = {{"ms", 1}, {"us", 0.001}, {"s", 1000}, {"m", 60000}, {"", 1}};
    size_t n = strspn(text, "0123456789.+-eE,");
    char digits[40];
    if (parse_level(text, ret_number))
        return true;
    if (n >= sizeof(digits))
        return false;
    memcpy(digits, text, n);
    digits[n] = 0;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(text + n, units[i].name) == 0 && number_parse(digits, ret_number)) {
            *ret_number *= units[i].ms;
            return true;
        }
    return false;
}

static bool parse_condition(struct parser *parser, char *word, struct condition *condition)
{
    const char *at = word;
    if (strcmp(word, "error") == 0 || strcmp(word, "ok") == 0) {
        condition->operator= * word == 'e' ? OPERATOR_FAILED : OPERATOR_FINE;
        return true;
    }
    condition->left = parse_left(parser, &at);
    const char *right = condition->left ? parse_operator(at, &condition->operator) : NULL;
    bool is_limit = right && condition->operator>= OPERATOR_LESS;
    if (right && (!is_limit || parse_limit(right, &condition->number))) {
        condition->right = right;
        return true;
    }
    if (!parser->problem)
        parser->problem = conditions_allowed;
    return false;
}

bool conditions_parse(struct parser *parser, struct conditions *conditions, const char *text)
{
    bool is_quoted;
    char *word;
    while ((word = word_take(parser, &text, &is_quoted))) {
        if (conditions->n == RULE_MAX_LINES) {
            parser->problem = "32 conditions are allowed";
            return false;
        }
        if (!parse_condition(parser, word, &conditions->items[conditions->n]))
            return false;
        conditions->n++;
    }
    return !parser->problem;
}

static const char *parse_http(struct parser *parser, struct match *match, const char *text)
{
    bool is_quoted;
    match->method = word_take(parser, &text, &is_quoted);
    char *where = match->method ? word_take(parser, &text, &is_quoted) : NULL;
    if (!where) {
        parser->problem = "http METHOD HOST/PATH CONDITION… is allowed";
        return NULL;
    }
    if (strncmp(where, "https://", 8) == 0 || strncmp(where, "http://", 7) == 0)
        where = strstr(where, "//") + 2;
    char *slash = strchr(where, '/');
    if (slash)
        match->path = arena_copy(parser->arena, slash, strcspn(slash, "?"));
    match->hosts = arena_copy(parser->arena, where, slash ? (size_t)(slash - where) : strlen(where));
    return text;
}

struct match *match_parse(struct parser *parser, const char *text)
{
    static const char *const kinds[] = {
        [MATCH_HTTP] = "http", [MATCH_SQL] = "sql", [MATCH_LOG] = "log", [MATCH_SPAN] = "span"};
    struct match *match = arena_zalloc(parser->arena, sizeof(*match));
    bool is_quoted;
    const char *kind = word_take(parser, &text, &is_quoted);
    unsigned i = 0;
    while (kind && i < 4 && strcmp(kind, kinds[i]) != 0)
        i++;
    if (!kind || i == 4) {
        parser->problem = "http, sql, log or span is allowed behind match =";
        return NULL;
    }
    match->kind = (enum match_kind)i;
    if (match->kind == MATCH_HTTP)
        text = parse_http(parser, match, text);
    else
        match->glob = word_take(parser, &text, &is_quoted);
    /* INSERT INTO trades: words up to the first condition */
    while (match->kind == MATCH_SQL && match->glob && !is_quoted) {
        const char *behind = text;
        enum operator operator;
        bool is_next_quoted;
        const char *word = word_take(parser, &behind, &is_next_quoted);
        if (!word || *word == '$' || strcmp(word, "error") == 0 || strcmp(word, "ok") == 0 ||
            parse_operator(word + strcspn(word, "=!<>"), &operator))
            break;
        match->glob = arena_printf(parser->arena, "%s %s", match->glob, word);
        text = behind;
    }
    if (text && !match->glob && match->kind != MATCH_HTTP)
        parser->problem = "sql STATEMENT*, log \"LINE*\" or span NAME* is allowed";
    return text && !parser->problem && conditions_parse(parser, &match->conditions, text) ? match : NULL;
}

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

bool match_fits(struct subject *subject, const struct match *match)
{
    bool fits = false;
    if (match->kind == MATCH_HTTP)
        fits = subject->span && fits_http(subject, match);
    else if (match->kind == MATCH_SQL)
        fits = subject->span && fits_statement(subject, match);
    else if (match->kind == MATCH_LOG)
        fits = subject->record && capture_glob(subject, match->glob, subject->record->body.bytes);
    else
        fits = subject->span && capture_glob(subject, match->glob, subject->span->name);
    return fits && conditions_hold(subject, &match->conditions, false);
}
