/* test_hiredis_format: a command becomes facts as hiredis would read it, in each of its three shapes. */
#include "instrument/hiredis_format.h"
#include "instrument/hiredis_known_format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wire.h>

#include <cmocka.h>

static uint8_t area[4096];
static uint32_t used;
static volatile uint32_t busy;

static struct facts new_facts(uint32_t max_bytes)
{
    used = 0;
    return (struct facts){.base = area, .bytes = &used, .max_bytes = max_bytes, .busy = &busy};
}

static void append(char *out, size_t max, const char *text, size_t bytes)
{
    size_t at = strlen(out);
    snprintf(out + at, max - at, "%.*s", (int)bytes, text);
}

/* The facts in one line: F:format S:string B:bytes I:number D:number N:count, "~" after one that was cut. */
static const char *print_facts_at(const uint8_t *facts, uint32_t bytes)
{
    static char all[4][8192]; /* the last four are compared */
    static unsigned n;
    char *out = all[n++ % 4];
    out[0] = 0;
    for (uint32_t at = 0; at < bytes;) {
        struct wire_fact fact;
        char number[40] = "";
        int64_t integer;
        double real;
        memcpy(&fact, facts + at, sizeof(fact));
        const uint8_t *value = facts + at + sizeof(fact);
        const char *kind = fact.key == WIRE_DB_COMMAND_FORMAT  ? "F"
                           : fact.key == WIRE_DB_COMMAND_COUNT ? "N"
                           : fact.type == WIRE_STRING          ? "S"
                           : fact.type == WIRE_BYTES           ? "B"
                           : fact.type == WIRE_INT             ? "I"
                                                               : "D";
        if (at)
            append(out, sizeof(all[0]), "|", 1);
        append(out, sizeof(all[0]), kind, 1);
        append(out, sizeof(all[0]), ":", 1);
        if (fact.type == WIRE_INT) {
            memcpy(&integer, value, sizeof(integer));
            snprintf(number, sizeof(number), "%lld", (long long)integer);
        } else if (fact.type == WIRE_DOUBLE) {
            memcpy(&real, value, sizeof(real));
            snprintf(number, sizeof(number), "%g", real);
        }
        append(out, sizeof(all[0]), *number ? number : (const char *)value,
               *number ? strlen(number) : fact.bytes);
        if (fact.flags & WIRE_FACT_CUT)
            append(out, sizeof(all[0]), "~", 1);
        at += (uint32_t)sizeof(fact) + ((fact.bytes + 7u) & ~7u);
    }
    return out;
}

static const char *print_facts(void)
{
    return print_facts_at(area, used);
}

/* Into an operation's slot, behind so many bytes. */
static const char *copied_into_slot(uint32_t before, const char *format, va_list arguments)
{
    static struct operation operation;
    memset(&operation, 0, sizeof(operation));
    operation.slot.span.facts.flags = WIRE_SPAN_SAMPLED;
    operation.slot.span.bytes = before;
    hiredis_copy_format_into(&operation, format, arguments);
    return print_facts_at(operation.slot.staged + before, operation.slot.span.bytes - before);
}

/* A literal, whose format is known from its first use on, and a copy of it, which is walked; into a slot, too. */
static const char *copied(const char *format, ...)
{
    va_list arguments;
    char *copy = strdup(format);
    va_start(arguments, format);
    struct facts facts = new_facts(sizeof(area));
    hiredis_copy_format(&facts, copy, arguments);
    const char *walked = print_facts();
    facts = new_facts(sizeof(area));
    hiredis_copy_format(&facts, format, arguments);
    const char *known = print_facts();
    assert_string_equal(known, walked);
    assert_string_equal(copied_into_slot(0, copy, arguments), walked);
    assert_string_equal(copied_into_slot(0, format, arguments), walked);
    va_end(arguments);
    free(copy);
    return known;
}

/* As long as the slot has room for all, less, and hardly any: as if walked. */
static void compare_in_slots(const char *format, ...)
{
    va_list arguments;
    char *copy = strdup(format);
    va_start(arguments, format);
    for (uint32_t before = 0; before <= WIRE_OPERATION_STAGING_BYTES - HIREDIS_LATER_BYTES; before += 8) {
        const char *walked = copied_into_slot(before, copy, arguments);
        assert_string_equal(copied_into_slot(before, format, arguments), walked);
    }
    va_end(arguments);
    free(copy);
}

