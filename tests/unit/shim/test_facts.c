/* Facts: what is staged, cut on which boundary, and what an unsampled span keeps; text helpers; the connection registry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "connection.h"
#include "facts.h"
#include "text.h"

static volatile uint32_t is_appending;

static void test_string_is_padded_and_readable(void **state)
{
    _Alignas(8) uint8_t memory[256];
    uint32_t bytes = 0;
    struct facts facts = {
        .base = memory, .bytes = &bytes, .max_bytes = sizeof(memory), .busy = &is_appending};
    struct wire_fact fact;
    (void)state;
    facts_text(&facts, WIRE_URL_FULL, "http://h/");
    facts_int(&facts, WIRE_SERVER_PORT, 80);
    assert_int_equal(bytes, 8 + 16 + 8 + 8);
    memcpy(&fact, memory, sizeof(fact));
    assert_int_equal(fact.key, WIRE_URL_FULL);
    assert_int_equal(fact.bytes, 9);
    assert_int_equal(fact.flags, 0);
    assert_memory_equal(memory + 8, "http://h/", 9);
    memcpy(&fact, memory + 24, sizeof(fact));
    assert_int_equal(fact.type, WIRE_INT);
}

static void test_what_does_not_fit_is_cut_and_counted(void **state)
{
    _Alignas(8) uint8_t memory[128];
    uint32_t bytes = 0;
    uint16_t cut = 0;
    struct facts facts = {
        .base = memory, .bytes = &bytes, .max_bytes = sizeof(memory), .busy = &is_appending, .cut = &cut};
    struct wire_fact fact;
    char text[300];
    (void)state;
    memset(text, 'x', sizeof(text));
    facts_string(&facts, WIRE_URL_FULL, text, sizeof(text));
    assert_int_equal(bytes, 128);
    assert_int_equal(cut, 1);
    memcpy(&fact, memory, sizeof(fact));
    assert_int_equal(fact.bytes, 120);
    assert_int_equal(fact.original, 300);
    assert_int_equal(fact.flags, WIRE_FACT_CUT);
    facts_int(&facts, WIRE_SERVER_PORT, 80);
    assert_int_equal(bytes, 128);
    assert_int_equal(cut, 2);
}

/* Facts that were made elsewhere: all of them; of those that do not fit, the ones in front. */
static void test_encoded_facts_are_whole_or_left_out(void **state)
{
    const uint64_t words[] = {
        facts_head(WIRE_SERVER_ADDRESS, WIRE_STRING, 9), 0, 0, facts_head(WIRE_SERVER_PORT, WIRE_INT, 8), 80,
        facts_head(WIRE_HTTP_VERSION, WIRE_INT, 8),      2};
    static const struct {
        uint32_t room, kept, cut;
    } cases[] = {{64, 56, 0}, {56, 56, 0}, {55, 40, 1}, {40, 40, 1},
                 {39, 24, 2}, {24, 24, 2}, {23, 0, 3},  {0, 0, 3}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _Alignas(8) uint8_t memory[80] = {0}, none[80] = {0};
        uint32_t bytes = 8;
        uint16_t cut = 0;
        struct facts facts = {.base = memory,
                              .bytes = &bytes,
                              .max_bytes = 8 + cases[i].room,
                              .busy = &is_appending,
                              .cut = &cut};
        facts_encoded(&facts, words, sizeof(words) / sizeof(words[0]));
        assert_int_equal(bytes, 8 + cases[i].kept);
        assert_int_equal(cut, cases[i].cut);
        assert_memory_equal(memory + 8, words, cases[i].kept);
        assert_memory_equal(memory + bytes, none, sizeof(memory) - bytes);
        assert_int_equal(is_appending, 0);
    }
}

/* Of a body: as much as leaves room for what comes, and nobody counts the rest as lost. */
static void test_a_beginning_leaves_room(void **state)
{
    static const struct {
        uint32_t given, later, kept;
        uint64_t whole;
        bool is_cut;
    } cases[] = {
        {10, 0, 10, 10, false},      {10, 0, 10, 11, true},    {300, 0, 120, 300, true},
        {300, 64, 56, 100000, true}, {300, 120, 0, 300, true}, {300, 4000, 0, 300, true},
        {0, 0, 0, 0, false},
    };
    char body[300];
    (void)state;
    memset(body, 'x', sizeof(body));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _Alignas(8) uint8_t memory[128];
        uint32_t bytes = 0;
        uint16_t cut = 0;
        struct facts facts = {
            .base = memory, .bytes = &bytes, .max_bytes = sizeof(memory), .busy = &is_appending, .cut = &cut};
        const struct facts_part part = {body, cases[i].given, cases[i].whole};
        struct wire_fact fact;
        facts_beginning(&facts, WIRE_HTTP_RESPONSE_BODY, &part, cases[i].later);
        assert_int_equal(cut, 0);
        assert_int_equal(bytes, cases[i].kept ? 8 + (cases[i].kept + 7) / 8 * 8 : 0);
        if (!cases[i].kept)
            continue;
        memcpy(&fact, memory, sizeof(fact));
        assert_int_equal(fact.bytes, cases[i].kept);
        assert_int_equal(fact.type, WIRE_BYTES);
        assert_int_equal(fact.original, cases[i].whole > UINT16_MAX ? UINT16_MAX : cases[i].whole);
        assert_int_equal(fact.flags, cases[i].is_cut ? WIRE_FACT_CUT : 0);
    }
}

