/* pieces: bytes of write(2), in any order and cut anywhere, become the lines that were written; what is released when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "signals/lines/pieces.h"
#include <stdio.h>

static struct {
    struct pieces *pieces;
    char told[20000];
    size_t n_told;
    char released[40000]; /* the words of their receipts */
    size_t n_released;
    uint64_t now_ms;
} given;

static void tell(void *context, const struct output_line *line)
{
    (void)context;
    given.n_told += (size_t)snprintf(given.told + given.n_told, sizeof(given.told) - given.n_told, "%u%s",
                                     line->log->piece, line->part ? "+" : ":");
    memcpy(given.told + given.n_told, line->bytes, line->n_bytes);
    given.n_told += line->n_bytes;
    given.told[given.n_told++] = '|';
    given.told[given.n_told] = 0;
}

static void release(void *context, const struct receipt *receipt)
{
    (void)context;
    given.n_released +=
        (size_t)snprintf(given.released + given.n_released, sizeof(given.released) - given.n_released,
                         "%llu ", (unsigned long long)receipt->word);
}

static int set_up(void **state)
{
    (void)state;
    memset(&given, 0, sizeof(given));
    const struct piece_events events = {tell, release, NULL};
    given.pieces = pieces_create(&events);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pieces_destroy(given.pieces);
    return 0;
}

static void add_bytes(uint32_t number, uint8_t stream, const char *bytes, size_t n)
{
    const struct raw_fact fact = {
        .key = WIRE_LOG_BODY, .type = WIRE_STRING, .bytes = bytes, .n_bytes = (uint32_t)n};
    const struct raw_log raw = {
        .log = {.kind = WIRE_LOG_OUTPUT, .stream = stream, .piece = number}, .facts = &fact, .n_facts = 1};
    const struct receipt receipt = {.word = number};
    pieces_add(given.pieces, &raw, &receipt, given.now_ms);
}

static void add(uint32_t number, const char *text)
{
    add_bytes(number, 1, text, strlen(text));
}

static uint32_t look_after(uint32_t ms, bool is_over)
{
    given.now_ms += ms;
    return pieces_look(given.pieces, given.now_ms, is_over);
}

static void expect(const char *told, const char *released)
{
    assert_string_equal(given.told, told);
    assert_string_equal(given.released, released);
    given.told[0] = given.released[0] = 0;
    given.n_told = given.n_released = 0;
}

static void test_lines(void **state)
{
    (void)state;
    add(1, "one\n");
    expect("1:one|", "1 ");
    add(2, "two\n\nthree\r\n");
    expect("2:two|2:three|", "2 ");
    add(3, "");
    expect("", "3 ");
    assert_true(pieces_is_idle(given.pieces));
    assert_int_equal(look_after(0, false), PIECE_NEVER);
}

/* A piece is released once all that begins in it was told; what begins in an open one waits with it. */
static void test_line_over_pieces(void **state)
{
    (void)state;
    add(1, "a\nb");
    expect("", "");
    add(2, "c");
    expect("", "");
    add(3, "d\ne\nf");
    expect("1:a|1:bcd|", "1 2 ");
    assert_false(pieces_is_idle(given.pieces));
    add(4, "g\n");
    expect("3:e|3:fg|", "3 4 ");
    assert_true(pieces_is_idle(given.pieces));
}

static void test_line_without_an_end(void **state)
{
    (void)state;
    add(1, "a\nprompt: ");
    assert_int_equal(look_after(10, false), PIECE_QUIET_MS - 10);
    expect("", "");
    assert_int_equal(look_after(PIECE_QUIET_MS, false), PIECE_NEVER);
    expect("1:a|1:prompt: |", "1 ");
    add(2, "more");
    look_after(1, true);
    expect("2:more|", "2 ");
}

/* Dots that never end do not hold a chunk for ever. */
static void test_line_that_goes_on_and_on(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= 12; i++) {
        add(i, ".");
        look_after(PIECE_QUIET_MS / 2, false);
    }
    expect("1:..........|", "1 2 3 4 5 6 7 8 9 10 ");
}

static void test_order(void **state)
{
    (void)state;
    add(2, "b");
    add(4, "d\n");
    add(3, "c\n");
    expect("", "");
    add(1, "a\n");
    expect("1:a|2:bc|4:d|", "1 2 3 4 ");
    add_bytes(1, 2, "other\n", 6); /* standard error has numbers of its own */
    expect("1:other|", "1 ");
}

/* A piece that was dropped ends the line, and holds nothing up for long. */
static void test_gap(void **state)
{
    (void)state;
    add(1, "a");
    add(3, "c\n");
    add(5, "e\n");
    expect("", "");
    assert_int_equal(look_after(PIECE_GAP_MS - 1, false), 1);
    assert_int_equal(look_after(1, false), PIECE_NEVER);
    expect("1:a|3:c|5:e|", "1 3 5 ");
    add(4, "late\n");
    expect("4:late|", "4 ");
    add(6, "f\n");
    expect("6:f|", "6 ");
}

/* An exporter that comes later, or after one that was killed. */
static void test_first_number_is_another(void **state)
{
    (void)state;
    add(0xffffffffu, "x");
    add(0, "y\n");
    look_after(PIECE_GAP_MS, false);
    expect("4294967295:xy|", "4294967295 0 ");
    add(1, "z\n");
    expect("1:z|", "1 ");
}