static void test_copy_format_into_what_room_there_is(void **state)
{
    static char text[600];
    memset(text, 'x', sizeof(text) - 1);
    (void)state;
    compare_in_slots("GET %s", "bench:key");
    compare_in_slots("SET %s %s", "key", text);
    compare_in_slots("SET %s %s %s %s", "four", text + 580, text + 300, "a longer one than sixteen bytes");
    compare_in_slots("MSET %s %d %b %s", "key", 7, "value", (size_t)3, "another key");
    compare_in_slots("%s %s", (char *)NULL, "");
}

static void test_literals_are_known(void **state)
{
    static const char literal[] = "HSET %s %s %d";
    static const char too_long[] = "HSET a:name:that:is:longer:than:forty:bytes %s";
    char *copy = strdup(literal);
    (void)state;
    const struct hiredis_known_format *known = hiredis_known_find(literal);
    assert_non_null(known);
    assert_ptr_equal(hiredis_known_find(literal), known);
    assert_int_equal(known->n_arguments, 3);
    assert_int_equal(known->fact_bytes, 8 + 16);
    assert_null(hiredis_known_find(copy));
    assert_null(hiredis_known_find(too_long));
    assert_null(hiredis_known_find("%s %s %s %s %s %s"));
    assert_null(hiredis_known_find("%p"));
    free(copy);
}

static void test_copy_format_takes_what_hiredis_takes(void **state)
{
    (void)state;
    assert_string_equal(copied("PING"), "F:PING");
    assert_string_equal(copied("GET %s", "key"), "F:GET %s|S:key");
    assert_string_equal(copied("SET %s %b", "k", "v\0w", (size_t)3), "F:SET %s %b|S:k|B:v");
    assert_int_equal(used, 8 + 16 + 8 + 8 + 8 + 8);
    assert_string_equal(copied("SET %b %s", "ab", (size_t)1, "c"), "F:SET %b %s|B:a|S:c");
    assert_string_equal(copied("X %% %s", "a"), "F:X %% %s|S:a");
    assert_string_equal(copied("SET k:%d:%s %f", 7, "x", 1.5), "F:SET k:%d:%s %f|I:7|S:x|D:1.5");
    assert_string_equal(copied("%s%s", "a", "b"), "F:%s%s|S:a|S:b");
    assert_string_equal(copied("ends in %"), "F:ends in %");
    assert_string_equal(copied(""), "F:");
}

static void test_copy_format_numbers(void **state)
{
    (void)state;
    assert_string_equal(copied("%d %i", -1, 2), "F:%d %i|I:-1|I:2");
    assert_string_equal(copied("%u %x", -1, 255), "F:%u %x|I:4294967295|I:255");
    assert_string_equal(copied("%hhd %hhu %hd %hu", 300, 300, 70000, 70000),
                        "F:%hhd %hhu %hd %hu|I:44|I:44|I:4464|I:4464");
    assert_string_equal(copied("%hhd %hd", 200, 40000), "F:%hhd %hd|I:-56|I:-25536");
    assert_string_equal(copied("%ld %lu", -5l, 5ul), "F:%ld %lu|I:-5|I:5");
    assert_string_equal(copied("%lld %llX", -(1ll << 40), 1ll << 40),
                        "F:%lld %llX|I:-1099511627776|I:1099511627776");
    assert_string_equal(copied("%-08.3d|%s", 5, "x"), "F:%-08.3d|%s|I:5|S:x");
    assert_string_equal(copied("%+ #0-5.2f %e %G %a", 1.0, 2.0, 3.0, 4.0),
                        "F:%+ #0-5.2f %e %G %a|D:1|D:2|D:3|D:4");
}

/* hiredis refuses these: the walk ends before an argument of unknown size, and says so. */
static void test_copy_format_unknown_conversion_ends_the_walk(void **state)
{
    (void)state;
    assert_string_equal(copied("%s %p %s", "a", "b", "c"), "F:%s %p %s|S:a|N:-1");
    assert_string_equal(copied("%*d", 1, 2), "F:%*d|N:-1");
    assert_string_equal(copied("%c", 'x'), "F:%c|N:-1");
    assert_string_equal(copied("%lf", 1.0), "F:%lf|N:-1");
    assert_string_equal(copied("%hs", "a"), "F:%hs|N:-1");
    assert_string_equal(copied("%zd", (size_t)1), "F:%zd|N:-1");
    assert_string_equal(copied("%l"), "F:%l|N:-1");
    assert_string_equal(copied("%5"), "F:%5|N:-1");
    assert_string_equal(copied("%-."), "F:%-.|N:-1");
}