static void test_unsampled_keeps_what_metrics_need(void **state)
{
    _Alignas(8) uint8_t memory[128];
    uint32_t bytes = 0;
    struct facts facts = {.base = memory,
                          .bytes = &bytes,
                          .max_bytes = sizeof(memory),
                          .busy = &is_appending,
                          .always_only = true};
    (void)state;
    facts_text(&facts, WIRE_ERROR_MESSAGE, "not so");
    assert_int_equal(bytes, 0);
    facts_text(&facts, WIRE_HTTP_REQUEST_METHOD, "GET");
    assert_int_equal(bytes, 16);
}

static void test_cut_on_utf8_boundary(void **state)
{
    (void)state;
    assert_int_equal(text_cut("abc", 2), 2);
    assert_int_equal(text_cut("ab\xc3\xa9x", 3), 2); /* é is split */
    assert_int_equal(text_cut("ab\xc3\xa9x", 4), 4);
    assert_int_equal(text_cut("\xf0\x9f\x98\x80x", 3), 0);        /* an emoji alone */
    assert_int_equal(text_cut("\x80\x80\x80\x80\x80\x80", 5), 5); /* not UTF-8 */
}

static void test_parse_number(void **state)
{
    static const struct {
        const char *text;
        bool valid;
        uint64_t number;
    } table[] = {
        {"0", true, 0},   {"100", true, 100}, {"9223372036854775807", true, INT64_MAX},
        {"", false, 7},   {"-1", false, 7},   {"9223372036854775808", false, 7},
        {"5s", false, 7}, {"10 ", false, 7},  {"0x10", false, 7},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        uint64_t number = 7;
        assert_int_equal(text_parse_number(table[i].text, &number), table[i].valid);
        assert_int_equal(number, table[i].number);
    }
}

static void test_registry_survives_reuse_and_is_bounded(void **state)
{
    static char handles[CONNECTION_MAX + 1][16];
    (void)state;
    for (unsigned i = 0; i < CONNECTION_MAX; i++)
        assert_non_null(connection_open(handles[i], 1));
    assert_null(connection_open(handles[CONNECTION_MAX], 1));
    for (unsigned i = 0; i < CONNECTION_MAX; i++)
        assert_ptr_equal(connection_find(handles[i])->handle, handles[i]);
    for (unsigned round = 0; round < 20000; round++) { /* a handle per request must not wear the index out */
        connection_close(handles[round % CONNECTION_MAX]);
        assert_null(connection_find(handles[round % CONNECTION_MAX]));
        assert_non_null(connection_open(handles[round % CONNECTION_MAX], 2));
    }
    for (unsigned i = 0; i < CONNECTION_MAX; i++)
        connection_close(handles[i]);
    assert_null(connection_find(handles[0]));
}

static void test_reopened_handle_is_empty(void **state)
{
    int handle = 0;
    (void)state;
    struct connection *connection = connection_open(&handle, 1);
    struct facts facts = connection_facts(connection);
    facts_text(&facts, WIRE_SERVER_ADDRESS, "h");
    connection->state[5] = 1;
    uint32_t number = connection->interned.number;
    connection = connection_open(&handle, 1);
    assert_int_equal(connection->shared.fact_bytes, 0);
    assert_int_equal(connection->state[5], 0);
    assert_int_not_equal(connection->interned.number, number);
    connection_close(&handle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_string_is_padded_and_readable),
        cmocka_unit_test(test_what_does_not_fit_is_cut_and_counted),
        cmocka_unit_test(test_encoded_facts_are_whole_or_left_out),
        cmocka_unit_test(test_a_beginning_leaves_room),
        cmocka_unit_test(test_unsampled_keeps_what_metrics_need),
        cmocka_unit_test(test_cut_on_utf8_boundary),
        cmocka_unit_test(test_parse_number),
        cmocka_unit_test(test_registry_survives_reuse_and_is_bounded),
        cmocka_unit_test(test_reopened_handle_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
