/*
 * telegram_text: what is written is taken, whatever was in it: random and hostile texts, judged by the server's own rules in
 * tests/fakes/telegram_html.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "outputs/alerts/telegram_text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t seed;

static uint32_t pick(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 16) % n;
}

static const char *const hostile[] = {
    "<b>",
    "</b>",
    "<",
    ">",
    "&",
    "&lt",
    "&amp;",
    "&#0;",
    "&#x41;",
    "&#1114111;",
    "<tg-emoji>",
    "</pre>",
    "</a>",
    "<a href=\"",
    "\"",
    "'",
    "<!--",
    "]]>",
    "<?x",
    "\n",
    "\n\n\n",
    " ",
    "\t",
    "\r",
    "\x01",
    "\x1b[31m",
    "\x7f",
    "\xc2\x80",
    "\xc2\xa0",
    "\xe2\x80\x8b",
    "\xe2\x80\xae",
    "\xe2\x80\xa8",
    "\xcc\xb3",
    "\xef\xbb\xbf",
    "\xe3\x80\x80",
    "\xed\xa0\x80",
    "\xff",
    "\xc0\xaf",
    "\xf0\x9f\x92\xb0",
    "\xf0\x9f",
    "👨‍👩‍👧‍👦",
    "🇰🇷",
    "매수 주문",
    "\xf4\x8f\xbf\xbf",
    "e\xcc\x81",
    "```",
    "*_[]()~`>#+-=|{}.!",
    "\\",
    "https://h/?a=1&b=<2>\"",
    "0x7f",
    "%s%n",
    "@channel",
    "/start",
    "\xef\xbf\xbe",
    "\xf3\xa0\x81\x81",
    "x",
};

/* At most `max` bytes of anything but a NUL. */
static void make_text(char *out, size_t max)
{
    size_t n = 0, wanted = pick(8) == 0 ? pick((uint32_t)max) : pick(60);
    uint32_t kind = pick(4);
    while (n < wanted) {
        char byte[2] = {(char)(1 + pick(255)), 0};
        const char *piece = kind == 0                ? byte
                            : kind == 1 && pick(8)   ? "line of words that goes on "
                            : kind == 2 && pick(100) ? "&<"
                                                     : hostile[pick(sizeof(hostile) / sizeof(*hostile))];
        if (n + strlen(piece) >= max)
            break;
        memcpy(out + n, piece, strlen(piece));
        n += strlen(piece);
    }
    out[n] = 0;
}

static void add_random_run(struct rich_text *rich, bool with_links, size_t max)
{
    char *text = arena_alloc(rich->arena, max + 1), *url = arena_alloc(rich->arena, 2001);
    make_text(text, max);
    enum rich_style style = (enum rich_style)pick(8);
    if (style == RICH_LINK) {
        make_text(url, pick(10) ? 100 : 2000);
        rich_add_link(rich, text, with_links ? url : text);
    } else if (style == RICH_TIME) {
        rich_add_time(rich, text, pick(3) ? seed : 0);
    } else {
        rich_add(rich, style, text);
    }
}

static size_t code_points(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += (*text & 0xc0) != 0x80;
    return n;
}

static void check_part(const struct telegram_part *part)
{
    size_t bytes = strlen(part->html);
    assert_true(bytes <= 32768);
    assert_true(strlen(part->plain) <= 32768);
    assert_int_equal(utf8_valid_bytes(part->html, bytes), bytes);
    assert_true(rich_utf16_units(part->plain) <=
                TELEGRAM_MAX_UNITS + 20); /* "(empty message)" is outside of it */
    assert_true(code_points(part->plain) <= 4096);
}

static void check_with_server(const char *option, bool with_links, bool with_time_tag, unsigned n_texts,
                              size_t max_run)
{
    char command[100], path[] = "/tmp/otelshim-test-parts-XXXXXX";
    int fd = mkstemp(path);
    FILE *parts = fdopen(fd, "w");
    assert_non_null(parts);
    for (unsigned i = 0; i < n_texts; i++) {
        struct arena arena = {0};
        struct rich_text rich = {.arena = &arena};
        struct telegram_text text;
        for (uint32_t n = pick(6); n > 0; n--)
            add_random_run(&rich, with_links, max_run);
        telegram_text_make(&text, &rich, with_time_tag, &arena);
        assert_true(text.n_parts >= 1);
        for (uint32_t p = 0; p < text.n_parts; p++) {
            check_part(&text.parts[p]);
            fwrite(text.parts[p].html, 1, strlen(text.parts[p].html) + 1, parts);
            fwrite(text.parts[p].plain, 1, strlen(text.parts[p].plain) + 1, parts);
        }
        const char *title = telegram_text_title(&rich, 50, &arena);
        assert_int_equal(utf8_valid_bytes(title, strlen(title)), strlen(title));
        assert_true(rich_utf16_units(title) <= 50);
        arena_fini(&arena);
    }
    fclose(parts);
    snprintf(command, sizeof(command), "python3 tests/fakes/telegram_html.py %s <%s", option, path);
    int status = system(command);
    if (status != 0)
        printf("the parts are in %s\n", path);
    assert_int_equal(status, 0);
    unlink(path);
}

