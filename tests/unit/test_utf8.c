/* utf8: what is valid, and what a repair makes of the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"

static const struct {
    const char *in;
    size_t n_valid;
    const char *out;
} texts[] = {
    {"", 0, ""},
    {"plain ascii, longer than a word", 31, "plain ascii, longer than a word"},
    {"h\xc3\xa9llo \xec\x95\x88\xeb\x85\x95 \xf0\x9f\x98\x80", 18,
     "h\xc3\xa9llo \xec\x95\x88\xeb\x85\x95 \xf0\x9f\x98\x80"},
    {"a\xff"
     "b",
     1,
     "a\xef\xbf\xbd"
     "b"},
    {"\x80\x80", 0, "\xef\xbf\xbd\xef\xbf\xbd"},
    {"\xc0\xaf", 0, "\xef\xbf\xbd\xef\xbf\xbd"},                                 /* overlong */
    {"\xed\xa0\x80", 0, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},                 /* surrogate */
    {"\xf4\x90\x80\x80", 0, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* above U+10FFFF */
    {"12345678\xe2\x82", 8, "12345678\xef\xbf\xbd"}, /* cut: one piece, one replacement */
    {"\xf0\x9f\x98"
     "x",
     0,
     "\xef\xbf\xbd"
     "x"},
    {"\xf4\x8f\xbf\xbf\xee\x80\x80", 7, "\xf4\x8f\xbf\xbf\xee\x80\x80"},
};

static void test_utf8_repair(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        size_t n = strlen(texts[i].in), n_out = strlen(texts[i].out);
        char out[64];
        assert_int_equal(utf8_valid_bytes(texts[i].in, n), texts[i].n_valid);
        assert_int_equal(utf8_repaired_bytes(texts[i].in, n), n_out);
        utf8_repair(out, texts[i].in, n);
        assert_memory_equal(out, texts[i].out, n_out);
        assert_int_equal(utf8_valid_bytes(out, n_out), n_out);
    }
}

static void test_utf8_bytes_of(void **state)
{
    (void)state;
    const char *text = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z"; /* 1 2 3 4 1 */
    const size_t expected[] = {0, 1, 3, 6, 10, 11, 11};
    for (size_t n = 0; n < sizeof(expected) / sizeof(expected[0]); n++)
        assert_int_equal(utf8_bytes_of(text, strlen(text), n), expected[n]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8_repair),
        cmocka_unit_test(test_utf8_bytes_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