/* 13 characters are printed, 14 are not (hiredis copies the conversion into a small array). */
static void test_copy_format_long_conversion(void **state)
{
    (void)state;
    assert_string_equal(copied("%00000000005d %s", 5, "x"), "F:%00000000005d %s|I:5|S:x");
    assert_string_equal(copied("%000000000005d %s", 5, "x"), "F:%000000000005d %s|N:-1");
}

static const char *copied_into(uint32_t max_bytes, const char *format, ...)
{
    va_list arguments;
    struct facts facts = new_facts(max_bytes);
    va_start(arguments, format);
    hiredis_copy_format(&facts, format, arguments);
    va_end(arguments);
    return print_facts();
}

static void test_copy_format_says_what_did_not_fit(void **state)
{
    (void)state;
    /* format 16, each argument 16, and 16 kept for the count */
    assert_string_equal(copied_into(48, "%d %d", 1, 2), "F:%d %d|I:1|N:2");
    assert_string_equal(copied_into(64, "%d %d", 1, 2), "F:%d %d|I:1|I:2");
    assert_string_equal(copied_into(8, "%d %d", 1, 2), "");
}

static void test_copy_words(void **state)
{
    (void)state;
    const char *const words[] = {"SET", "key", "value"};
    const size_t lengths[] = {3, 3, 2};
    struct facts facts = new_facts(sizeof(area));
    hiredis_copy_words(&facts, 3, words, NULL);
    assert_string_equal(print_facts(), "B:SET|B:key|B:value");
    facts = new_facts(sizeof(area));
    hiredis_copy_words(&facts, 3, words, lengths);
    assert_string_equal(print_facts(), "B:SET|B:key|B:va");
    facts = new_facts(48);
    hiredis_copy_words(&facts, 3, words, NULL);
    assert_string_equal(print_facts(), "B:SET|B:key|N:3");
    const char *many[HIREDIS_MAX_ARGUMENTS + 2];
    for (int i = 0; i < HIREDIS_MAX_ARGUMENTS + 2; i++)
        many[i] = "x";
    facts = new_facts(sizeof(area));
    hiredis_copy_words(&facts, HIREDIS_MAX_ARGUMENTS + 2, many, NULL);
    assert_int_equal(used, 16 * (HIREDIS_MAX_ARGUMENTS + 1));
    assert_non_null(strstr(print_facts(), "|N:130"));
}

#define TEXT_OF(text) (text), sizeof(text) - 1

static void test_protocol(void **state)
{
    (void)state;
    struct facts facts = new_facts(sizeof(area));
    hiredis_copy_protocol(&facts, TEXT_OF("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"));
    assert_string_equal(print_facts(), "B:GET|B:k");
    assert_int_equal(hiredis_protocol_length(TEXT_OF("*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n")), 14);
    assert_int_equal(hiredis_protocol_length(TEXT_OF("*1\r\n$0\r\n\r\n")), 10);
    static const char *const broken[] = {
        "",
        "*",
        "*1",
        "*1\r\n",
        "*1\r\n$",
        "*1\r\n$4\r\nPING",
        "PING\r\n",
        "*1\r\n:4\r\n",
        "*1\r\n$4\r\nPIN\r\n",
        "*x\r\n",
        "*-1\r\n",
        "*1\r\n$99999999999\r\nx\r\n",
        "*\r\n\r\n",
        "*9\r\n$1\r\na\r\n",
    };
    for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++)
        assert_int_equal(hiredis_protocol_length(broken[i], strlen(broken[i])), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_literals_are_known), /* first: there is room for few */
        cmocka_unit_test(test_copy_format_into_what_room_there_is),
        cmocka_unit_test(test_copy_format_takes_what_hiredis_takes),
        cmocka_unit_test(test_copy_format_numbers),
        cmocka_unit_test(test_copy_format_unknown_conversion_ends_the_walk),
        cmocka_unit_test(test_copy_format_long_conversion),
        cmocka_unit_test(test_copy_format_says_what_did_not_fit),
        cmocka_unit_test(test_copy_words),
        cmocka_unit_test(test_protocol),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
