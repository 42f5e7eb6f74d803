/*
 * sql_summary: db.query.summary, made token by token while sql.c reads the text.
 *
 * Context: loop; see sql.h. Only sql.c uses it.
 *
 * A target is a name in a place where the statement's kind has one (after FROM, INTO, JOIN, CREATE TABLE, …); names of
 * common table expressions, cursors, prepared statements, roles and settings are none. Verbs that are not known come
 * out alone. Numbers, strings and column names never come out.
 */
#ifndef OTELSHIM_SQL_SUMMARY_H
#define OTELSHIM_SQL_SUMMARY_H

#include "signals/spans/sql.h"
#include "signals/spans/sql_lex.h"

#define SQL_MAX_DEPTH 64u /* targets inside deeper parentheses are not seen */
#define SQL_MAX_CTES 32u  /* the names of more are taken for tables */

struct sql_cte {
    const char *name;
    size_t n_bytes;
};

struct sql_summary {
    /* output */
    char *out;
    size_t used, max;
    uint32_t n_words, n_targets;
    bool has_function;   /* what is selected from is no table */
    uint8_t target_verb; /* enum sql_keyword: whose the last target is */
    bool is_full;        /* a word did not fit: nothing more follows */
    bool string_as_name;
    const char *cut_at; /* a word that ends here may be half a word; NULL: none does */

    /* the statement */
    uint8_t verb;   /* enum sql_keyword; SQL_NO_KEYWORD: not known */
    bool has_list;  /* a comma outside parentheses is followed by another target */
    bool has_on;    /* ON comes before one more target */
    bool has_using; /* USING comes before targets */
    bool is_due;    /* the first target is still to come, behind (options) */
    uint32_t n_ctes;
    struct sql_cte ctes[SQL_MAX_CTES];

    /* the place */
    uint8_t expect;           /* enum expect, in sql_summary.c; 0: nothing */
    uint8_t previous;         /* enum sql_token_kind */
    uint8_t previous_keyword; /* enum sql_keyword */
    uint32_t depth;
    uint8_t levels[SQL_MAX_DEPTH]; /* LEVEL_… of each open parenthesis */

    /* a name that may go on: schema.table */
    bool has_name, after_dot, is_qualified;
    uint32_t n_name;
    char name[SQL_SUMMARY_MAX_BYTES];
};

void sql_summary_begin(struct sql_summary *summary, const struct sql_statement *statement, char *out,
                       size_t max);
/* The slow part of sql_summary_take(). */
void sql_summary_take_structure(struct sql_summary *summary, const struct sql_token *token);
/* The next token. */
static inline void sql_summary_take(struct sql_summary *summary, const struct sql_token *token)
{
    bool is_waiting = summary->expect != 0 || summary->has_name;
    if (is_waiting || token->keyword != SQL_NO_KEYWORD ||
        (token->kind >= SQL_TOKEN_OPEN && token->kind <= SQL_TOKEN_SEMICOLON)) {
        sql_summary_take_structure(summary, token);
    } else {
        summary->previous = token->kind;
        summary->previous_keyword = SQL_NO_KEYWORD;
    }
}
/* Returns the length. *ret_table: where its only target begins, where it is of one SELECT, INSERT, UPDATE or DELETE; else 0. */
size_t sql_summary_end(struct sql_summary *summary, size_t *ret_table);

#endif
