/* templates: numbers, the documents' messages word by word, own templates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "signals/rules/number.h"
#include "signals/rules/profiles.h"
#include "signals/rules/rules.h"
#include "signals/rules/templates.h"

static struct arena arena;

/* ---- numbers ---- */

static void test_numbers_are_printed_as_python_does(void **state)
{
    static const struct {
        double value;
        const char *format, *expected;
    } cases[] = {
        {300000, ",.0f", "300,000"},
        {99500.5, ",.0f", "99,500"},
        {1234567.891, ",.2f", "1,234,567.89"},
        {999, ",.0f", "999"},
        {-1000, ",.0f", "-1,000"},
        {0.3333333, ".4f", "0.3333"},
        {0.335, ".4f", "0.3350"},
        {85, ".0f", "85"},
        {2.5, ".0f", "2"},
        {1500, "+,.0f", "+1,500"},
        {-1500, "+,.0f", "-1,500"},
        {0.5, ".1%", "50.0%"},
        {0.1, "g", "0.1"},
        {1e21, "g", "1e+21"},
        {46000000, "g", "46000000"},
        {123456789.25, "g", "123456789.25"},
        {12, "d", "12"},
        {1e300, ".0f", NULL},
    };
    char text[NUMBER_MAX_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        number_print(cases[i].value, cases[i].format, strlen(cases[i].format), text);
        if (cases[i].expected)
            assert_string_equal(text, cases[i].expected);
    }
    assert_false(number_is_format("x", 1));
    assert_false(number_is_format(".f", 2));
    assert_false(number_is_format("", 0));
    assert_false(number_is_format(".99f", 4));
}

