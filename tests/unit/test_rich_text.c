/* rich_text: runs, markup, plain text, UTF-16 units. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "telemetry/rich_text.h"

static struct arena arena;

/* B(bold) I(italic) C(code) P(pre) L(link) Q(quote) T(time), plain as it is. */
static const char *shown(const struct rich_text *rich)
{
    static char out[1024];
    size_t n = 0;
    out[0] = 0;
    for (uint32_t i = 0; i < rich->n; i++) {
        const char *text = rich->runs[i].text;
        if (rich->runs[i].style == RICH_PLAIN)
            n += (size_t)snprintf(out + n, sizeof(out) - n, "%s", text);
        else
            n += (size_t)snprintf(out + n, sizeof(out) - n, "%c(%s)", " BICPLQT"[rich->runs[i].style], text);
    }
    return out;
}

static void test_rich_parse(void **state)
{
    (void)state;
    const char *const cases[][2] = {
        {"", ""},
        {"plain", "plain"},
        {"💰 *매수 주문 체결*\n종목: `BTC`", "💰 B(매수 주문 체결)\n종목: C(BTC)"},
        {"*비트코인*은 _좋다_!", "B(비트코인)은 I(좋다)!"},
        {"order_id=1 user_id=2", "order_id=1 user_id=2"},
        {"2*3*4 = 24", "2*3*4 = 24"},
        {"*not closed\nhere*", "*not closed\nhere*"},
        {"a * b * c", "a * b * c"},
        {"**", "**"},
        {"\\*as it is\\* \\\\ \\_", "*as it is* \\ _"},
        {"*a \\* b*", "B(a * b)"},
        {"`a_b_c *d*`", "C(a_b_c *d*)"},
        {"*a* *b*", "B(a) B(b)"},
        {"(*a*)", "(B(a))"},
        {"end\\", "end\\"},
        {"*a\\", "*a\\"},
        {"*a*b*", "B(a*b)"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rich_text rich = {.arena = &arena};
        rich_parse(&rich, cases[i][0]);
        assert_string_equal(shown(&rich), cases[i][1]);
    }
}

static void test_rich_escape(void **state)
{
    (void)state;
    srand(7);
    for (int i = 0; i < 20000; i++) {
        char text[24];
        size_t n = (size_t)rand() % (sizeof(text) - 1);
        for (size_t j = 0; j < n; j++)
            text[j] = "*_`\\ab \n"[rand() % 8];
        text[n] = 0;
        struct rich_text rich = {.arena = &arena};
        rich_parse(&rich, rich_escape(&arena, text));
        assert_string_equal(shown(&rich), text);
    }
}

static void test_rich_parse_any(void **state)
{
    (void)state;
    srand(8);
    for (int i = 0; i < 20000; i++) {
        char text[40];
        size_t n = (size_t)rand() % (sizeof(text) - 1);
        for (size_t j = 0; j < n; j++)
            text[j] = rand() % 3 ? "*_`\\ab \n"[rand() % 8] : (char)(1 + rand() % 255);
        text[n] = 0;
        struct rich_text rich = {.arena = &arena};
        rich_parse(&rich, text);
        rich_add(&rich, RICH_PRE, text);
        const char *plain = rich_print_plain(&rich, &arena);
        assert_int_equal(utf8_valid_bytes(plain, strlen(plain)), strlen(plain));
        for (const char *c = plain; *c; c++)
            assert_true((unsigned char)*c >= 0x20 || *c == '\n');
        arena_reset(&arena);
    }
}

static void test_rich_add(void **state)
{
    (void)state;
    struct rich_text rich = {.arena = &arena};
    rich_add(&rich, RICH_PLAIN, "a\x01\tb\xff\x7f");
    rich_add(&rich, RICH_PLAIN, NULL);
    rich_add(&rich, RICH_PLAIN, "");
    rich_add_format(&rich, RICH_BOLD, "%d %s", 7, "x");
    rich_add_time(&rich, "03:02", 1730833335);
    assert_int_equal(rich.n, 3);
    assert_int_equal(rich.runs[2].unix_s, 1730833335);
    assert_string_equal(shown(&rich), "a  b\xef\xbf\xbd B(7 x)T(03:02)");
    for (int i = 0; i < 100; i++)
        rich_add(&rich, RICH_PLAIN, "x");
    assert_int_equal(rich.n, 103);
    assert_string_equal(rich.runs[1].text, "7 x");
}

static void test_rich_print_plain(void **state)
{
    (void)state;
    struct rich_text rich = {.arena = &arena};
    assert_string_equal(rich_print_plain(&rich, &arena), "");
    rich_add(&rich, RICH_BOLD, "Message");
    rich_add(&rich, RICH_PRE, "one\ntwo");
    rich_add(&rich, RICH_PLAIN, "Trace ");
    rich_add_link(&rich, "7f3a", "https://t/7f3a");
    rich_add(&rich, RICH_QUOTE, "#0 main");
    rich_add(&rich, RICH_PLAIN, "\nend");
    rich_add_link(&rich, "http://a", "http://a");
    assert_string_equal(rich_print_plain(&rich, &arena),
                        "Message\none\ntwo\nTrace 7f3a (https://t/7f3a)\n#0 main\nendhttp://a");
}

static void test_rich_utf16_units(void **state)
{
    (void)state;
    assert_int_equal(rich_utf16_units(""), 0);
    assert_int_equal(rich_utf16_units("abc"), 3);
    assert_int_equal(rich_utf16_units("é매수"), 3);
    assert_int_equal(rich_utf16_units("💰"), 2);
    assert_int_equal(rich_utf16_units("⚠️"), 2); /* with its variation selector */
}

static int fini(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rich_parse),       cmocka_unit_test(test_rich_escape),
        cmocka_unit_test(test_rich_parse_any),   cmocka_unit_test(test_rich_add),
        cmocka_unit_test(test_rich_print_plain), cmocka_unit_test(test_rich_utf16_units),
    };
    return cmocka_run_group_tests(tests, NULL, fini);
}
