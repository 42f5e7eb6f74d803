/* format: printf's conversions, put together from a format and its arguments as glibc would; formats that do not fit together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "signals/logs/format.h"
#include <errno.h>
#include <stdio.h>

static struct raw_fact arguments[32];
static uint32_t n_arguments;
static char out[600];

static void begin(void)
{
    n_arguments = 0;
    memset(out, 'Z', sizeof(out));
}

static void integer(int64_t value)
{
    arguments[n_arguments++] =
        (struct raw_fact){.key = WIRE_LOG_ARGUMENT, .type = WIRE_INT, .integer = value};
}

static void number(double value)
{
    arguments[n_arguments++] =
        (struct raw_fact){.key = WIRE_LOG_ARGUMENT, .type = WIRE_DOUBLE, .number = value};
}

static void text(const char *value)
{
    arguments[n_arguments++] = (struct raw_fact){
        .key = WIRE_LOG_ARGUMENT, .type = WIRE_STRING, .bytes = value, .n_bytes = (uint32_t)strlen(value)};
}

static const char *assemble(const char *format, size_t max)
{
    /* no NUL behind it */
    size_t n_bytes = strlen(format);
    char *copy = malloc(n_bytes + 1);
    assert_non_null(copy);
    memcpy(copy, format, n_bytes);
    const struct raw_fact fact = {
        .key = WIRE_LOG_FORMAT, .type = WIRE_STRING, .bytes = copy, .n_bytes = (uint32_t)n_bytes};
    size_t n = format_assemble(&fact, arguments, n_arguments, ENOENT, out, max);
    assert_true(n <= max && n < sizeof(out));
    out[n] = 0;
    free(copy);
    return out;
}

/* Every flag, width, precision, length and letter of integers and doubles: as this libc prints it. */
static void test_numbers_are_printfs(void **state)
{
    static const char *const flags[] = {"", "-", "+", " ", "0", "#", "-#", "+0", "'"};
    static const char *const widths[] = {"", "1", "12", ".0", ".5", "9.3", "12."};
    static const char *const lengths[] = {"", "hh", "h", "l", "ll", "j", "z", "t"};
    static const int64_t values[] = {0, 1, -1, 42, -70000, INT64_MAX, INT64_MIN};
    static const double doubles[] = {0, -0.0, 1.5, -123456.789, 1e300, 1e-300};
    (void)state;
    char format[40], expected[600];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    for (size_t f = 0; f < 9; f++)
        for (size_t w = 0; w < 7; w++) {
            for (size_t l = 0; l < 8; l++)
                for (size_t v = 0; v < 7; v++)
                    for (const char *c = "diouxX"; *c; c++) {
                        snprintf(format, sizeof(format), "<%%%s%s%s%c>", flags[f], widths[w], lengths[l], *c);
                        begin();
                        bool is_long = l >= 3;
                        integer(is_long ? values[v] : (int32_t)values[v]);
                        if (is_long)
                            snprintf(expected, sizeof(expected), format, values[v]);
                        else
                            snprintf(expected, sizeof(expected), format, (int)values[v]);
                        assert_string_equal(assemble(format, 500), expected);
                    }
            for (size_t v = 0; v < 6; v++)
                for (const char *c = "eEfFgGaA"; *c; c++) {
                    snprintf(format, sizeof(format), "%%%s%s%c", flags[f], widths[w], *c);
                    begin();
                    number(doubles[v]);
                    snprintf(expected, sizeof(expected), format, doubles[v]);
                    assert_string_equal(assemble(format, 500), expected);
                }
        }
#pragma GCC diagnostic pop
}

static void test_texts_characters_and_stars(void **state)
{
    (void)state;
    begin();
    text("order");
    text("KRW-BTC");
    integer(-8);
    text("ab");
    integer(6);
    integer(3);
    text("abc"); /* the library copied as many as the precision lets through */
    assert_string_equal(assemble("%s %10s|%*s|%*.*s|%%|", 500), "order    KRW-BTC|ab      |   abc|%|");
    begin();
    integer('x');
    integer(0xd55c);
    text("\xed\x95\x9c");
    integer('y');
    assert_string_equal(assemble("%c%lc%ls%-3c|", 500), "x\xed\x95\x9c\xed\x95\x9cy  |");
    begin();
    integer(0x1f600);
    integer(0);
    integer(0xabc);
    integer(0);
    assert_string_equal(assemble("%C %p %8p%n.", 500), "\xf0\x9f\x98\x80 (nil)    0xabc.");
    begin();
    integer(-1);
    text("whole");
    assert_string_equal(assemble("%.*s", 500), "whole"); /* a negative precision is none */
}

static void test_errno(void **state)
{
    (void)state;
    begin();
    integer(7);
    assert_string_equal(assemble("%m: %d; %#m %.3m", 500), "No such file or directory: 7; ENOENT No ");
}

static void test_what_does_not_fit_stands_as_it_is(void **state)
{
    (void)state;
    begin();
    assert_string_equal(assemble("100% of %s", 500), "100% of %s"); /* "% o", without its argument */
    text("x");
    assert_string_equal(assemble("%d %s", 500), "%d %s");
    assert_string_equal(assemble("%s and %s", 500), "x and %s");
    assert_string_equal(assemble("%s %", 500), "x %");
    assert_string_equal(assemble("%s %1$s", 500), "x %1$s");
    assert_string_equal(assemble("%*s", 500), "%*s");
    assert_string_equal(assemble("%s %y", 500), "x %y");
    begin();
    number(1);
    assert_string_equal(assemble("%d", 500), "%d");
}

static void test_bounds(void **state)
{
    (void)state;
    begin();
    integer(1);
    assert_string_equal(assemble("%2000000000d.", 20), "                 ...");
    begin();
    text("x");
    assert_string_equal(assemble("%99999999999999999999s", 10), "       ...");
    begin();
    integer(INT32_MIN);
    text("x");
    assert_int_equal(strlen(assemble("%*s", 500)), 500);
    begin();
    text("beginning");
    arguments[0].is_cut = true;
    assert_string_equal(assemble("<%s>", 500), "<beginning...>");
    assert_string_equal(assemble("<%.9s>", 500), "<beginning>");
    arguments[0].key = WIRE_CUSTOM; /* no argument */
    assert_string_equal(assemble("<%s>", 500), "<%s>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_printfs),
        cmocka_unit_test(test_texts_characters_and_stars),
        cmocka_unit_test(test_errno),
        cmocka_unit_test(test_what_does_not_fit_stands_as_it_is),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
