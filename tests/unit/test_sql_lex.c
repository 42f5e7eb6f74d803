#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "signals/spans/sql_lex.h"

/* One letter per token, then its text; a dot for END. */
static const char letters[] = {
    [SQL_TOKEN_END] = '.',     [SQL_TOKEN_WORD] = 'w',  [SQL_TOKEN_PARAMETER] = 'p',
    [SQL_TOKEN_DOT] = 'd',     [SQL_TOKEN_OTHER] = 'o', [SQL_TOKEN_OPEN] = 'o',
    [SQL_TOKEN_CLOSE] = 'o',   [SQL_TOKEN_COMMA] = 'o', [SQL_TOKEN_SIGN] = 's',
    [SQL_TOKEN_LITERAL] = 'L', [SQL_TOKEN_NAME] = 'n',  [SQL_TOKEN_SEMICOLON] = 'o',
};

static void print_tokens(const char *system, const char *text, size_t n_bytes, char *out, size_t max)
{
    struct sql_lexer lexer = {sql_dialect_find(system), text, text + n_bytes};
    struct sql_token token;
    size_t used = 0;
    for (sql_lex_next(&lexer, &token); token.kind != SQL_TOKEN_END; sql_lex_next(&lexer, &token)) {
        assert_true(token.n_bytes > 0);
        assert_true(token.bytes >= text && token.bytes + token.n_bytes <= text + n_bytes);
        assert_true(used + token.n_bytes + 4 < max);
        if (used)
            out[used++] = ' ';
        out[used++] = letters[token.kind];
        out[used++] = ':';
        memcpy(out + used, token.bytes, token.n_bytes);
        used += token.n_bytes;
    }
    out[used] = '\0';
    sql_lex_next(&lexer, &token);
    assert_int_equal(token.kind, SQL_TOKEN_END);
}

struct vector {
    const char *system, *text, *tokens;
};

