/*
 * match_parse: what stands behind `match =` and `where =`.
 *
 *   http METHOD HOST/PATH CONDITION…     sql STATEMENT CONDITION…     log LINE CONDITION…     span NAME CONDITION…
 */
#include "signals/rules/rules_priv.h"

#include "signals/rules/number.h"
#include <string.h>

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
    if (!text)
        return NULL;
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
    if (!match->glob && match->kind != MATCH_HTTP)
        parser->problem = "sql STATEMENT*, log \"LINE*\" or span NAME* is allowed";
    return !parser->problem && conditions_parse(parser, &match->conditions, text) ? match : NULL;
}
