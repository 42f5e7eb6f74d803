#include "signals/spans/sql.h"
#include "signals/spans/redact.h"
#include "signals/spans/sql_lex_priv.h"
#include "signals/spans/sql_summary.h"

enum list_state {
    LIST_NONE,
    LIST_IN,    /* after IN */
    LIST_OPEN,  /* after IN ( */
    LIST_ITEM,  /* after IN (? */
    LIST_COMMA, /* after IN (?, : the comma is held back */
};

struct redactor {
    struct redact_writer writer;
    /* Where the text begins that goes out as it stands: up to the end of the previous token, in one piece. */
    const char *run;
    bool is_busy;  /* a list or a sign: no token is copied without a look at it */
    bool has_sign; /* held back, since it may belong to a number */
    enum list_state list;
    struct sql_token sign;
};

/* The run ends at `end`. */
static void flush_run(struct redactor *redactor, const char *end)
{
    redact_put(&redactor->writer, redactor->run, (size_t)(end - redactor->run));
    redactor->run = end;
}

static void put_space(struct redactor *redactor, const struct sql_token *token)
{
    if (token->spacing)
        redact_put_char(&redactor->writer, ' ');
}

static const char *token_end(const struct sql_token *token)
{
    return token->bytes + token->n_bytes;
}

/* What goes out in place of a token; the next run begins behind it. The run is flushed. */
static void put_instead(struct redactor *redactor, const struct sql_token *token)
{
    put_space(redactor, token);
    if (token->kind == SQL_TOKEN_LITERAL)
        redact_put_char(&redactor->writer, '?');
    else if (token->kind == SQL_TOKEN_NAME)
        redact_put_printable(&redactor->writer, token->bytes, token->n_bytes);
    else
        redact_put(&redactor->writer, token->bytes, token->n_bytes);
    redactor->run = token_end(token);
}

/* Folds IN (?, ?, ?) into IN (?). True: the token is dealt with. */
static bool fold_list(struct redactor *redactor, const struct sql_token *token)
{
    bool is_literal = token->kind == SQL_TOKEN_LITERAL;
    enum list_state list = redactor->list;
    redactor->list = LIST_NONE;
    switch (list) {
    case LIST_NONE:
        break;
    case LIST_IN:
        if (token->kind == SQL_TOKEN_OPEN)
            redactor->list = LIST_OPEN;
        break;
    case LIST_OPEN:
        if (is_literal)
            redactor->list = LIST_ITEM;
        break;
    case LIST_ITEM:
        if (token->kind == SQL_TOKEN_COMMA)
            redactor->list = LIST_COMMA;
        return token->kind == SQL_TOKEN_COMMA;
    case LIST_COMMA:
        if (is_literal)
            redactor->list = LIST_ITEM;
        else
            redact_put_char(&redactor->writer, ',');
        return is_literal;
    }
    return false;
}

static void redact_plain(struct redactor *redactor, const struct sql_token *token)
{
    if (redactor->list != LIST_NONE && fold_list(redactor, token)) {
        redactor->run = token_end(token);
        return;
    }
    if (token->keyword == SQL_IN)
        redactor->list = LIST_IN;
    put_instead(redactor, token);
}

/* A sign between an operator, a comma, a keyword and a number is part of the number. */
static bool may_precede_sign(const struct sql_token *token)
{
    switch (token->kind) {
    case SQL_TOKEN_END: /* nothing yet */
    case SQL_TOKEN_OPEN:
    case SQL_TOKEN_COMMA:
    case SQL_TOKEN_SEMICOLON:
        return true;
    case SQL_TOKEN_OTHER:
        return *token->bytes != ']' && *token->bytes != '?';
    case SQL_TOKEN_WORD:
        return token->keyword != SQL_NO_KEYWORD;
    default:
        return false;
    }
}

/* A token that is not simply copied, or that stands where something is held back. */
static void redact_token(struct redactor *redactor, struct sql_token *token, const struct sql_token *previous)
{
    if (redactor->has_sign) {
        redactor->has_sign = false;
        if (token->kind == SQL_TOKEN_LITERAL && token->is_number && !token->spacing)
            token->spacing = redactor->sign.spacing;
        else
            redact_plain(redactor, &redactor->sign);
    } else {
        flush_run(redactor, token_end(previous));
    }
    if (token->kind == SQL_TOKEN_SIGN && may_precede_sign(previous)) {
        redactor->sign = *token;
        redactor->has_sign = true;
    } else {
        redact_plain(redactor, token);
    }
    redactor->is_busy = redactor->has_sign || redactor->list != LIST_NONE;
}

static size_t redact_rest(struct redactor *redactor, const struct sql_token *last, bool is_cut)
{
    if (redactor->has_sign)
        redact_plain(redactor, &redactor->sign);
    else if (redactor->list == LIST_COMMA)
        redact_put_char(&redactor->writer, ',');
    else
        flush_run(redactor, token_end(last));
    return redact_end(&redactor->writer, is_cut);
}

/* What most tokens are. */
static inline bool is_copied(const struct redactor *redactor, const struct sql_token *token)
{
    return token->kind < SQL_TOKEN_SIGN && token->spacing != SQL_SPACED && token->keyword != SQL_IN &&
           !redactor->is_busy;
}

void sql_read(const struct sql_statement *statement, struct sql_reading *reading)
{
    struct sql_lexer lexer = {.dialect = statement->dialect ? statement->dialect : sql_dialect_find(NULL),
                              .at = statement->text,
                              .end = statement->text + statement->n_bytes};
    struct sql_token tokens[2] = {{.bytes = lexer.at}, {.bytes = lexer.at}};
    struct redactor redactor = {.run = lexer.at};
    struct sql_summary summary;
    unsigned i = 0;

    redact_begin(&redactor.writer, reading->text, reading->text ? reading->max_text : 0);
    redactor.writer.is_full = !reading->text;
    sql_summary_begin(&summary, statement, reading->summary, reading->summary ? reading->max_summary : 0);
    sql_lex_step(&lexer, &tokens[0]);
    redactor.run = tokens[1].bytes = tokens[0].bytes; /* without white space at the beginning */
    tokens[0].spacing = SQL_UNSPACED;
    for (; tokens[i].kind != SQL_TOKEN_END; sql_lex_step(&lexer, &tokens[i])) {
        struct sql_token *token = &tokens[i];
        if (!summary.is_full)
            sql_summary_take(&summary, token);
        i ^= 1;
        if (is_copied(&redactor, token))
            continue;
        if (!redactor.writer.is_full)
            redact_token(&redactor, token, &tokens[i]);
        else if (summary.is_full)
            break;
    }
    reading->n_text = reading->text ? redact_rest(&redactor, &tokens[i ^ 1], statement->is_cut) : 0;
    reading->table = 0;
    reading->n_summary = reading->summary ? sql_summary_end(&summary, &reading->table) : 0;
}

size_t sql_redact(const struct sql_statement *statement, char *out, size_t max)
{
    struct sql_reading reading = {.text = out, .max_text = max};
    sql_read(statement, &reading);
    return reading.n_text;
}

size_t sql_summarise(const struct sql_statement *statement, char *out, size_t max)
{
    struct sql_reading reading = {.summary = out, .max_summary = max};
    sql_read(statement, &reading);
    return reading.n_summary;
}
