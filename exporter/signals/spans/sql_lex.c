#include "signals/spans/sql_lex_priv.h"
#include <string.h>

/* ---- dialects ---- */

static const struct sql_dialect dialects[] = {
    {.system = "postgresql", .nested_comments = true, .dollar_strings = true},
    {.system = "mysql",
     .backslash_escapes = true,
     .double_quoted_string = true,
     .backtick_name = true,
     .hash_comment = true,
     .dashes_need_space = true},
    {.system = "mariadb",
     .backslash_escapes = true,
     .double_quoted_string = true,
     .backtick_name = true,
     .hash_comment = true,
     .dashes_need_space = true},
    {.system = "sqlite", .backtick_name = true, .bracket_name = true, .string_as_name = true},
};

const struct sql_dialect *sql_dialect_find(const char *system)
{
    for (size_t i = 0; system && i < sizeof dialects / sizeof *dialects; i++)
        if (strcmp(dialects[i].system, system) == 0)
            return &dialects[i];
    return &dialects[0];
}

/* ---- bytes ---- */

/* clang-format off */
const uint8_t sql_byte_classes[256] = {
    ['A' ... 'Z'] = SQL_BYTE_LETTER, ['a' ... 'z'] = SQL_BYTE_LETTER, ['_'] = SQL_BYTE_LETTER,
    [128 ... 255] = SQL_BYTE_LETTER, ['0' ... '9'] = SQL_BYTE_DIGIT, ['$'] = SQL_BYTE_DOLLAR,
    [0] = SQL_BYTE_SPACE, ['\t' ... '\r'] = SQL_BYTE_SPACE, [' '] = SQL_BYTE_SPACE, ['/'] = SQL_BYTE_SLASH,
    ['+'] = SQL_BYTE_SIGN, ['-'] = SQL_BYTE_SIGN, ['#'] = SQL_BYTE_HASH, ['\''] = SQL_BYTE_QUOTE,
    ['"'] = SQL_BYTE_DOUBLE_QUOTE, ['`'] = SQL_BYTE_BACKTICK, ['['] = SQL_BYTE_BRACKET, ['.'] = SQL_BYTE_DOT,
    ['('] = SQL_BYTE_OPEN, [')'] = SQL_BYTE_CLOSE, [','] = SQL_BYTE_COMMA, [';'] = SQL_BYTE_SEMICOLON,
};

const uint8_t sql_single_tokens[SQL_N_BYTE_CLASSES] = {
    [SQL_BYTE_OTHER] = SQL_TOKEN_OTHER, [SQL_BYTE_SIGN] = SQL_TOKEN_SIGN, [SQL_BYTE_SLASH] = SQL_TOKEN_OTHER,
    [SQL_BYTE_HASH] = SQL_TOKEN_OTHER, [SQL_BYTE_OPEN] = SQL_TOKEN_OPEN, [SQL_BYTE_CLOSE] = SQL_TOKEN_CLOSE,
    [SQL_BYTE_COMMA] = SQL_TOKEN_COMMA, [SQL_BYTE_SEMICOLON] = SQL_TOKEN_SEMICOLON,
};
/* clang-format on */

/* Inside a name: letters, digits and dollars. */
static inline bool is_word_byte(const char *at)
{
    return (unsigned)sql_class_at(at) - SQL_BYTE_LETTER <= SQL_BYTE_DOLLAR - SQL_BYTE_LETTER;
}

static const char *skip_line(const char *at, const char *end)
{
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    return newline ? newline : end;
}

/* `at` is behind the opening. */
static const char *skip_block_comment(const char *at, const char *end, bool nested)
{
    size_t depth = 1;
    while (end - at >= 2) {
        if (at[0] == '*' && at[1] == '/') {
            at += 2;
            if (--depth == 0)
                return at;
        } else if (nested && at[0] == '/' && at[1] == '*') {
            at += 2;
            depth++;
        } else {
            at++;
        }
    }
    return end;
}

/* Where the comment that begins here ends; `at` when none does. */
static const char *skip_comment(const struct sql_dialect *dialect, const char *at, const char *end)
{
    if (*at == '#')
        return dialect->hash_comment ? skip_line(at, end) : at;
    if (end - at < 2)
        return at;
    if (at[0] == '/' && at[1] == '*')
        return skip_block_comment(at + 2, end, dialect->nested_comments);
    if (at[0] != '-' || at[1] != '-')
        return at;
    if (dialect->dashes_need_space && end - at > 2 && (uint8_t)at[2] > ' ')
        return at;
    return skip_line(at, end);
}