static const struct vector vectors[] = {
    {NULL, "", ""},
    {NULL, " \t\r\n", ""},
    {NULL, "select a.b", "w:select w:a d:. w:b"},
    {NULL, "a_1$x \xc3\xa9t\xc3\xa9", "w:a_1$x w:\xc3\xa9t\xc3\xa9"},
    {NULL, "abcdefghijklmnopqrstuvwxyz_0123456789", "w:abcdefghijklmnopqrstuvwxyz_0123456789"},
    {NULL, "abcdefghijklmnop(", "w:abcdefghijklmnop o:("},
    {NULL, "abcdefghijklmno(", "w:abcdefghijklmno o:("},
    /* strings */
    {NULL, "'a''b' 'c'", "L:'a''b' L:'c'"},
    {NULL, "'a\\' x", "L:'a\\' w:x"},
    {NULL, "E'a\\'b' e'\\\\' x", "L:E'a\\'b' L:e'\\\\' w:x"},
    {NULL, "E'a''b\\''x", "L:E'a''b\\'' w:x"},
    {NULL, "E'a'\n'b\\'c' x", "L:E'a'\n'b\\'c' w:x"},
    {NULL, "E'a' -- z\n 'b\\'c' x", "L:E'a' -- z\n 'b\\'c' w:x"},
    {NULL, "E'a' 'b\\' x", "L:E'a' L:'b\\' w:x"},
    {NULL, "B'101' x'1F' N'n' b'' X'", "L:B'101' L:x'1F' L:N'n' L:b'' L:X'"},
    {NULL, "U&'\\0041' u&\"na\"\"me\" U & u", "L:U&'\\0041' n:u&\"na\"\"me\" w:U o:& w:u"},
    {NULL, "fooE'a\\'", "w:fooE L:'a\\'"},
    {NULL, "$$a'b$$ $t$ $x$ $ $t $t$ x", "L:$$a'b$$ L:$t$ $x$ $ $t $t$ w:x"},
    {NULL, "$a$ $$a$ x", "L:$a$ $$a$ w:x"},
    {NULL, "$1 $23 $ $1$ a$$b$$", "p:$1 p:$23 o:$ p:$1 o:$ w:a$$b$$"},
    {NULL, "$1a$ x", "p:$1 w:a$ w:x"},
    /* quoted names */
    {NULL, "\"a b\" \"q\"\"q\" U&\"x\"", "n:\"a b\" n:\"q\"\"q\" n:U&\"x\""},
    /* nothing that is not terminated is a word */
    {NULL, "x 'abc", "w:x L:'abc"},
    {NULL, "x 'abc''", "w:x L:'abc''"},
    {NULL, "x E'abc\\'", "w:x L:E'abc\\'"},
    {NULL, "x E'abc\\", "w:x L:E'abc\\"},
    {NULL, "x $a$ b $a", "w:x L:$a$ b $a"},
    {NULL, "x \"abc", "w:x L:\"abc"},
    {NULL, "x \"abc\"\"", "w:x L:\"abc\"\""},
    {NULL, "x U&\"abc", "w:x L:U&\"abc"},
    {NULL, "x /* /* */ y", "w:x"},
    {NULL, "x -- y", "w:x"},
    {NULL, "'", "L:'"},
    {NULL, "E'", "L:E'"},
    {NULL, "U&'", "L:U&'"},
    {NULL, "U&", "w:U o:&"},
    {NULL, "$", "o:$"},
    {NULL, "$$", "L:$$"},
    /* numbers */
    {NULL, "1 1.5 .5 1e10 1E-5 1.e+5 0x1F 1_000 0b11 5.",
     "L:1 L:1.5 L:.5 L:1e10 L:1E-5 L:1.e+5 L:0x1F L:1_000 L:0b11 L:5."},
    {NULL, "0xe+1 1e 1e+ 123abc a1", "L:0xe s:+ L:1 L:1e L:1e s:+ L:123abc w:a1"},
    {NULL, "a-1 -- c\n+2", "w:a s:- L:1 s:+ L:2"},
    /* booleans */
    {NULL, "TRUE false trues", "L:TRUE L:false w:trues"},
    /* comments */
    {NULL, "a/* x /* y */ z */b", "w:a w:b"},
    {NULL, "a--x\nb", "w:a w:b"},
    {NULL, "a / b * c - d", "w:a o:/ w:b o:* w:c s:- w:d"},
    {NULL, "a # b `c` [1]", "w:a o:# w:b o:` w:c o:` o:[ L:1 o:]"},
    {NULL, "1::int x->>'k'", "L:1 o:: o:: w:int w:x s:- o:> o:> L:'k'"},
    /* other dialects */
    {"mysql", "'a\\'b' \"c\\\"d\" `e``f` x", "L:'a\\'b' L:\"c\\\"d\" n:`e``f` w:x"},
    {"mysql", "5--1 # c\n-- d\nx --", "L:5 s:- s:- L:1 w:x"},
    {"mysql", "a /* /* */ b $$", "w:a w:b o:$ o:$"},
    {"mysql", "`a", "L:`a"},
    {"sqlite", "[a b] \"c\" 'd\\' `e` [f", "n:[a b] n:\"c\" L:'d\\' n:`e` L:[f"},
    {"nobody", "E'\\''", "L:E'\\''"},
};

static void test_tokens(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        size_t n_bytes = strlen(vectors[i].text);
        char *text = malloc(n_bytes ? n_bytes : 1); /* exactly: so that ASan sees a read behind it */
        assert_non_null(text);
        memcpy(text, vectors[i].text, n_bytes);
        char out[1024];
        print_tokens(vectors[i].system, text, n_bytes, out, sizeof out);
        free(text);
        assert_string_equal(out, vectors[i].tokens);
    }
}

static void test_keywords_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        enum sql_keyword keyword;
    } rows[] = {
#define KEYWORD(NAME, word, ...) {word, SQL_##NAME},
#include "signals/spans/sql_keywords.h"
#undef KEYWORD
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[32];
        size_t n_bytes = strlen(rows[i].word);
        for (unsigned form = 0; form < 4; form++) {
            memcpy(text, rows[i].word, n_bytes + 1);
            if (form & 1) /* upper case */
                for (size_t c = 0; c < n_bytes; c++)
                    text[c] = (char)(text[c] & ~0x20);
            size_t n_text = n_bytes;
            if (form & 2) /* one letter more is another word */
                text[n_text++] = 'q';
            struct sql_lexer lexer = {sql_dialect_find(NULL), text, text + n_text};
            struct sql_token token;
            sql_lex_next(&lexer, &token);
            assert_int_equal(token.keyword, form & 2 ? SQL_NO_KEYWORD : rows[i].keyword);
            assert_int_equal(token.n_bytes, n_text);
        }
    }
}

static void test_nul_is_space(void **state)
{
    (void)state;
    char out[64];
    print_tokens(NULL, "a\0b", 3, out, sizeof out);
    assert_string_equal(out, "w:a w:b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_keywords_are_found),
        cmocka_unit_test(test_nul_is_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
