/*
 * sql_lex: SQL text, one token at a time.
 *
 * Context: loop. Pure, linear in the length of the text, reads nothing behind it. The input is hostile; whatever is
 * not terminated (string, quoted name, comment) reaches to the end of the text, so that nothing of it can leak. Strings
 * are read as with standard_conforming_strings = on, PostgreSQL's default since 9.1.
 */
#ifndef OTELSHIM_SQL_LEX_H
#define OTELSHIM_SQL_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sql_keyword {
    SQL_NO_KEYWORD,
#define KEYWORD(NAME, word, ...) SQL_##NAME,
#include "signals/spans/sql_keywords.h"
#undef KEYWORD
    SQL_N_KEYWORDS
};

enum sql_token_kind {
    SQL_TOKEN_END,
    SQL_TOKEN_WORD,      /* keyword or name, as written */
    SQL_TOKEN_PARAMETER, /* $1 */
    SQL_TOKEN_DOT,
    SQL_TOKEN_OTHER, /* one byte of an operator */
    SQL_TOKEN_OPEN,  /* from here to SEMICOLON: what structures a statement */
    SQL_TOKEN_CLOSE,
    SQL_TOKEN_COMMA,
    SQL_TOKEN_SEMICOLON,
    SQL_TOKEN_SIGN,    /* + or -; from here on: what is not simply copied */
    SQL_TOKEN_LITERAL, /* string, number, boolean: to be hidden */
    SQL_TOKEN_NAME     /* quoted name, with its quotes */
};

enum sql_spacing {
    SQL_UNSPACED,
    SQL_BLANK, /* one blank came before the token */
    SQL_SPACED /* other white space, or a comment */
};

struct sql_token {
    const char *bytes;
    size_t n_bytes;
    uint8_t kind;    /* enum sql_token_kind */
    uint8_t keyword; /* enum sql_keyword, of a WORD; also of the literals TRUE and FALSE */
    uint8_t spacing; /* enum sql_spacing */
    bool is_number;  /* of a LITERAL; else not set */
};

/* What differs from one SQL to the other: one row each, in sql_lex.c. */
struct sql_dialect {
    const char *system; /* db.system.name */
    bool nested_comments;
    bool dollar_strings;       /* $tag$ … $tag$ */
    bool backslash_escapes;    /* in every string, not only in E'…' */
    bool double_quoted_string; /* "…" is a string, not a name */
    bool backtick_name;
    bool bracket_name;
    bool hash_comment;
    bool dashes_need_space; /* for "-- " to begin a comment */
    bool string_as_name;    /* FROM 'artists' names a table */
};

/* Never NULL: an unknown system is read as PostgreSQL. */
const struct sql_dialect *sql_dialect_find(const char *system);

struct sql_lexer {
    const struct sql_dialect *dialect;
    const char *at, *end;
};

/* The next token; at the end of the text SQL_TOKEN_END, again and again. */
void sql_lex_next(struct sql_lexer *lexer, struct sql_token *token);

#endif