/* ---- literals and quoted names: each returns the end of the token ---- */

/* `at` is behind the opening quote. NULL: not terminated. */
static const char *find_quote_end(const char *at, const char *end, char quote, bool backslash)
{
    while (at < end) {
        const char *close = at;
        if (backslash) {
            while (close < end && *close != quote)
                close += *close == '\\' && end - close >= 2 ? 2 : 1;
        } else {
            close = memchr(at, quote, (size_t)(end - at));
        }
        if (!close || close == end)
            return NULL;
        if (close + 1 == end || close[1] != quote)
            return close + 1;
        at = close + 2; /* doubled: part of the string */
    }
    return NULL;
}

/*
 * A string goes on behind white space with a newline in it: E'…' keeps its escapes there, so a lexer that began
 * afresh would take E'a' <newline> 'b\' c' for two strings and some words. Returns behind the quote that opens the
 * next part, or NULL.
 */
static const char *find_continuation(const char *at, const char *end)
{
    bool has_newline = false;
    for (; at < end; at++) {
        if (*at == '\n' || *at == '\r') {
            has_newline = true;
        } else if (*at == '-' && end - at >= 2 && at[1] == '-') {
            at = skip_line(at, end);
            if (at == end)
                return NULL;
            has_newline = true;
        } else if (sql_class_at(at) != SQL_BYTE_SPACE) {
            return has_newline && *at == '\'' ? at + 1 : NULL;
        }
    }
    return NULL;
}

/* `at` is behind the opening quote. */
static const char *skip_string(const char *at, const char *end, bool backslash)
{
    while (at) {
        const char *behind = find_quote_end(at, end, '\'', backslash);
        if (!behind)
            return end;
        /* without escapes the next part reads the same as a string of its own */
        at = backslash ? find_continuation(behind, end) : NULL;
        if (!at)
            return behind;
    }
    return end;
}

/* `at` is on a dollar. Returns its end when a dollar string begins there, else NULL. */
static const char *skip_dollar_string(const char *at, const char *end)
{
    const char *tag_end = at + 1;
    while (tag_end < end && is_word_byte(tag_end) && *tag_end != '$')
        tag_end++;
    if (tag_end == end || *tag_end != '$' || sql_class_at(at + 1) == SQL_BYTE_DIGIT)
        return NULL;
    size_t n_tag = (size_t)(tag_end + 1 - at);
    for (const char *next = tag_end + 1; next < end; next++) {
        next = memchr(next, '$', (size_t)(end - next));
        if (!next || (size_t)(end - next) < n_tag)
            return end;
        if (memcmp(next, at, n_tag) == 0)
            return next + n_tag;
    }
    return end;
}

/* Digits and whatever is glued to them: 1e-10, 0x1F, 1_000, 1.5, and 123abc, which no server takes. */
static const char *skip_number(const char *at, const char *end)
{
    bool is_hex = end - at >= 2 && at[0] == '0' && (at[1] | 0x20) == 'x';
    for (; at < end; at++) {
        enum sql_byte_class class = sql_class_at(at);
        if (class == SQL_BYTE_DIGIT || class == SQL_BYTE_DOT)
            continue;
        if (class != SQL_BYTE_LETTER)
            break;
        if ((*at | 0x20) == 'e' && !is_hex && end - at >= 3 && sql_class_at(at + 1) == SQL_BYTE_SIGN &&
            sql_class_at(at + 2) == SQL_BYTE_DIGIT)
            at++;
    }
    return at;
}

/* ---- tokens ---- */

void sql_lex_space(struct sql_lexer *lexer)
{
    const char *at = lexer->at;
    for (const char *end = lexer->end; at < end;) {
        const char *behind =
            sql_class_at(at) == SQL_BYTE_SPACE ? at + 1 : skip_comment(lexer->dialect, at, end);
        if (behind == at)
            break;
        at = behind;
    }
    lexer->at = at;
}

