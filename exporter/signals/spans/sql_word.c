#include "signals/spans/sql_summary_priv.h"

/* ---- verbs ---- */

/* A word that begins a query wherever one may stand. False: it does not. */
static bool begin_query(struct sql_summary *summary, const struct sql_token *token)
{
    uint8_t *level = sql_level(summary);
    switch (token->keyword) {
    case SQL_WITH:
        *level |= LEVEL_WITH;
        summary->expect = EXPECT_CTE;
        return true;
    case SQL_SELECT:
        *level = LEVEL_QUERY;
        summary->expect = EXPECT_NOTHING;
        break;
    case SQL_INSERT:
        *level = LEVEL_INSERT; /* INTO follows */
        summary->expect = EXPECT_NOTHING;
        break;
    case SQL_DELETE:
    case SQL_MERGE: /* FROM or INTO follows, then perhaps USING */
        *level = LEVEL_QUERY;
        summary->has_using = true;
        summary->expect = EXPECT_NOTHING;
        break;
    case SQL_UPDATE:
        *level = LEVEL_QUERY;
        summary->expect = EXPECT_TARGET;
        break;
    default:
        return false;
    }
    sql_summary_put(summary, token);
    return true;
}

/* What may come out of a verb nobody knows: it could be anything that a program sends by mistake. */
static bool is_plausible_verb(const struct sql_token *token)
{
    if (token->n_bytes > 32)
        return false;
    for (size_t i = 0; i < token->n_bytes; i++) {
        char letter = (char)(token->bytes[i] | 0x20);
        if ((letter < 'a' || letter > 'z') && token->bytes[i] != '_')
            return false;
    }
    return true;
}

static void begin_statement(struct sql_summary *summary, const struct sql_token *token)
{
    summary->verb = token->keyword;
    if (begin_query(summary, token))
        return;
    summary->expect = EXPECT_NOTHING;
    switch (token->keyword) {
    case SQL_REPLACE:
        *sql_level(summary) = LEVEL_INSERT;
        break;
    case SQL_CREATE:
    case SQL_ALTER:
    case SQL_DROP:
    case SQL_REFRESH:
    case SQL_REINDEX:
    case SQL_START:
        summary->has_list = token->keyword == SQL_DROP;
        summary->expect = EXPECT_TYPE;
        break;
    case SQL_TRUNCATE:
    case SQL_LOCK:
    case SQL_VACUUM:
    case SQL_ANALYZE:
        summary->has_list = true;
        summary->is_due = true;
        summary->expect = EXPECT_TARGET;
        break;
    case SQL_COPY:
    case SQL_CALL:
    case SQL_EXEC:
    case SQL_TABLE:
    case SQL_USE:
        summary->expect = EXPECT_TARGET;
        break;
    case SQL_GRANT:
    case SQL_REVOKE:
        summary->has_on = true;
        break;
    case SQL_EXPLAIN:
        summary->expect = EXPECT_QUERY;
        break;
    default:
        break;
    }
    if (is_plausible_verb(token))
        sql_summary_put(summary, token);
}

/* ---- words in their place; each returns true when it has dealt with the word ---- */

/* CREATE [OR REPLACE] [TEMP] …: the word that names the kind of thing goes out, its adjectives do not. */
static bool take_type(struct sql_summary *summary, const struct sql_token *token)
{
    switch (token->keyword) {
    case SQL_OR:
    case SQL_REPLACE:
    case SQL_TEMP:
    case SQL_TEMPORARY:
    case SQL_UNLOGGED:
    case SQL_GLOBAL:
    case SQL_LOCAL:
    case SQL_UNIQUE:
    case SQL_RECURSIVE:
    case SQL_CONSTRAINT:
        return true;
    case SQL_MATERIALIZED:
    case SQL_FOREIGN:
        sql_summary_put(summary, token);
        return true;
    case SQL_INDEX:
    case SQL_TRIGGER:
    case SQL_POLICY:
        summary->has_on = true;
        summary->expect = EXPECT_OBJECT;
        break;
    case SQL_TABLE:
    case SQL_VIEW:
    case SQL_SEQUENCE:
    case SQL_FUNCTION:
    case SQL_PROCEDURE:
    case SQL_SCHEMA:
    case SQL_DATABASE:
    case SQL_TYPE:
    case SQL_DOMAIN:
    case SQL_EXTENSION:
    case SQL_RULE:
        summary->expect = EXPECT_OBJECT;
        break;
    default: /* ROLE, USER, SYSTEM, …: whose names are not for a summary */
        summary->expect = EXPECT_NOTHING;
    }
    if (is_plausible_verb(token))
        sql_summary_put(summary, token);
    return true;
}

static bool take_object(struct sql_summary *summary, const struct sql_token *token)
{
    bool is_grant = summary->verb == SQL_GRANT || summary->verb == SQL_REVOKE;
    switch (token->keyword) {
    case SQL_IF:
    case SQL_NOT:
    case SQL_EXISTS:
    case SQL_CONCURRENTLY:
    case SQL_ONLY:
        return true;
    case SQL_ON: /* CREATE INDEX ON t: the index has no name */
        return summary->has_on ? (summary->has_on = false, true) : false;
    case SQL_ALL:
        summary->expect = EXPECT_NOTHING;
        return true;
    case SQL_TABLE:
    case SQL_SCHEMA:
    case SQL_DATABASE:
    case SQL_SEQUENCE:
    case SQL_FUNCTION:
    case SQL_PROCEDURE:
        if (is_grant)
            return true;
        break;
    default:
        break;
    }
    sql_name_begin(summary, token);
    return true;
}

