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

static void test_a_waiting_record_holds_up_what_is_behind(void **state)
{
    (void)state;
    struct lanes *lanes = lanes_create();
    struct receipt first = receipt_of(3, 100), second = receipt_of(3, 200), third = receipt_of(3, 300), got;
    first = lanes_enter(lanes, &first);
    second = lanes_enter(lanes, &second); /* waits */
    third = lanes_enter(lanes, &third);
    struct receipt ticket_first = lanes_issue(lanes, &first), ticket_third = lanes_issue(lanes, &third);
    assert_int_equal(ticket_first.kind, RECEIPT_CHUNK | RECEIPT_TICKET);
    assert_true(ticket_third.word > ticket_first.word);
    /* one batch: its receipts are joined, the last word counts */
    assert_true(lanes_return(lanes, &ticket_third, &got));
    assert_int_equal(got.kind, RECEIPT_CHUNK);
    assert_int_equal(got.index, 3);
    assert_int_equal(got.word, 100);
    struct receipt ticket_second = lanes_issue(lanes, &second);
    assert_true(lanes_return(lanes, &ticket_second, &got));
    assert_int_equal(got.word, 300);
    assert_false(lanes_return(lanes, &ticket_second, &got));
    lanes_destroy(lanes);
}

static void test_lanes_do_not_know_each_other(void **state)
{
    (void)state;
    struct lanes *lanes = lanes_create();
    struct receipt waits = receipt_of(1, 10), other = receipt_of(2, 20), got;
    lanes_enter(lanes, &waits);
    other = lanes_enter(lanes, &other);
    struct receipt ticket = lanes_issue(lanes, &other);
    assert_true(lanes_return(lanes, &ticket, &got));
    assert_int_equal(got.word, 20);
    struct receipt unknown = {
        .client = 8, .kind = (enum receipt_kind)(RECEIPT_CHUNK | RECEIPT_TICKET), .word = 1};
    assert_false(lanes_return(lanes, &unknown, &got));
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
            ticket = lanes_issue(lanes, &placed);
        } else {
            waiting[n_waiting++] = placed;
            if (random >> 17 & 1) { /* one of those that wait, any */
                uint32_t k = (random >> 18) % n_waiting;
                ticket = lanes_issue(lanes, &waiting[k]);
                waiting[k] = waiting[--n_waiting];
            }
        }
        if (i % 64 == 0 && ticket.word && lanes_return(lanes, &ticket, &got)) {
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
        ticket = lanes_issue(lanes, &waiting[--n_waiting]);
    assert_true(lanes_return(lanes, &ticket, &got));
    assert_int_equal(got.word, N);
    lanes_destroy(lanes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_waiting_record_holds_up_what_is_behind),
        cmocka_unit_test(test_lanes_do_not_know_each_other),
        cmocka_unit_test(test_any_order_ends_acknowledged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