/* Quotes that make a name or a string, as the dialect has it. `open` is the opening quote. */
static const char *lex_quoted(const struct sql_lexer *lexer, struct sql_token *token, const char *open,
                              char close, bool is_name)
{
    bool backslash = !is_name && lexer->dialect->backslash_escapes;
    const char *behind = find_quote_end(open + 1, lexer->end, close, backslash);
    token->kind = is_name && behind ? SQL_TOKEN_NAME : SQL_TOKEN_LITERAL;
    return behind ? behind : lexer->end;
}

/*
 * The one letter before `at` introduces what stands at `at`: E'…' B'…' X'…' N'…' U&'…' U&"…". NULL: it does not.
 */
static const char *lex_prefixed(const struct sql_lexer *lexer, struct sql_token *token, const char *at)
{
    const char *end = lexer->end;
    char letter = (char)(*token->bytes | 0x20);
    if (letter == 'u' && *at == '&') {
        at++;
        if (at < end && *at == '"')
            return lex_quoted(lexer, token, at, '"', !lexer->dialect->double_quoted_string);
    }
    bool is_prefix = letter == 'u' || letter == 'e' || letter == 'b' || letter == 'x' || letter == 'n';
    if (!is_prefix || at == end || *at != '\'')
        return NULL;
    token->kind = SQL_TOKEN_LITERAL;
    return skip_string(at + 1, end, letter == 'e' || lexer->dialect->backslash_escapes);
}

static const char *lex_dollar(const struct sql_lexer *lexer, struct sql_token *token)
{
    const char *at = token->bytes, *end = lexer->end;
    if (lexer->dialect->dollar_strings) {
        const char *behind = skip_dollar_string(at, end);
        if (behind) {
            token->kind = SQL_TOKEN_LITERAL;
            return behind;
        }
    }
    at++;
    while (at < end && sql_class_at(at) == SQL_BYTE_DIGIT)
        at++;
    token->kind = at - token->bytes > 1 ? SQL_TOKEN_PARAMETER : SQL_TOKEN_OTHER;
    return at;
}

static const char *lex_number(const struct sql_lexer *lexer, struct sql_token *token)
{
    token->kind = SQL_TOKEN_LITERAL;
    token->is_number = true;
    return skip_number(token->bytes, lexer->end);
}

static const char *lex_other(const struct sql_lexer *lexer, struct sql_token *token)
{
    const char *at = token->bytes, *end = lexer->end;
    switch (sql_class_at(at)) {
    case SQL_BYTE_LETTER:
        return lex_prefixed(lexer, token, at + 1);
    case SQL_BYTE_DIGIT:
        return lex_number(lexer, token);
    case SQL_BYTE_DOT:
        if (end - at > 1 && sql_class_at(at + 1) == SQL_BYTE_DIGIT)
            return lex_number(lexer, token);
        token->kind = SQL_TOKEN_DOT;
        return at + 1;
    case SQL_BYTE_QUOTE:
        token->kind = SQL_TOKEN_LITERAL;
        return skip_string(at + 1, end, lexer->dialect->backslash_escapes);
    case SQL_BYTE_DOUBLE_QUOTE:
        return lex_quoted(lexer, token, at, '"', !lexer->dialect->double_quoted_string);
    case SQL_BYTE_BACKTICK:
        return lexer->dialect->backtick_name ? lex_quoted(lexer, token, at, '`', true) : NULL;
    case SQL_BYTE_BRACKET:
        return lexer->dialect->bracket_name ? lex_quoted(lexer, token, at, ']', true) : NULL;
    case SQL_BYTE_DOLLAR:
        return lex_dollar(lexer, token);
    default:
        return NULL;
    }
}

void sql_lex_other(struct sql_lexer *lexer, struct sql_token *token)
{
    token->is_number = false;
    const char *behind = lex_other(lexer, token);
    if (!behind) { /* one byte: a letter, or what has no meaning in this dialect */
        token->kind = sql_class_at(token->bytes) == SQL_BYTE_LETTER ? SQL_TOKEN_WORD : SQL_TOKEN_OTHER;
        behind = token->bytes + 1;
    }
    token->n_bytes = (size_t)(behind - token->bytes);
    lexer->at = behind;
}

void sql_lex_next(struct sql_lexer *lexer, struct sql_token *token)
{
    sql_lex_step(lexer, token);
}