static bool take_target(struct sql_summary *summary, const struct sql_token *token)
{
    switch (token->keyword) {
    case SQL_ONLY:
    case SQL_LATERAL:
    case SQL_VERBOSE:
    case SQL_FULL:
    case SQL_FREEZE:
        return true;
    case SQL_ANALYZE:
        return summary->verb == SQL_VACUUM;
    case SQL_TABLE: /* TRUNCATE TABLE, LOCK TABLE, SELECT INTO TABLE */
        if (summary->is_due)
            sql_summary_put(summary, token);
        return true;
    case SQL_TEMP:
    case SQL_TEMPORARY:
    case SQL_UNLOGGED:
        if (summary->previous_keyword == SQL_INTO)
            return true;
        break;
    case SQL_WITH:
        return begin_query(summary, token);
    case SQL_SELECT:
    case SQL_VALUES:
    case SQL_SET:
    case SQL_WHERE:
    case SQL_ON:
    case SQL_FROM:
    case SQL_JOIN:
    case SQL_INTO:
        return false;
    default:
        break;
    }
    sql_name_begin(summary, token);
    return true;
}

static bool take_expected(struct sql_summary *summary, const struct sql_token *token)
{
    switch ((enum expect)summary->expect) {
    case EXPECT_NOTHING:
        return false;
    case EXPECT_STATEMENT:
        begin_statement(summary, token);
        return true;
    case EXPECT_QUERY:
        if (token->keyword == SQL_ANALYZE || token->keyword == SQL_VERBOSE)
            return true;
        summary->expect = EXPECT_NOTHING;
        return begin_query(summary, token);
    case EXPECT_SUBQUERY:
        summary->expect = EXPECT_NOTHING;
        return token->keyword == SQL_WITH && begin_query(summary, token);
    case EXPECT_TARGET:
        return take_target(summary, token);
    case EXPECT_TYPE:
        return take_type(summary, token);
    case EXPECT_OBJECT:
        return take_object(summary, token);
    case EXPECT_CTE:
        if (token->keyword == SQL_RECURSIVE)
            return true;
        sql_cte_add(summary, token);
        summary->expect = EXPECT_NOTHING;
        return true;
    }
    return false;
}

/* Words that end the list of FROM, so that a comma behind them is no longer followed by a target. */
static bool is_behind_from(uint8_t keyword)
{
    switch (keyword) {
    case SQL_WHERE:
    case SQL_GROUP:
    case SQL_ORDER:
    case SQL_HAVING:
    case SQL_LIMIT:
    case SQL_OFFSET:
    case SQL_WINDOW:
    case SQL_FETCH:
    case SQL_FOR:
    case SQL_UNION:
    case SQL_INTERSECT:
    case SQL_EXCEPT:
    case SQL_RETURNING:
    case SQL_SET:
    case SQL_VALUES:
        return true;
    default:
        return false;
    }
}

/* A word that nothing waited for: does a clause begin? */
static void take_clause(struct sql_summary *summary, const struct sql_token *token)
{
    uint8_t *level = sql_level(summary);
    bool is_behind_with = (*level & LEVEL_WITH) && summary->previous == SQL_TOKEN_CLOSE;
    bool is_grant = summary->verb == SQL_GRANT || summary->verb == SQL_REVOKE;
    switch (token->keyword) {
    case SQL_SELECT:
        if (summary->previous != SQL_TOKEN_DOT && !is_grant)
            begin_query(summary, token);
        break;
    case SQL_INSERT:
    case SQL_UPDATE:
    case SQL_DELETE:
    case SQL_MERGE:
        if (is_behind_with)
            begin_query(summary, token);
        break;
    case SQL_WITH:
        if (*level & LEVEL_INSERT)
            begin_query(summary, token);
        break;
    case SQL_AS:
        if (summary->depth == 0 && (summary->verb == SQL_PREPARE || summary->verb == SQL_CREATE))
            summary->expect = EXPECT_QUERY;
        break;
    case SQL_FROM:
        if (!(*level & LEVEL_QUERY) || summary->previous_keyword == SQL_DISTINCT)
            break;
        *level |= LEVEL_FROM;
        summary->expect = EXPECT_TARGET;
        break;
    case SQL_JOIN:
        summary->has_using = false;
        if (*level & LEVEL_QUERY)
            summary->expect = EXPECT_TARGET;
        break;
    case SQL_USING:
        if (summary->has_using && (*level & LEVEL_QUERY)) {
            *level |= LEVEL_FROM;
            summary->expect = EXPECT_TARGET;
        }
        summary->has_using = false;
        break;
    case SQL_INTO:
        if (*level & (LEVEL_QUERY | LEVEL_INSERT))
            summary->expect = EXPECT_TARGET;
        break;
    case SQL_ON:
        if (summary->has_on && summary->depth == 0)
            summary->expect = EXPECT_OBJECT;
        summary->has_on = false;
        break;
    default:
        if (is_behind_from(token->keyword))
            *level &= LEVEL_QUERY | LEVEL_WITH;
    }
}

void sql_word_take(struct sql_summary *summary, const struct sql_token *token)
{
    if (take_expected(summary, token))
        return;
    summary->expect = EXPECT_NOTHING;
    take_clause(summary, token);
}
