/*
 * sql_lex_priv: the inner loop of the SQL lexer: words and single bytes, which most tokens are.
 *
 * Context: loop; see sql_lex.h. Only sql_lex.c, sql_keyword.c and sql.c include it: sql.c has the one loop in which
 * inlining matters. Words are short and end anywhere, so a loop over their bytes mispredicts its end; the bytes are
 * looked at sixteen or eight at a time instead.
 */
#ifndef OTELSHIM_SQL_LEX_PRIV_H
#define OTELSHIM_SQL_LEX_PRIV_H

#include "signals/spans/sql_lex.h"
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum sql_byte_class {
    SQL_BYTE_OTHER,
    SQL_BYTE_LETTER, /* these three make up words */
    SQL_BYTE_DIGIT,
    SQL_BYTE_DOLLAR,
    SQL_BYTE_SPACE, /* these four may begin what separates tokens; NUL is space: nothing good is behind one */
    SQL_BYTE_SLASH,
    SQL_BYTE_SIGN,
    SQL_BYTE_HASH,
    SQL_BYTE_QUOTE,
    SQL_BYTE_DOUBLE_QUOTE,
    SQL_BYTE_BACKTICK,
    SQL_BYTE_BRACKET,
    SQL_BYTE_DOT,
    SQL_BYTE_OPEN,
    SQL_BYTE_CLOSE,
    SQL_BYTE_COMMA,
    SQL_BYTE_SEMICOLON,
    SQL_N_BYTE_CLASSES
};
extern const uint8_t sql_byte_classes[256];
extern const uint8_t
    sql_single_tokens[SQL_N_BYTE_CLASSES]; /* enum sql_token_kind; 0: not a token of one byte */

static inline enum sql_byte_class sql_class_at(const char *at)
{
    return (enum sql_byte_class)sql_byte_classes[(uint8_t)*at];
}

/* ---- words ---- */

/* Eight bytes of the text; the first is the lowest. */
typedef uint64_t eight_bytes;
#define EACH(byte) (0x0101010101010101ull * (byte))

