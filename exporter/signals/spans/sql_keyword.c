#include "signals/spans/sql_lex_priv.h"

/* No two rows of sql_keywords.h share a slot; the compiler says so if they do (-Woverride-init). */
#define HEAD(a, b, c, d, e, f, g, h)                                                              \
    ((eight_bytes)(a) | (eight_bytes)(b) << 8 | (eight_bytes)(c) << 16 | (eight_bytes)(d) << 24 | \
     (eight_bytes)(e) << 32 | (eight_bytes)(f) << 40 | (eight_bytes)(g) << 48 | (eight_bytes)(h) << 56)

const uint8_t sql_keyword_slots[SQL_N_SLOTS] = {
#define KEYWORD(NAME, word, ...) [SQL_SLOT(HEAD(__VA_ARGS__))] = SQL_##NAME,
#include "signals/spans/sql_keywords.h"
#undef KEYWORD
};

const struct sql_keyword_row sql_keyword_rows[SQL_N_KEYWORDS] = {
#define KEYWORD(NAME, word, ...) [SQL_##NAME] = {HEAD(__VA_ARGS__), sizeof(word) - 1, word},
#include "signals/spans/sql_keywords.h"
#undef KEYWORD
};
