/* test_hiredis_effect_format: commands that change how those behind them are read, in each of a command's three shapes. */
#include "instrument/hiredis_effect_format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TEXT_OF(text) (text), sizeof(text) - 1

static int64_t selected(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    struct hiredis_effect effect = hiredis_effect_of_format(format, arguments);
    va_end(arguments);
    return effect.database;
}

static void test_select_of_format(void **state)
{
    (void)state;
    assert_int_equal(selected("SELECT 3"), 3);
    assert_int_equal(selected("  select   15  "), 15);
    assert_int_equal(selected("SELECT %d", 7), 7);
    assert_int_equal(selected("SELECT %lld", 7ll), 7);
    assert_int_equal(selected("SELECT %s", "9"), 9);
    assert_int_equal(selected("SELECT %b", "91", (size_t)1), 9);
    assert_int_equal(selected("%s %s", "Select", "4"), 4);
    assert_int_equal(selected("%b %d", "SELECTED", (size_t)6, 4), 4);
    assert_int_equal(selected("SELECT"), HIREDIS_NO_DATABASE);
    assert_int_equal(selected("SELECT %d", -1), HIREDIS_NO_DATABASE);
    assert_int_equal(selected("SELECT 1 2"), HIREDIS_NO_DATABASE);
    assert_int_equal(selected("SELECT x"), HIREDIS_NO_DATABASE);
    assert_int_equal(selected("SELECTED 1"), HIREDIS_NO_DATABASE);
    assert_int_equal(selected("SET 1"), HIREDIS_NO_DATABASE);
    assert_int_equal(selected("GET %s", "SELECT"), HIREDIS_NO_DATABASE);
    assert_int_equal(selected("SELECT %s", ""), HIREDIS_NO_DATABASE);
    assert_int_equal(selected("SELECT 1%s", "2"), HIREDIS_NO_DATABASE);
    assert_int_equal(selected("%"), HIREDIS_NO_DATABASE);
    assert_int_equal(selected(""), HIREDIS_NO_DATABASE);
}

static void test_select_of_words_and_protocol(void **state)
{
    (void)state;
    const char *const words[] = {"select", "12"};
    const size_t lengths[] = {6, 1};
    assert_int_equal(hiredis_effect_of_words(2, words, NULL).database, 12);
    assert_int_equal(hiredis_effect_of_words(2, words, lengths).database, 1);
    assert_int_equal(hiredis_effect_of_words(1, words, NULL).database, HIREDIS_NO_DATABASE);
    assert_int_equal(hiredis_effect_of_protocol(TEXT_OF("*2\r\n$6\r\nSELECT\r\n$1\r\n5\r\n")).database, 5);
    assert_int_equal(hiredis_effect_of_protocol(TEXT_OF("*2\r\n$6\r\nSELEKT\r\n$1\r\n5\r\n")).database,
                     HIREDIS_NO_DATABASE);
    assert_int_equal(hiredis_effect_of_protocol("", 0).database, HIREDIS_NO_DATABASE);
}

static enum hiredis_verb verb_of(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    struct hiredis_effect effect = hiredis_effect_of_format(format, arguments);
    va_end(arguments);
    return effect.verb;
}

static void test_verbs(void **state)
{
    (void)state;
    const char *const subscribe[] = {"SUBSCRIBE",   "psubscribe",   "SSubscribe",
                                     "UNSUBSCRIBE", "PUNSUBSCRIBE", "sunsubscribe"};
    for (size_t i = 0; i < sizeof(subscribe) / sizeof(subscribe[0]); i++) {
        assert_int_equal(verb_of(subscribe[i]), HIREDIS_SUBSCRIBE);
        assert_int_equal(verb_of("%s %s", subscribe[i], "channel"), HIREDIS_SUBSCRIBE);
        assert_int_equal(hiredis_effect_of_words(1, &subscribe[i], NULL).verb, HIREDIS_SUBSCRIBE);
    }
    assert_int_equal(verb_of("MULTI"), HIREDIS_MULTI);
    assert_int_equal(verb_of(" exec"), HIREDIS_EXEC);
    assert_int_equal(verb_of("DISCARD"), HIREDIS_DISCARD);
    assert_int_equal(verb_of("RESET"), HIREDIS_RESET);
    assert_int_equal(verb_of("monitor"), HIREDIS_MONITOR);
    assert_int_equal(verb_of("SELECT 1"), HIREDIS_SELECT);
    assert_int_equal(verb_of("SELECT one"), HIREDIS_PLAIN); /* Redis refuses it */
    const char *const plain[] = {"",      "E",       "EX",         "SET",           "SETEX k 1 v", "EXECUTE",
                                 "EXEC%", "MULTI%d", "SUBSCRIBED", "SUNSUBSCRIBER", "RESTORE k",   "PSYNC"};
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        assert_int_equal(verb_of(plain[i], 1), HIREDIS_PLAIN);
    assert_int_equal(hiredis_effect_of_protocol(TEXT_OF("*1\r\n$4\r\nEXEC\r\n")).verb, HIREDIS_EXEC);
    assert_int_equal(hiredis_effect_of_protocol(TEXT_OF("*1\r\n$4\r\nEXE")).verb, HIREDIS_PLAIN);
    assert_int_equal(hiredis_effect_of_words(0, plain, NULL).verb, HIREDIS_PLAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_select_of_format),
        cmocka_unit_test(test_select_of_words_and_protocol),
        cmocka_unit_test(test_verbs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