static inline eight_bytes eight_load(const char *at)
{
    eight_bytes value;
    memcpy(&value, at, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

/* How many bytes of a block are word bytes (letters, digits, _, $, not ASCII) before the first that is none. */
#ifdef __SSE2__
#define SQL_BLOCK_BYTES 16

static inline unsigned sql_count_word_bytes(const char *block)
{
    __m128i text = _mm_loadu_si128((const __m128i *)(const void *)block);
    __m128i lower = _mm_or_si128(text, _mm_set1_epi8(0x20));
    __m128i is_letter = _mm_and_si128(_mm_cmpgt_epi8(lower, _mm_set1_epi8('a' - 1)),
                                      _mm_cmplt_epi8(lower, _mm_set1_epi8('z' + 1)));
    __m128i is_digit = _mm_and_si128(_mm_cmpgt_epi8(text, _mm_set1_epi8('0' - 1)),
                                     _mm_cmplt_epi8(text, _mm_set1_epi8('9' + 1)));
    __m128i is_sign =
        _mm_or_si128(_mm_cmpeq_epi8(text, _mm_set1_epi8('_')), _mm_cmpeq_epi8(text, _mm_set1_epi8('$')));
    /* the mask takes the highest bit of each byte: set in `text` where it is not ASCII */
    __m128i is_word = _mm_or_si128(_mm_or_si128(text, is_sign), _mm_or_si128(is_letter, is_digit));
    return (unsigned)__builtin_ctz(~(unsigned)_mm_movemask_epi8(is_word));
}
#else
#define SQL_BLOCK_BYTES 8

static inline unsigned sql_count_word_bytes(const char *block)
{
    eight_bytes text = eight_load(block), low = text & EACH(0x7f), lower = low | EACH(0x20);
    eight_bytes is_letter = (lower + EACH(0x80 - 'a')) & ~(lower + EACH(0x7f - 'z'));
    eight_bytes is_digit = (low + EACH(0x80 - '0')) & ~(low + EACH(0x7f - '9'));
    eight_bytes is_sign = ~((low ^ EACH('_')) + EACH(0x7f)) | ~((low ^ EACH('$')) + EACH(0x7f));
    eight_bytes others = ~(text | is_letter | is_digit | is_sign) & EACH(0x80);
    return others ? (unsigned)__builtin_ctzll(others) / 8 : 8;
}
#endif

/* Returns the end of the word; *ret_head is its first eight bytes in lower case, zeros where it is shorter. */
static inline const char *sql_skip_word(const char *at, const char *end, eight_bytes *ret_head)
{
    char rest[SQL_BLOCK_BYTES] = {0}; /* zeros are no word bytes */
    const char *block = at;
    if (end - at < SQL_BLOCK_BYTES) {
        memcpy(rest, at, (size_t)(end - at));
        block = rest;
    }
    unsigned n = sql_count_word_bytes(block);
    eight_bytes head = eight_load(block) | EACH(0x20);
    *ret_head = n >= 8 ? head : head & ((1ull << (8 * n)) - 1);
    for (at += n; n == SQL_BLOCK_BYTES && end - at >= SQL_BLOCK_BYTES; at += n)
        n = sql_count_word_bytes(at);
    while (n == SQL_BLOCK_BYTES && at < end && (unsigned)sql_class_at(at) - SQL_BYTE_LETTER <= 2u)
        at++;
    return at;
}

struct sql_keyword_row {
    eight_bytes head; /* first eight letters */
    uint8_t n_bytes;
    char word[15];
};
extern const struct sql_keyword_row sql_keyword_rows[SQL_N_KEYWORDS];

#define SQL_N_SLOTS 512u
#define SQL_SLOT(head) ((head)*0x2c3791859d9129d3ull >> 55)
extern const uint8_t sql_keyword_slots[SQL_N_SLOTS];

static inline uint8_t sql_keyword_find(const char *word, size_t n_bytes, eight_bytes head)
{
    uint8_t found = sql_keyword_slots[SQL_SLOT(head)];
    const struct sql_keyword_row *row = &sql_keyword_rows[found];
    if (row->head != head || row->n_bytes != n_bytes)
        return SQL_NO_KEYWORD;
    for (size_t i = 8; i < n_bytes; i++)
        if ((word[i] | 0x20) != row->word[i])
            return SQL_NO_KEYWORD;
    return found;
}

/* ---- tokens ---- */

/* Strings, numbers, quoted names, …: fills in the token at lexer->at and goes behind it. */
void sql_lex_other(struct sql_lexer *lexer, struct sql_token *token);
/* Goes over white space and comments. */
void sql_lex_space(struct sql_lexer *lexer);

static inline void sql_lex_word(struct sql_lexer *lexer, struct sql_token *token)
{
    eight_bytes head;
    const char *at = lexer->at, *behind = sql_skip_word(at, lexer->end, &head);
    size_t n_bytes = (size_t)(behind - at);
    if (n_bytes == 1 && behind < lexer->end && (*behind == '\'' || *behind == '&')) {
        sql_lex_other(lexer, token); /* E'…' */
        return;
    }
    uint8_t keyword = sql_keyword_find(at, n_bytes, head);
    bool is_boolean = keyword == SQL_TRUE || keyword == SQL_FALSE;
    token->keyword = keyword;
    token->kind = is_boolean ? SQL_TOKEN_LITERAL : SQL_TOKEN_WORD;
    token->n_bytes = n_bytes;
    lexer->at = behind;
}

static inline void sql_lex_step(struct sql_lexer *lexer, struct sql_token *token)
{
    token->kind = SQL_TOKEN_END;
    token->keyword = SQL_NO_KEYWORD;
    token->spacing = SQL_UNSPACED;
    token->n_bytes = 0;
    if (lexer->at < lexer->end && *lexer->at == ' ') {
        token->spacing = SQL_BLANK;
        lexer->at++;
    }
    if (lexer->at < lexer->end && (unsigned)sql_class_at(lexer->at) - SQL_BYTE_SPACE <= 3u) {
        const char *at = lexer->at;
        sql_lex_space(lexer);
        if (lexer->at != at)
            token->spacing = SQL_SPACED;
    }
    token->bytes = lexer->at;
    if (lexer->at == lexer->end)
        return;
    enum sql_byte_class class = sql_class_at(lexer->at);
    if (class == SQL_BYTE_LETTER) {
        sql_lex_word(lexer, token);
    } else if (sql_single_tokens[class]) {
        token->kind = sql_single_tokens[class];
        token->n_bytes = 1;
        lexer->at++;
    } else {
        sql_lex_other(lexer, token);
    }
}

#endif
