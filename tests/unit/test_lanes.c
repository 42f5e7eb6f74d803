/* lanes: what is acknowledged never lies behind a record that still waits, whatever order tickets come back in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/lanes.h"

static struct receipt receipt_of(uint32_t index, uint64_t word)
{
    return (struct receipt){.client = 7, .index = index, .kind = RECEIPT_CHUNK, .word = word};
}

/* What was counted, in the order in which it was. */
static struct measured_range counted[64];
static uint32_t n_counted;

static void count(void *context, const struct measured_range *measured)
{
    assert_ptr_equal(context, counted);
    counted[n_counted++] = *measured;
}

static struct receipt issue(struct lanes *lanes, const struct receipt *placed)
{
    static const struct measured_range nothing;
    return lanes_issue(lanes, placed, LANE_SPANS, &nothing);
}

static bool give_back(struct lanes *lanes, const struct receipt *ticket, struct receipt *ret_receipt)
{
    return lanes_return(lanes, ticket, count, counted, ret_receipt);
}

static void test_a_waiting_record_holds_up_what_is_behind(void **state)
{
    (void)state;
    struct lanes *lanes = lanes_create();
    struct receipt first = receipt_of(3, 100), second = receipt_of(3, 200), third = receipt_of(3, 300), got;
    first = lanes_enter(lanes, &first);
    second = lanes_enter(lanes, &second); /* waits */
    third = lanes_enter(lanes, &third);
    struct receipt ticket_first = issue(lanes, &first), ticket_third = issue(lanes, &third);
    assert_int_equal(ticket_first.kind, RECEIPT_CHUNK | RECEIPT_TICKET);
    assert_true(ticket_third.word > ticket_first.word);
    /* one batch: its receipts are joined, the last word counts */
    assert_true(give_back(lanes, &ticket_third, &got));
    assert_int_equal(got.kind, RECEIPT_CHUNK);
    assert_int_equal(got.index, 3);
    assert_int_equal(got.word, 100);
    struct receipt ticket_second = issue(lanes, &second);
    assert_true(give_back(lanes, &ticket_second, &got));
    assert_int_equal(got.word, 300);
    assert_false(give_back(lanes, &ticket_second, &got));
    lanes_destroy(lanes);
}

static void test_lanes_do_not_know_each_other(void **state)
{
    (void)state;
    struct lanes *lanes = lanes_create();
    struct receipt waits = receipt_of(1, 10), other = receipt_of(2, 20), got;
    lanes_enter(lanes, &waits);
    other = lanes_enter(lanes, &other);
    struct receipt ticket = issue(lanes, &other);
    assert_true(give_back(lanes, &ticket, &got));
    assert_int_equal(got.word, 20);
    struct receipt unknown = {
        .client = 8, .kind = (enum receipt_kind)(RECEIPT_CHUNK | RECEIPT_TICKET), .word = 1};
    assert_false(give_back(lanes, &unknown, &got));
    lanes_destroy(lanes);
}

/* A span, a log, a span, a log, a span of one chunk; each way comes back at its own time. */
static void test_two_ways_and_what_is_counted(void **state)
{
    (void)state;
    struct lanes *lanes = lanes_create();
    struct receipt tickets[5], got = {0};
    n_counted = 0;
    for (uint32_t i = 0; i < 5; i++) {
        struct receipt receipt = receipt_of(0, 10 * (i + 1)), placed = lanes_enter(lanes, &receipt);
        struct measured_range measured = {100 + i, 1 + i};
        tickets[i] = lanes_issue(lanes, &placed, i % 2 ? LANE_LOGS : LANE_SPANS, &measured);
        assert_int_equal(tickets[i].n_measured, 1 + i);
    }
    assert_int_equal(tickets[1].kind, RECEIPT_CHUNK | RECEIPT_TICKET | RECEIPT_LOGS);
    assert_false(give_back(lanes, &tickets[3], &got)); /* both logs: the first span is not back */
    assert_int_equal(n_counted, 0);
    assert_true(give_back(lanes, &tickets[0], &got)); /* now that and the log behind it */
    assert_int_equal(got.word, 20);
    assert_int_equal(got.kind, RECEIPT_CHUNK);
    assert_int_equal(n_counted, 2);
    assert_int_equal(counted[1].first, 101);
    assert_int_equal(counted[1].n, 2);
    assert_true(give_back(lanes, &tickets[4], &got)); /* the last span, and the one before it */
    assert_int_equal(got.word, 50);
    assert_int_equal(n_counted, 5);
    assert_int_equal(counted[4].first, 104);
    lanes_destroy(lanes);
}

/* 20,000 records, each handed on at once or later, tickets given back in batches: at the end all is acknowledged, in order. */
static void test_any_order_ends_acknowledged(void **state)
{
    enum { N = 20000 };
    static struct receipt waiting[N];
    uint32_t n_waiting = 0, random = 1;
    uint64_t acknowledged = 0, oldest;
    struct lanes *lanes = lanes_create();
    struct receipt ticket = {0}, got;
    (void)state;
    for (uint32_t i = 1; i <= N; i++) {
        struct receipt receipt = receipt_of(0, i), placed = lanes_enter(lanes, &receipt);
        random = random * 1103515245 + 12345;
        if (random >> 16 & 1) {
            ticket = issue(lanes, &placed);
        } else {
            waiting[n_waiting++] = placed;
            if (random >> 17 & 1) { /* one of those that wait, any */
                uint32_t k = (random >> 18) % n_waiting;
                ticket = issue(lanes, &waiting[k]);
                waiting[k] = waiting[--n_waiting];
            }
        }
        if (i % 64 == 0 && ticket.word && give_back(lanes, &ticket, &got)) {
            assert_true(got.word > acknowledged);
            acknowledged = got.word;
        }
        oldest = i + 1;
        for (uint32_t k = 0; k < n_waiting && i % 1000 == 0; k++)
            oldest = waiting[k].word + 1 < oldest ? waiting[k].word + 1
                                                  : oldest; /* places count from 0, words from 1 */
        assert_true(acknowledged < oldest);
    }
    while (n_waiting)
        ticket = issue(lanes, &waiting[--n_waiting]);
    assert_true(give_back(lanes, &ticket, &got));
    assert_int_equal(got.word, N);
    lanes_destroy(lanes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_waiting_record_holds_up_what_is_behind),
        cmocka_unit_test(test_lanes_do_not_know_each_other),
        cmocka_unit_test(test_two_ways_and_what_is_counted),
        cmocka_unit_test(test_any_order_ends_acknowledged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
