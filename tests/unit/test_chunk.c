/* chunk: what every pair of words means, and which no honest host writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sources/dropbox/chunk.h"

#define W(sequence, bytes, flags) ((uint64_t)(sequence) << WIRE_SEQ_SHIFT | (flags) | (bytes) / 8)
#define TID (4711ull << WIRE_TID_SHIFT)
#define LAST_SEQ WIRE_SEQ_MASK

static void test_compare(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        uint64_t host, acknowledged, taken;
        enum chunk_news expected;
        uint32_t from, to;
        bool is_new_lease;
    } rows[] = {
        {"never leased", CHUNK_VIRGIN, CHUNK_VIRGIN, CHUNK_VIRGIN, CHUNK_NOTHING, 0, 0, false},
        {"first lease, nothing in it", W(1, 0, WIRE_OWNED) | TID, CHUNK_VIRGIN, CHUNK_VIRGIN, CHUNK_NEW, 0, 0,
         true},
        {"first lease", W(1, 80, WIRE_OWNED) | TID, CHUNK_VIRGIN, CHUNK_VIRGIN, CHUNK_NEW, 0, 80, true},
        {"busy: only what was committed", W(1, 80, WIRE_BUSY) | TID, CHUNK_VIRGIN, W(1, 80, 0), CHUNK_NOTHING,
         0, 0, false},
        {"more of the same lease", W(1, 160, WIRE_OWNED), W(1, 80, 0), W(1, 80, 0), CHUNK_NEW, 80, 160,
         false},
        {"more, nothing acknowledged yet", W(1, 160, 0), CHUNK_VIRGIN, W(1, 80, 0), CHUNK_NEW, 80, 160,
         false},
        {"closed with more", W(1, 160, WIRE_CLOSED), W(1, 80, 0), W(1, 80, 0), CHUNK_NEW, 80, 160, false},
        {"only closed", W(1, 80, WIRE_CLOSED), W(1, 80, 0), W(1, 80, 0), CHUNK_NEW, 80, 80, false},
        {"full to the last byte", W(1, WIRE_CHUNK_BYTES, 0), W(1, 80, 0), W(1, 80, 0), CHUNK_NEW, 80,
         WIRE_CHUNK_BYTES, false},
        {"leased again", W(2, 8, 0), W(1, 80, WIRE_CLOSED), W(1, 80, WIRE_CLOSED), CHUNK_NEW, 0, 8, true},
        {"the number wraps", W(0, 8, 0), W(LAST_SEQ, 80, WIRE_CLOSED), W(LAST_SEQ, 80, WIRE_CLOSED),
         CHUNK_NEW, 0, 8, true},
        {"longer than a chunk", W(1, WIRE_CHUNK_BYTES + 8, 0), W(1, 80, 0), W(1, 80, 0), CHUNK_CORRUPT, 0, 0,
         false},
        {"shorter than before", W(1, 72, 0), W(1, 80, 0), W(1, 80, 0), CHUNK_CORRUPT, 0, 0, false},
        {"reopened", W(1, 80, 0), W(1, 80, WIRE_CLOSED), W(1, 80, WIRE_CLOSED), CHUNK_CORRUPT, 0, 0, false},
        {"goes on after it was closed", W(1, 88, WIRE_CLOSED), W(1, 80, WIRE_CLOSED), W(1, 80, WIRE_CLOSED),
         CHUNK_CORRUPT, 0, 0, false},
        {"leased again while open", W(2, 8, 0), W(1, 80, 0), W(1, 80, 0), CHUNK_CORRUPT, 0, 0, false},
        {"leased again unacknowledged", W(2, 8, 0), W(1, 0, 0), W(1, 80, WIRE_CLOSED), CHUNK_CORRUPT, 0, 0,
         false},
        {"skipped a lease", W(3, 8, 0), W(1, 80, WIRE_CLOSED), W(1, 80, WIRE_CLOSED), CHUNK_CORRUPT, 0, 0,
         false},
        {"went back a lease", W(1, 8, 0), W(2, 80, WIRE_CLOSED), W(2, 80, WIRE_CLOSED), CHUNK_CORRUPT, 0, 0,
         false},
        {"the unused bit", W(1, 88, 1ull << 12), W(1, 80, 0), W(1, 80, 0), CHUNK_CORRUPT, 0, 0, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct chunk_part part = {0};
        enum chunk_news news = chunk_compare(rows[i].host, rows[i].acknowledged, rows[i].taken, &part);
        if (news != rows[i].expected)
            fail_msg("%s: %d, not %d", rows[i].what, news, rows[i].expected);
        if (news == CHUNK_NEW &&
            (part.from != rows[i].from || part.to != rows[i].to || part.is_new_lease != rows[i].is_new_lease))
            fail_msg("%s: [%u, %u) %d", rows[i].what, part.from, part.to, part.is_new_lease);
        if (news == CHUNK_NEW)
            assert_int_equal(part.word, rows[i].host & WIRE_STATE_MASK);
    }
}

static void test_word_at_is_closed_only_at_the_end(void **state)
{
    (void)state;
    struct chunk_part part = {.word = W(5, 240, WIRE_CLOSED), .from = 0, .to = 240};
    assert_int_equal(chunk_word_at(&part, 80), W(5, 80, 0));
    assert_int_equal(chunk_word_at(&part, 240), W(5, 240, WIRE_CLOSED));
    assert_int_equal(chunk_bytes(W(5, 16384, WIRE_CLOSED)), 16384);
    assert_int_equal(chunk_sequence(W(LAST_SEQ, 8, WIRE_CLOSED)), LAST_SEQ);
}

static void test_acknowledge_never_goes_back_or_ahead(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        uint64_t acknowledged, taken, word;
        bool expected;
    } rows[] = {
        {"part of the lease", W(1, 0, 0), W(1, 160, 0), W(1, 80, 0), true},
        {"all of it", W(1, 0, 0), W(1, 160, WIRE_CLOSED), W(1, 160, WIRE_CLOSED), true},
        {"only the closing", W(1, 160, 0), W(1, 160, WIRE_CLOSED), W(1, 160, WIRE_CLOSED), true},
        {"the first of a new lease", W(1, 160, WIRE_CLOSED), W(2, 80, 0), W(2, 80, 0), true},
        {"again", W(1, 80, 0), W(1, 160, 0), W(1, 80, 0), false},
        {"late: more is acknowledged already", W(1, 160, 0), W(1, 160, 0), W(1, 80, 0), false},
        {"late: of an earlier lease", W(2, 8, 0), W(2, 8, 0), W(1, 80, WIRE_CLOSED), false},
        {"more than was handed on", W(1, 0, 0), W(1, 80, 0), W(1, 160, 0), false},
        {"closed, which was not handed on", W(1, 0, 0), W(1, 80, 0), W(1, 80, WIRE_CLOSED), false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (chunk_may_acknowledge(rows[i].acknowledged, rows[i].taken, rows[i].word) != rows[i].expected)
            fail_msg("%s", rows[i].what);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_word_at_is_closed_only_at_the_end),
        cmocka_unit_test(test_acknowledge_never_goes_back_or_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
