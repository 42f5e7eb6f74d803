#include "signals/spans/sql_summary_priv.h"
#include <string.h>

/* ---- output ---- */

static void put_word(struct sql_summary *summary, const char *word, size_t n_bytes)
{
    size_t space = summary->used ? 1 : 0;
    if (summary->is_full || n_bytes + space > summary->max - summary->used) {
        summary->is_full = true;
        return;
    }
    if (space)
        summary->out[summary->used++] = ' ';
    memcpy(summary->out + summary->used, word, n_bytes);
    summary->used += n_bytes;
    summary->n_words++;
}

static bool may_be_half(const struct sql_summary *summary, const struct sql_token *token)
{
    return summary->cut_at && token->bytes + token->n_bytes == summary->cut_at;
}

void sql_summary_put(struct sql_summary *summary, const struct sql_token *token)
{
    if (!may_be_half(summary, token))
        put_word(summary, token->bytes, token->n_bytes);
}

/* ---- names ---- */

static bool is_same_name(const char *a, size_t n_a, const char *b, size_t n_b)
{
    if (n_a != n_b)
        return false;
    for (size_t i = 0; i < n_a; i++) {
        char x = a[i], y = b[i];
        if (x >= 'A' && x <= 'Z')
            x = (char)(x | 0x20);
        if (y >= 'A' && y <= 'Z')
            y = (char)(y | 0x20);
        if (x != y)
            return false;
    }
    return true;
}

static bool is_cte(const struct sql_summary *summary)
{
    for (uint32_t i = 0; i < summary->n_ctes; i++)
        if (is_same_name(summary->name, summary->n_name, summary->ctes[i].name, summary->ctes[i].n_bytes))
            return true;
    return false;
}

static void add_to_name(struct sql_summary *summary, const char *bytes, size_t n_bytes)
{
    if (n_bytes > sizeof summary->name - summary->n_name) {
        summary->is_full = true; /* could not come out anyway */
        return;
    }
    for (size_t i = 0; i < n_bytes; i++) {
        char byte = bytes[i];
        if ((uint8_t)byte < 0x20 || byte == 0x7f)
            byte = ' ';
        summary->name[summary->n_name++] = byte;
    }
}

void sql_name_begin(struct sql_summary *summary, const struct sql_token *token)
{
    summary->expect = EXPECT_NOTHING;
    summary->is_due = false;
    summary->has_name = !may_be_half(summary, token);
    summary->after_dot = summary->is_qualified = false;
    summary->n_name = 0;
    add_to_name(summary, token->bytes, token->n_bytes);
}

static void end_name(struct sql_summary *summary)
{
    if (summary->has_name && (summary->is_qualified || !is_cte(summary))) {
        put_word(summary, summary->name, summary->n_name);
        summary->n_targets++;
        summary->target_verb = summary->verb;
    }
    summary->has_name = false;
}

/* True: the token is part of the name. */
static bool continue_name(struct sql_summary *summary, const struct sql_token *token)
{
    bool is_part = token->kind == SQL_TOKEN_WORD || token->kind == SQL_TOKEN_NAME;
    if (summary->after_dot && is_part && !may_be_half(summary, token)) {
        summary->after_dot = false;
        summary->is_qualified = true;
        add_to_name(summary, ".", 1);
        add_to_name(summary, token->bytes, token->n_bytes);
        return true;
    }
    if (!summary->after_dot && token->kind == SQL_TOKEN_DOT) {
        summary->after_dot = true;
        return true;
    }
    if (summary->after_dot)
        summary->has_name = false; /* schema.<cut>: not a name */
    if (token->kind == SQL_TOKEN_OPEN && summary->verb == SQL_SELECT)
        summary->has_function = true; /* FROM generate_series(1, 3) */
    end_name(summary);
    return false;
}

void sql_cte_add(struct sql_summary *summary, const struct sql_token *token)
{
    if (summary->n_ctes < SQL_MAX_CTES)
        summary->ctes[summary->n_ctes++] = (struct sql_cte){token->bytes, token->n_bytes};
}

void sql_statement_begin(struct sql_summary *summary)
{
    summary->verb = SQL_NO_KEYWORD;
    summary->has_list = summary->has_on = summary->has_using = summary->is_due = false;
    summary->n_ctes = 0;
    summary->depth = 0;
    summary->levels[0] = 0;
    summary->expect = EXPECT_STATEMENT;
}

/* ---- what is not a word ---- */

