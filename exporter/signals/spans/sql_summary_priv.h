/*
 * sql_summary_priv: what sql_summary.c (names, parentheses, output) and sql_word.c (words) share.
 *
 * Context: loop; see sql.h.
 */
#ifndef OTELSHIM_SQL_SUMMARY_PRIV_H
#define OTELSHIM_SQL_SUMMARY_PRIV_H

#include "signals/spans/sql_summary.h"

/* struct sql_summary.expect: what the next word would be. */
enum expect {
    EXPECT_NOTHING,
    EXPECT_STATEMENT, /* a verb, known or not */
    EXPECT_QUERY,     /* SELECT, INSERT, UPDATE, DELETE, MERGE or WITH, if a verb at all */
    EXPECT_SUBQUERY,  /* SELECT or WITH, if a verb at all: anything in parentheses */
    EXPECT_TARGET,    /* a table, or ( */
    EXPECT_TYPE,      /* CREATE ?: what kind of thing */
    EXPECT_OBJECT,    /* CREATE TABLE ?: its name */
    EXPECT_CTE,       /* WITH ?: a name that is no target */
};

#define LEVEL_QUERY 1u  /* FROM and JOIN are clauses here, not words of a function's arguments */
#define LEVEL_FROM 2u   /* in the list of FROM: a comma is followed by a target */
#define LEVEL_WITH 4u   /* in the list of WITH: a comma is followed by the next name */
#define LEVEL_INSERT 8u /* WITH may follow the table */

/* LEVEL_… of the innermost parenthesis. Not deeper than SQL_MAX_DEPTH. */
static inline uint8_t *sql_level(struct sql_summary *summary)
{
    return &summary->levels[summary->depth];
}

/* Sets everything but the output to the beginning of a statement. */
void sql_statement_begin(struct sql_summary *summary);
/* A word of the statement, as it stands; not one that may be cut in half. */
void sql_summary_put(struct sql_summary *summary, const struct sql_token *token);
/* The token is a target, or the first part of its name. */
void sql_name_begin(struct sql_summary *summary, const struct sql_token *token);
/* The token names a common table expression, which is no target. */
void sql_cte_add(struct sql_summary *summary, const struct sql_token *token);
/* A word that is not part of a name: in sql_word.c. */
void sql_word_take(struct sql_summary *summary, const struct sql_token *token);

#endif
