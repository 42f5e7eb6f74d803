/* printf's formats: which arguments are copied, as what, and where the walk ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <wchar.h>

#include <cmocka.h>

#include "printf_format.h"

static uint8_t room[8192];
static char shown[4096];
static bool has_error;

/* As one line: the format, then the arguments. */
static void show(uint32_t bytes)
{
    size_t n = 0;
    for (uint32_t at = 0; at < bytes;) {
        const struct wire_fact *fact = (const void *)(room + at);
        const void *value = fact + 1;
        int64_t number;
        double real;
        memcpy(&number, value, 8);
        memcpy(&real, value, 8);
        if (fact->key == WIRE_LOG_FORMAT)
            n += (size_t)snprintf(shown + n, sizeof shown - n, "%.*s", fact->bytes, (const char *)value);
        else if (fact->type == WIRE_INT)
            n += (size_t)snprintf(shown + n, sizeof shown - n, "|%jd", (intmax_t)number);
        else if (fact->type == WIRE_DOUBLE)
            n += (size_t)snprintf(shown + n, sizeof shown - n, "|%g", real);
        else
            n += (size_t)snprintf(shown + n, sizeof shown - n, "|\"%.*s\"", fact->bytes, (const char *)value);
        at += (uint32_t)sizeof(*fact) + ((fact->bytes + 7u) & ~7u);
    }
}

static const char *copy(const char *format, ...)
{
    va_list arguments;
    volatile uint32_t bytes = 0, busy;
    struct facts facts = {.base = room, .bytes = &bytes, .max_bytes = sizeof room, .busy = &busy};
    va_start(arguments, format);
    has_error = printf_copy(&facts, format, arguments);
    va_end(arguments);
    show(bytes);
    return shown;
}

static void test_texts_and_numbers(void **state)
{
    (void)state;
    assert_string_equal(copy("plain"), "plain");
    assert_string_equal(copy("%s bought %d at %.2f", "bot", 3, 1.25), "%s bought %d at %.2f|\"bot\"|3|1.25");
    assert_string_equal(copy("%d%%%u", -1, 4000000000u), "%d%%%u|-1|4000000000");
    assert_string_equal(copy("%hhd %hhu %hd %hu", 511, 511, 65535, 65535),
                        "%hhd %hhu %hd %hu|-1|255|-1|65535");
    assert_string_equal(copy("%ld %llu %zd %jd %td", -5L, 6ull, (size_t)7, (intmax_t)8, (ptrdiff_t)9),
                        "%ld %llu %zd %jd %td|-5|6|7|8|9");
    assert_string_equal(copy("%x %#o %X", -1, 8u, 255u), "%x %#o %X|4294967295|8|255");
    assert_string_equal(copy("%c %p", 'a', (void *)16), "%c %p|97|16");
    assert_string_equal(copy("%e %G %a %Lf", 1.5, 2.5, 0.5, 3.5L), "%e %G %a %Lf|1.5|2.5|0.5|3.5");
    assert_string_equal(copy("%+-0 #'8d|%s", 5, "x"), "%+-0 #'8d|%s|5|\"x\"");
}

static void test_stars_are_arguments(void **state)
{
    (void)state;
    assert_string_equal(copy("%*d %.*f %-*.*s.", 5, 42, 2, 1.5, 6, 2, "abc"),
                        "%*d %.*f %-*.*s.|5|42|2|1.5|6|2|\"ab\"");
    assert_string_equal(copy("%.*s", -1, "whole"), "%.*s|-1|\"whole\"");
}

/* What printf may not read is not read: a text without an end, just before a page that is not there. */
static void test_a_precision_bounds_what_is_read(void **state)
{
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *at = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(at, MAP_FAILED);
    assert_int_equal(munmap(at + page, page), 0);
    memcpy(at + page - 4, "abcd", 4);
    assert_string_equal(copy("%.4s|%.3s", at + page - 4, at + page - 3), "%.4s|%.3s|\"abcd\"|\"bcd\"");
    assert_string_equal(copy("%.*s", 4, at + page - 4), "%.*s|4|\"abcd\"");
    munmap(at, page);
}

static void test_odd_ones(void **state)
{
    (void)state;
    int n = 7;
    const char *none = NULL;
    assert_string_equal(copy("%s", none), "%s|\"(null)\"");
    assert_string_equal(copy("%ls %S", L"\xac00\x10348z", L"\u20ac"),
                        "%ls %S|\"\xea\xb0\x80\xf0\x90\x8d\x88z\"|\"\xe2\x82\xac\"");
    assert_string_equal(copy("%.4ls", L"\xac00\xac00"), "%.4ls|\"\xea\xb0\x80\"");
    assert_false(has_error);
    assert_string_equal(copy("%m: %s", "file"), "%m: %s|\"file\"");
    assert_true(has_error);
    assert_string_equal(copy("a%n %d", &n, 3), "a%n %d|0|3");
    assert_int_equal(n, 7);
}

static void test_what_is_not_known_ends_the_walk(void **state)
{
    (void)state;
    assert_string_equal(copy("%d %2$s %1$s", 1, "a", "b"), "%d %2$s %1$s|1");
    assert_string_equal(copy("%d %y %d", 1, 2, 3), "%d %y %d|1");
    assert_string_equal(copy("%d %", 1), "%d %|1");
    assert_string_equal(copy("%d %5.3l", 1), "%d %5.3l|1");
    char many[256 * 2 + 1];
    for (size_t i = 0; i < 256; i++)
        memcpy(many + 2 * i, "%d", 3);
    (void)copy(many, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,
               25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48,
               49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64);
    assert_non_null(strstr(shown, "|63|64"));
}

static void test_a_long_text_is_cut_at_a_character(void **state)
{
    (void)state;
    static char text[70000];
    memset(text, 'x', sizeof text - 1);
    memcpy(text + WIRE_STRING_MAX - 1, "\xed\x95\x9c", 3);
    (void)copy("%s", text);
    const struct wire_fact *fact = (const void *)(room + 16);
    assert_int_equal(fact->key, WIRE_LOG_ARGUMENT);
    assert_int_equal(fact->bytes, WIRE_STRING_MAX - 1);
    assert_int_equal(fact->flags, WIRE_FACT_CUT);
    assert_int_equal(fact->original, UINT16_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_and_numbers),
        cmocka_unit_test(test_stars_are_arguments),
        cmocka_unit_test(test_a_precision_bounds_what_is_read),
        cmocka_unit_test(test_odd_ones),
        cmocka_unit_test(test_what_is_not_known_ends_the_walk),
        cmocka_unit_test(test_a_long_text_is_cut_at_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