static void test_numbers_are_read(void **state)
{
    static const struct {
        const char *text;
        bool is_number;
        double value;
    } cases[] = {
        {"17", true, 17},
        {" -0.5 ", true, -0.5},
        {"1e3", true, 1000},
        {"5,000", true, 5000},
        {"1,234,567.5", true, 1234567.5},
        {"5,00", false, 0},
        {"1234,567", false, 0},
        {"", false, 0},
        {"x", false, 0},
        {"0x10", false, 0},
        {"inf", false, 0},
        {"nan", false, 0},
        {"1e999", false, 0},
        {"1 2", false, 0},
        {"+3", true, 3},
        {".5", true, 0.5},
        {"85%", false, 0},
        {",000", false, 0},
        {"-", false, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        double value = 0;
        if (number_parse(cases[i].text, &value) != cases[i].is_number || value != cases[i].value)
            fail_msg("%s", cases[i].text);
    }
}

/* ---- the documents' messages ---- */

/* 2025-11-09 15:30:42 in Seoul. */
#define TIME_NS (1762669842ull * 1000000000ull)

static const char *render(enum language language, const char *name, const struct attributes *fields)
{
    struct settings settings = {.alerts = {.language = language}};
    return template_render(&settings, name, fields, TIME_NS, &arena);
}

static void set(struct attributes *fields, const char *key, const char *value)
{
    attribute_set_string(fields, &arena, key, value);
}

static void test_buy(void **state)
{
    struct attributes fields = {0};
    (void)state;
    set(&fields, "symbol", "BTC");
    set(&fields, "korean_name", "비트코인");
    set(&fields, "name", "Bitcoin");
    attribute_set_int(&fields, &arena, "order_count", 3);
    attribute_set_double(&fields, &arena, "total_amount", 300000);
    set(&fields, "prices", "[100000, 99500, 99000]");
    set(&fields, "volumes", "[0.3333, 0.335, 0.3367]");
    assert_string_equal(render(LANGUAGE_KO, "buy", &fields), "💰 *매수 주문 체결*\n"
                                                             "🕒 2025-11-09 15:30:42\n"
                                                             "\n"
                                                             "*종목:* 비트코인 (BTC)\n"
                                                             "*시장:* 암호화폐\n"
                                                             "*주문 수:* 3건\n"
                                                             "*총 금액:* 300,000원\n"
                                                             "\n"
                                                             "  1. 가격: 100,000원 × 수량: 0.3333\n"
                                                             "  2. 가격: 99,500원 × 수량: 0.3350\n"
                                                             "  3. 가격: 99,000원 × 수량: 0.3367");
    set(&fields, "market_type", "stocks");
    assert_string_equal(render(LANGUAGE_EN, "buy", &fields), "💰 *Buy order placed*\n"
                                                             "🕒 2025-11-09 15:30:42\n"
                                                             "\n"
                                                             "*Asset:* Bitcoin (BTC)\n"
                                                             "*Market:* stocks\n"
                                                             "*Orders:* 3\n"
                                                             "*Total:* 300,000 KRW\n"
                                                             "\n"
                                                             "  1. price: 100,000 × volume: 0.3333\n"
                                                             "  2. price: 99,500 × volume: 0.3350\n"
                                                             "  3. price: 99,000 × volume: 0.3367");
}

static void test_buy_with_little(void **state)
{
    struct attributes fields = {0};
    (void)state;
    set(&fields, "symbol", "KRW-X_1*");
    set(&fields, "prices", "100");
    set(&fields, "volumes", "2");
    assert_string_equal(render(LANGUAGE_KO, "buy", &fields), "💰 *매수 주문 체결*\n"
                                                             "🕒 2025-11-09 15:30:42\n"
                                                             "\n"
                                                             "*종목:* KRW-X\\_1\\*\n"
                                                             "*시장:* 암호화폐\n"
                                                             "*주문 수:* 1건\n"
                                                             "\n"
                                                             "  1. 가격: 100원 × 수량: 2.0000");
}

static void test_analysis(void **state)
{
    static const struct {
        const char *decision, *confidence, *first, *last;
    } cases[] = {
        {"buy", "85", "📈 *AI 분석 완료*", "*투자 판단:* 매수\n*신뢰도:* 85% (높음 🔥)"},
        {"hold", "70", "🤚 *AI 분석 완료*", "*투자 판단:* 관망\n*신뢰도:* 70% (높음 🔥)"},
        {"SELL", "69.9", "📉 *AI 분석 완료*", "*투자 판단:* 매도\n*신뢰도:* 70% (보통 💡)"},
        {"buy", "40", "📈 *AI 분석 완료*", "*투자 판단:* 매수\n*신뢰도:* 40% (보통 💡)"},
        {"wait", "39", "❓ *AI 분석 완료*", "*투자 판단:* wait\n*신뢰도:* 39% (낮음 ⚠️)"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct attributes fields = {0};
        set(&fields, "symbol", "BTC");
        set(&fields, "korean_name", "비트코인");
        set(&fields, "model", "gemini-2.0-flash-exp");
        set(&fields, "decision", cases[i].decision);
        set(&fields, "confidence", cases[i].confidence);
        assert_string_equal(
            render(LANGUAGE_KO, "analysis", &fields),
            arena_printf(&arena,
                         "%s\n🕒 2025-11-09 15:30:42\n\n*종목:* 비트코인 (BTC)\n*시장:* 암호화폐\n"
                         "*모델:* gemini-2.0-flash-exp\n\n%s",
                         cases[i].first, cases[i].last));
    }
}

/* R059. */
static void test_failure(void **state)
{
    struct attributes fields = {0};
    (void)state;
    set(&fields, "side", "bid");
    set(&fields, "symbol", "BTC");
    set(&fields, "korean_name", "비트코인");
    set(&fields, "reason", "InsufficientFunds");
    set(&fields, "balance", "5000.0");
    set(&fields, "required", "50000");
    assert_string_equal(render(LANGUAGE_KO, "failure", &fields),
                        "❌ *매수 주문 실패*\n*코인:* 비트코인\n*이유:* InsufficientFunds\n*잔액:* 5,000원 / "
                        "*필요:* 50,000원");
}

/* Every shipped message in both languages, with nothing known: the first line at least, and no place left open. */
static void test_every_message_stands_without_fields(void **state)
{
    static const char *const names[] = {"buy",          "sell",    "cancel",   "fill",
                                        "partial_fill", "failure", "analysis", "summary"};
    const struct attributes none = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        for (int language = LANGUAGE_EN; language <= LANGUAGE_KO; language++) {
            const char *text = render((enum language)language, names[i], &none);
            assert_non_null(text);
            assert_true(strlen(text) > 10);
            assert_null(strpbrk(text, "{}"));
            assert_null(strstr(text, "\n\n\n"));
        }
    assert_null(render(LANGUAGE_KO, "none", &none));
}

static void test_a_long_value_is_cut(void **state)
{
    struct attributes fields = {0};
    char value[4000];
    (void)state;
    memset(value, 'x', sizeof(value));
    value[sizeof(value) - 1] = 0;
    memcpy(value, "a\nb", 3);
    set(&fields, "reason", value);
    const char *text = render(LANGUAGE_EN, "failure", &fields);
    assert_non_null(strstr(text, "*Reason:* a bxxx"));
    assert_true(strlen(text) < TEMPLATE_VALUE_BYTES + 200);
    assert_string_equal(text + strlen(text) - strlen("x…"), "x…");
}

/* ---- own templates ---- */

static char notes[2000];

static void note(void *context, const char *line)
{
    (void)context;
    strncat(notes, line, sizeof(notes) - strlen(notes) - 2);
    strcat(notes, "\n");
}

static void parse(struct template_book *book, const char *text)
{
    *notes = 0;
    *book = (struct template_book){0};
    char *copy = malloc(strlen(text) + 1);
    assert_non_null(copy);
    strcpy(copy, text);
    char *kept = arena_copy(&arena, copy, strlen(copy));
    template_book_parse(book, &arena, "own", copy, note, NULL); /* once where a byte too many is seen */
    *notes = 0;
    *book = (struct template_book){0};
    template_book_parse(book, &arena, "own", kept, note, NULL);
    free(copy);
}

static void test_own_templates(void **state)
{
    struct template_book book;
    (void)state;
    parse(&book, "# mine\n\n[template buy ko]\n\n샀다 {symbol}\n# not this\r\n둘째\n\n\n[ignored\n[template "
                 "buy]\nany {symbol}");
    assert_string_equal(notes, "");
    assert_int_equal(book.n, 2);
    assert_string_equal(template_book_find(&book, "buy", LANGUAGE_KO)->body,
                        "샀다 {symbol}\n둘째\n\n\n[ignored");
    assert_string_equal(template_book_find(&book, "buy", LANGUAGE_EN)->body, "any {symbol}");
    assert_null(template_book_find(&book, "sell", LANGUAGE_EN));
}

static void test_what_is_wrong_is_said(void **state)
{
    static const struct {
        const char *text, *note;
        uint32_t n;
    } cases[] = {
        {"[template]\nx\n",
         "own:1: [template NAME], [template NAME en] or [template NAME ko] is allowed; template left out\n"
         "own:2: outside of a template: line ignored\n",
         0},
        {"\n[template a fr]\nx\n[template b]\ny\n",
         "own:2: [template NAME], [template NAME en] or [template NAME ko] is allowed; template left out\n"
         "own:3: outside of a template: line ignored\n",
         1},
        {"[template a]\n\n[template b]\ny\n", "own:1: a template has a body; template left out\n", 1},
        {"[template a]\n{x:bad}\n",
         "own:1: template a: a format as ,.0f or .4f is allowed behind the colon; template left out\n", 0},
        {"[template a]\n{x\n",
         "own:1: template a: {name}, {name:,.0f}, {name|otherwise} or {name?value:text,*:text} is allowed; "
         "template left out\n",
         0},
        {"[template a]\n{}\n",
         "own:1: template a: a name of letters, digits, _ . - is allowed in {}; template left out\n", 0},
        {"[template a]\n{x?y}\n",
         "own:1: template a: {name?value:text,value:text,*:text} is allowed; template left out\n", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct template_book book;
        parse(&book, cases[i].text);
        assert_string_equal(notes, cases[i].note);
        assert_int_equal(book.n, cases[i].n);
    }
}

static void test_places(void **state)
{
    static const struct {
        const char *body, *expected;
    } cases[] = {
        {"{{a}} {a}", "{a} 1"},
        {"{none|no\\, \\} b}", "no, } b"},
        {"{none}x\ny", "y"},
        {"{?a}yes\n{!a}no\n{?none}no\n{!none}yes", "yes\nyes"},
        {"{?a}{!none}both", "both"},
        {"{a?2:two,1:one}", "one"},
        {"{none?2:two,*:any}", "any"},
        {"{none?2:two}x", ""},
        {"{a?<1:less,<=1:equal}", "equal"},
        {"{text:,.0f}", "word"},
        {"{each list}{i}={list}/{other}/{a}", "1=x/p/1\n2=y/q/1"},
        {"{each none}{i}", ""},
        {"{each a}{i}={a}", "1=1"},
        {"a\n\n\n\nb\n\n", "a\n\nb"},
    };
    struct attributes fields = {0};
    (void)state;
    set(&fields, "a", "1");
    set(&fields, "text", "word");
    set(&fields, "list", "[\"x\", 'y']");
    set(&fields, "other.1", "p");
    set(&fields, "other.2", "q");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *why;
        assert_true(template_check(cases[i].body, &why));
        assert_string_equal(template_fill(cases[i].body, &fields, 0, &arena), cases[i].expected);
    }
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* A file that changes is read again; one that is gone leaves the shipped messages. */
static void test_the_file_of_own_templates(void **state)
{
    char path[] = "/tmp/otelshim-test-templates-XXXXXX";
    int fd = mkstemp(path);
    struct settings settings = {.uid = geteuid(), .alerts = {.language = LANGUAGE_KO, .templates = path}};
    struct attributes fields = {0};
    (void)state;
    assert_true(fd >= 0);
    close(fd);
    set(&fields, "symbol", "BTC");
    write_file(path, "[template failure]\nfirst {symbol}\n");
    assert_string_equal(template_render(&settings, "failure", &fields, 0, &arena), "first BTC");
    write_file(path, "[template failure]\nsecond one {symbol}\n");
    assert_string_equal(template_render(&settings, "failure", &fields, 0, &arena), "second one BTC");
    assert_non_null(strstr(template_render(&settings, "buy", &fields, TIME_NS, &arena), "매수"));
    settings.uid = geteuid() + 1; /* another user's program named it */
    assert_non_null(strstr(template_render(&settings, "failure", &fields, 0, &arena), "실패"));
    settings.uid = geteuid();
    unlink(path);
    assert_non_null(strstr(template_render(&settings, "failure", &fields, 0, &arena), "실패"));
    assert_null(profile_find("none"));
}

static int tear_down(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_printed_as_python_does),
        cmocka_unit_test(test_numbers_are_read),
        cmocka_unit_test(test_buy),
        cmocka_unit_test(test_buy_with_little),
        cmocka_unit_test(test_analysis),
        cmocka_unit_test(test_failure),
        cmocka_unit_test(test_every_message_stands_without_fields),
        cmocka_unit_test(test_a_long_value_is_cut),
        cmocka_unit_test(test_own_templates),
        cmocka_unit_test(test_what_is_wrong_is_said),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_the_file_of_own_templates),
    };
    setenv("TZ", "Asia/Seoul", 1);
    tzset();
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