static void test_too_many_are_early(void **state)
{
    (void)state;
    for (uint32_t i = 0; i <= PIECES_MAX; i++)
        add(10 + i, i % 1000 ? "" : "x\n");
    assert_true(pieces_is_idle(given.pieces));
    expect("10:x|1010:x|2010:x|3010:x|4010:x|", given.released);
    static char large[8000];
    memset(large, 'x', sizeof(large));
    large[sizeof(large) - 1] = '\n';
    for (uint32_t i = 0; i < PIECES_MAX_BYTES / sizeof(large); i++)
        add_bytes(9000 + i, 1, large, sizeof(large));
    assert_false(pieces_is_idle(given.pieces));
}

static void test_long_line(void **state)
{
    (void)state;
    static char line[LINE_MAX_BYTES + 10];
    memset(line, 'x', sizeof(line));
    memcpy(line + LINE_MAX_BYTES - 1, "\xec\x9b\x90", 3); /* not cut in two */
    add_bytes(1, 1, line, sizeof(line));
    add(2, "end\nnext\n");
    assert_int_equal(given.n_told, 2 + LINE_MAX_BYTES - 1 + 1 + 2 + 11 + 3 + 1 + strlen("2:next|"));
    assert_memory_equal(given.told, "1+xxx", 5);
    assert_string_equal(given.told + LINE_MAX_BYTES + 1, "|1+\xec\x9b\x90xxxxxxxxend|2:next|");
    assert_string_equal(given.released, "1 2 ");
}

#define TRACE_BEGIN "Traceback (most recent call last):\n"

/* Python writes an uncaught exception in pieces, one for a line. */
static void test_traceback_in_pieces(void **state)
{
    (void)state;
    add(1, TRACE_BEGIN);
    add(2, "  File \"/bot.py\", line 3, in <module>\n");
    add(3, "    place()\n");
    add(4, "KeyError: 'x'\n");
    add(5, "\nDuring handling of the above exception, another exception occurred:\n\n" TRACE_BEGIN
           "  File \"y\"\n");
    add(6, "ValueError: y\n");
    expect("", "");
    assert_int_equal(look_after(0, false), PIECE_JOIN_MS);
    add(7, "done\n");
    expect("1:Traceback (most recent call last):\n  File \"/bot.py\", line 3, in <module>\n    "
           "place()\nKeyError: 'x'\n"
           "\nDuring handling of the above exception, another exception occurred:\n\n" TRACE_BEGIN
           "  File \"y\"\nValueError: y|7:done|",
           "1 2 3 4 5 6 7 ");
}

/* An error waits for what belongs to it, other lines take what came with them. */
static void test_lines_that_belong_together(void **state)
{
    (void)state;
    add(1, "ERROR order failed\n");
    expect("", "");
    add(2, "\tat Orders.place(Orders.java:3)\n");
    add(3, "Caused by: java.io.IOException\n");
    look_after(PIECE_JOIN_MS, false);
    expect("1:ERROR order failed\n\tat Orders.place(Orders.java:3)\nCaused by: java.io.IOException|",
           "1 2 3 ");
    add(4, "usage: bot\n  -x  sell\n  -y  buy\n");
    expect("4:usage: bot\n  -x  sell\n  -y  buy|", "4 ");
    add(5, "  a table\n  of lines\n");
    expect("5:  a table|5:  of lines|", "5 ");
    add(6, "ERROR one\nERROR two\nplain\n");
    expect("6:ERROR one|6:ERROR two|6:plain|", "6 ");
    add(7, "ERROR one\n" TRACE_BEGIN "  x\nKeyError\n");
    add(8, TRACE_BEGIN "  x\nValueError\nplain\n");
    add(9, "ERROR two\n");
    add(10, TRACE_BEGIN "  y\nKeyError\nplain\n");
    expect("7:ERROR one\n" TRACE_BEGIN "  x\nKeyError|8:" TRACE_BEGIN
           "  x\nValueError|8:plain|9:ERROR two|10:" TRACE_BEGIN "  y\nKeyError|10:plain|",
           "7 8 9 10 ");
    add(11, "ERROR l\n" TRACE_BEGIN "\n> File \"x\"\n    1/0\n\nZeroDivisionError: y\nplain\n"); /* loguru */
    expect("11:ERROR l\n" TRACE_BEGIN "\n> File \"x\"\n    1/0\n\nZeroDivisionError: y|11:plain|", "11 ");
    add(12, "{\"level\":\"error\"}\n");
    expect("12:{\"level\":\"error\"}|", "12 ");
}

static void test_lines_that_belong_together_are_bounded(void **state)
{
    (void)state;
    add(1, "ERROR endless\n");
    for (uint32_t i = 2; i < 2000 && !given.n_told; i++)
        add(i, "  more of it, again and again and again\n");
    assert_true(given.n_told > PIECE_ENTRY_MAX_BYTES && given.n_told < PIECE_ENTRY_MAX_BYTES + 200);
}

static void test_hostile_stream_and_no_body(void **state)
{
    (void)state;
    const struct raw_log raw = {.log = {.kind = WIRE_LOG_OUTPUT, .stream = 77, .piece = 1}};
    const struct receipt receipt = {.word = 1};
    pieces_add(given.pieces, &raw, &receipt, 0);
    expect("", "1 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_line_over_pieces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_line_without_an_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_line_that_goes_on_and_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_gap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_first_number_is_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_many_are_early, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_traceback_in_pieces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lines_that_belong_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lines_that_belong_together_are_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hostile_stream_and_no_body, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