static void test_any_text_is_taken(void **state)
{
    (void)state;
    seed = 4711;
    check_with_server("--forms", true, true, 3000, 400);
    check_with_server("--forms", true, false, 200, 9000);
}

/* Without links, whose URL is behind their text only where there is no markup. */
static void test_markup_shows_what_plain_text_shows(void **state)
{
    (void)state;
    seed = 815;
    check_with_server("--pairs", false, true, 1500, 400);
    check_with_server("--pairs", false, true, 100, 9000);
}

/* ---- cuts ---- */

static struct telegram_text make(struct arena *arena, enum rich_style style, const char *text)
{
    struct rich_text rich = {.arena = arena};
    struct telegram_text made;
    rich_add(&rich, style, text);
    telegram_text_make(&made, &rich, true, arena);
    return made;
}

static char *repeat(struct arena *arena, const char *text, unsigned n)
{
    char *out = arena_alloc(arena, strlen(text) * n + 1), *end = out;
    for (unsigned i = 0; i < n; i++)
        end = stpcpy(end, text);
    *end = 0;
    return out;
}

static void test_cut_at_lines(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct telegram_text text =
        make(&arena, RICH_PRE, repeat(&arena, "#12 place_order <order.c:142>\n", 300));
    assert_int_equal(text.n_parts, 3);
    for (uint32_t i = 0; i < text.n_parts; i++) {
        const char *html = text.parts[i].html;
        assert_memory_equal(html, "<pre>#12 place_order &lt;order.c:142&gt;\n", 41);
        assert_string_equal(html + strlen(html) - 7, "\n</pre>");
    }
    assert_int_equal(rich_utf16_units(text.parts[0].plain), 3500 / 30 * 30);
    arena_fini(&arena);
}

static void test_cut_at_words_and_characters(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct telegram_text text = make(&arena, RICH_PLAIN, repeat(&arena, "words and ", 400));
    assert_int_equal(text.n_parts, 2);
    assert_int_equal(strlen(text.parts[0].plain), 3500);
    text = make(&arena, RICH_BOLD, repeat(&arena, "💰", 1751)); /* 2 units each */
    assert_int_equal(text.n_parts, 2);
    assert_int_equal(strlen(text.parts[0].plain), 1750 * 4);
    assert_string_equal(text.parts[1].html, "<b>💰</b>");
    text = make(&arena, RICH_PLAIN, repeat(&arena, "e\u0301", 2000)); /* an accent stays with its letter */
    assert_string_equal(text.parts[1].plain + strlen(text.parts[1].plain) - 3, "e\u0301");
    assert_int_equal(text.parts[1].plain[0], 'e');
    text = make(&arena, RICH_PLAIN, repeat(&arena, "\u0301", 5000)); /* nothing but accents */
    assert_int_equal(text.n_parts, 2);
    text = make(&arena, RICH_CODE, repeat(&arena, "&", 8000)); /* 5 bytes each */
    assert_int_equal(text.n_parts, 3);
    arena_fini(&arena);
}

static void test_blocks_begin_and_end_lines(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct rich_text rich = {.arena = &arena};
    struct telegram_text text;
    rich_add(&rich, RICH_PLAIN, "Message");
    rich_add(&rich, RICH_PRE, "a\n  b");
    rich_add(&rich, RICH_PLAIN, "next");
    rich_add(&rich, RICH_QUOTE, "q");
    rich_add(&rich, RICH_PLAIN, "\nlast ");
    rich_add_link(&rich, "trace", "http://t/");
    telegram_text_make(&text, &rich, true, &arena);
    assert_string_equal(text.parts[0].html,
                        "Message\n<pre>a\n  b</pre>\nnext\n<blockquote expandable>q</blockquote>"
                        "\nlast <a href=\"http://t/\">trace</a>");
    assert_string_equal(text.parts[0].plain, "Message\na\n  b\nnext\nq\nlast trace (http://t/)");
    assert_string_equal(text.parts[0].plain, rich_print_plain(&rich, &arena));
    arena_fini(&arena);
}

static void test_nothing_to_be_seen(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", " ", "\n\n", "\xe2\x80\x8b", "\xc2\xa0\r\n", "\xe2\xa0\x80", "\xe3\x85\xa4"};
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct telegram_text text = make(&arena, RICH_PRE, texts[i]);
        assert_int_equal(text.n_parts, 1);
        assert_string_equal(text.parts[0].html, "(empty message)");
    }
    struct rich_text rich = {.arena = &arena};
    rich_add(&rich, RICH_PLAIN, "\n \n");
    rich_add(&rich, RICH_BOLD, "🔴 CRASH");
    rich_add(&rich, RICH_PLAIN, " · trader\nrest");
    assert_string_equal(telegram_text_title(&rich, 200, &arena), "🔴 CRASH · trader");
    assert_string_equal(telegram_text_title(&rich, 6, &arena), "🔴 CR…");
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_at_lines),
        cmocka_unit_test(test_cut_at_words_and_characters),
        cmocka_unit_test(test_blocks_begin_and_end_lines),
        cmocka_unit_test(test_nothing_to_be_seen),
        cmocka_unit_test(test_any_text_is_taken),
        cmocka_unit_test(test_markup_shows_what_plain_text_shows),
    };
    return cmocka_run_group_tests_name("telegram_text", tests, NULL, NULL);
}