static void open_level(struct sql_summary *summary)
{
    uint8_t level = 0, expect = EXPECT_SUBQUERY;
    bool is_after_as = summary->previous_keyword == SQL_AS || summary->previous_keyword == SQL_MATERIALIZED;
    switch ((enum expect)summary->expect) {
    case EXPECT_STATEMENT:
        expect = EXPECT_STATEMENT;
        break;
    case EXPECT_QUERY:
        expect = EXPECT_QUERY;
        break;
    case EXPECT_TARGET:
        if (summary->verb == SQL_COPY && summary->depth == 0) {
            expect = EXPECT_QUERY;
        } else if (!summary->is_due) { /* FROM (a JOIN b …), FROM (SELECT …) */
            level = LEVEL_QUERY | LEVEL_FROM;
            expect = EXPECT_TARGET;
        }
        break;
    default:
        if ((*sql_level(summary) & LEVEL_WITH) && is_after_as)
            expect = EXPECT_QUERY;
    }
    summary->depth++;
    summary->expect = expect;
    if (summary->depth < SQL_MAX_DEPTH)
        *sql_level(summary) = level;
}

static void close_level(struct sql_summary *summary)
{
    summary->expect = EXPECT_NOTHING;
    if (summary->depth == 0 || --summary->depth > 0)
        return;
    if (summary->is_due)
        summary->expect = EXPECT_TARGET;
    else if (summary->verb == SQL_EXPLAIN && *sql_level(summary) == 0)
        summary->expect = EXPECT_QUERY;
}

static void take_comma(struct sql_summary *summary)
{
    uint8_t level = *sql_level(summary);
    summary->expect = EXPECT_NOTHING;
    if (level & LEVEL_FROM)
        summary->expect = EXPECT_TARGET;
    else if (level & LEVEL_WITH)
        summary->expect = EXPECT_CTE;
    else if (summary->has_list && summary->depth == 0)
        summary->expect = summary->verb == SQL_DROP ? EXPECT_OBJECT : EXPECT_TARGET;
}

static void take_name(struct sql_summary *summary, const struct sql_token *token)
{
    if (summary->expect == EXPECT_TARGET || summary->expect == EXPECT_OBJECT)
        sql_name_begin(summary, token);
    else if (summary->expect == EXPECT_CTE)
        sql_cte_add(summary, token);
    summary->expect = EXPECT_NOTHING;
}

static void take_token(struct sql_summary *summary, const struct sql_token *token)
{
    bool is_string =
        token->kind == SQL_TOKEN_LITERAL && !token->is_number && token->keyword == SQL_NO_KEYWORD;
    switch (token->kind) {
    case SQL_TOKEN_WORD:
        sql_word_take(summary, token);
        break;
    case SQL_TOKEN_NAME:
        take_name(summary, token);
        break;
    case SQL_TOKEN_OPEN:
        open_level(summary);
        break;
    case SQL_TOKEN_CLOSE:
        close_level(summary);
        break;
    case SQL_TOKEN_COMMA:
        take_comma(summary);
        break;
    default:
        if (is_string && summary->string_as_name && summary->expect == EXPECT_TARGET)
            sql_name_begin(summary, token);
        summary->expect = EXPECT_NOTHING;
    }
}

void sql_summary_take_structure(struct sql_summary *summary, const struct sql_token *token)
{
    if (summary->is_full)
        return;
    if (summary->has_name && continue_name(summary, token))
        return;
    if (token->kind == SQL_TOKEN_SEMICOLON)
        sql_statement_begin(summary);
    else if (summary->depth < SQL_MAX_DEPTH)
        take_token(summary, token);
    else if (token->kind == SQL_TOKEN_OPEN)
        summary->depth++;
    else if (token->kind == SQL_TOKEN_CLOSE)
        close_level(summary);
    summary->previous = token->kind;
    summary->previous_keyword = token->kind == SQL_TOKEN_WORD ? token->keyword : SQL_NO_KEYWORD;
}

void sql_summary_begin(struct sql_summary *summary, const struct sql_statement *statement, char *out,
                       size_t max)
{
    summary->out = out;
    summary->used = summary->n_words = summary->n_targets = 0;
    summary->max = max < SQL_SUMMARY_MAX_BYTES ? max : SQL_SUMMARY_MAX_BYTES;
    summary->is_full = max == 0;
    summary->has_function = false;
    summary->string_as_name = statement->dialect && statement->dialect->string_as_name;
    summary->cut_at = statement->is_cut ? statement->text + statement->n_bytes : NULL;
    summary->previous = SQL_TOKEN_END;
    summary->previous_keyword = SQL_NO_KEYWORD;
    summary->has_name = false;
    sql_statement_begin(summary);
}

size_t sql_summary_end(struct sql_summary *summary, size_t *ret_table)
{
    if (summary->has_name && !summary->after_dot)
        end_name(summary);
    bool is_one =
        summary->n_words == 2 && summary->n_targets == 1 && !summary->is_full && !summary->has_function;
    uint8_t verb = is_one ? summary->target_verb : SQL_NO_KEYWORD;
    bool has_table = verb == SQL_SELECT || verb == SQL_INSERT || verb == SQL_UPDATE || verb == SQL_DELETE;
    const char *blank = has_table ? memchr(summary->out, ' ', summary->used) : NULL;
    *ret_table = blank ? (size_t)(blank - summary->out) + 1 : 0;
    return summary->used;
}
