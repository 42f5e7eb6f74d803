/* keep: which parts of unsampled traces are kept, when they are over, and what bounds them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "signals/spans/keep.h"

#define MS 1000000ull

struct seen {
    uint32_t n_kept, n_let_go;
    uint64_t last_word;
    char text[64]; /* of the last one's first fact */
};

static void decided(void *context, const struct raw_span *raw, const struct receipt *receipt, bool is_kept)
{
    struct seen *seen = context;
    seen->n_kept += is_kept;
    seen->n_let_go += !is_kept;
    seen->last_word = receipt->word;
    if (raw->n_facts && raw->facts[0].bytes) {
        memcpy(seen->text, raw->facts[0].bytes, raw->facts[0].n_bytes);
        seen->text[raw->facts[0].n_bytes] = 0;
    }
}

static const struct settings both = {.keep_errors = true, .keep_slow_ns = 200 * MS};
static size_t total_bytes;
static struct seen seen;

static struct keep *setup(void)
{
    seen = (struct seen){0};
    total_bytes = 0;
    return keep_create(&total_bytes, decided, &seen);
}

static struct raw_span call_of(uint8_t trace, enum wire_outcome outcome, uint64_t took_ms)
{
    struct raw_span raw = {.outcome = outcome, .end_mono_ns = (1000 + took_ms) * MS};
    raw.span.trace_id[0] = trace;
    raw.span.start_mono_ns = 1000 * MS;
    raw.span.flags = WIRE_SPAN_HAS_PARENT;
    return raw;
}

static struct raw_span root_of(uint8_t trace, uint32_t errors, uint64_t took_ms)
{
    struct raw_span raw = call_of(trace, WIRE_OK, took_ms);
    raw.kind = RAW_ROOT;
    raw.errors = errors;
    raw.span.flags = 0;
    return raw;
}

static void hold(struct keep *keep, struct raw_span raw, uint64_t word, uint64_t now_ms)
{
    struct receipt receipt = {.kind = RECEIPT_CHUNK, .word = word};
    keep_hold(keep, &both, &raw, &receipt, now_ms);
}

static void test_a_clean_part_is_let_go_with_its_root(void **state)
{
    (void)state;
    struct keep *keep = setup();
    hold(keep, call_of(1, WIRE_OK, 1), 10, 0);
    hold(keep, call_of(2, WIRE_OK, 1), 20, 0);
    assert_int_equal(keep_get_counts(keep).held, 2);
    hold(keep, root_of(1, 0, 3), 30, 1);
    assert_int_equal(seen.n_let_go, 2);
    assert_int_equal(seen.n_kept, 0);
    assert_int_equal(keep_get_counts(keep).held, 1);
    keep_destroy(keep); /* what waits is forgotten, not decided */
    assert_int_equal(seen.n_let_go, 2);
    assert_int_equal(total_bytes, 0);
}

static void test_what_makes_a_part_bad(void **state)
{
    static const struct {
        enum wire_outcome outcome;
        enum raw_kind kind;
        uint64_t took_ms;
        const char *sqlstate;
        bool is_bad;
    } cases[] = {
        {WIRE_OK, RAW_SPAN, 200, NULL, false},      {WIRE_OK, RAW_SPAN, 201, NULL, true},
        {WIRE_FAILED, RAW_SPAN, 1, NULL, true},     {WIRE_REFUSED, RAW_SPAN, 1, NULL, true},
        {WIRE_ABANDONED, RAW_SPAN, 1, NULL, false}, {WIRE_OK, RAW_IN_FLIGHT, 1, NULL, true},
        {WIRE_OK, RAW_SPAN, 1, "42P01", true},      {WIRE_OK, RAW_SPAN, 1, "01000", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct keep *keep = setup();
        struct raw_fact fact = {.key = WIRE_DB_RESPONSE_STATUS_CODE, .type = WIRE_STRING, .n_bytes = 5};
        struct raw_span raw = call_of(1, cases[i].outcome, cases[i].took_ms);
        raw.kind = cases[i].kind;
        fact.bytes = cases[i].sqlstate;
        raw.facts = &fact;
        raw.n_facts = cases[i].sqlstate ? 1 : 0;
        hold(keep, call_of(1, WIRE_OK, 1), 1, 0);
        hold(keep, raw, 2, 0);
        if (seen.n_kept != (cases[i].is_bad ? 2u : 0u))
            fail_msg("case %zu: %u kept", i, seen.n_kept);
        hold(keep, call_of(1, WIRE_OK, 1), 3, 0); /* from then on as they come */
        assert_int_equal(seen.n_kept, cases[i].is_bad ? 3 : 0);
        hold(keep, root_of(1, 0, 2), 4, 0);
        assert_int_equal(seen.n_kept + seen.n_let_go, 4);
        assert_int_equal(keep_get_counts(keep).kept, cases[i].is_bad ? 4 : 0);
        keep_destroy(keep);
    }
}

/* A transfer of a multi handle that nobody asked about for long: the span ends where the transfer did. */
static void test_slow_is_the_span_not_the_record(void **state)
{
    static const struct wire_instrumentation row = {.name = "libcurl", .family = WIRE_HTTP};
    (void)state;
    for (uint64_t ms = 1; ms < 1000; ms += 500) {
        struct keep *keep = setup();
        const struct raw_fact fact = {
            .key = WIRE_HTTP_END_US, .type = WIRE_INT, .integer = (int64_t)ms * 1000};
        struct raw_span raw = call_of(1, WIRE_OK, 2000);
        raw.instrumentation = &row;
        raw.facts = &fact;
        raw.n_facts = 1;
        struct receipt receipt = {.kind = RECEIPT_CHUNK, .word = 1};
        keep_hold(keep, &both, &raw, &receipt, 0);
        assert_int_equal(keep_get_counts(keep).kept, ms > 200);
        keep_destroy(keep);
    }
}

static void test_a_root_can_be_the_bad_one(void **state)
{
    (void)state;
    struct keep *keep = setup();
    hold(keep, call_of(1, WIRE_OK, 1), 1, 0);
    hold(keep, root_of(1, 0, 500), 2, 0);
    assert_int_equal(seen.n_kept, 2);
    hold(keep, call_of(2, WIRE_OK, 1), 3, 0);
    hold(keep, root_of(2, 1, 1), 4, 0);
    assert_int_equal(seen.n_kept, 4);
    assert_int_equal(seen.last_word, 4);
    keep_destroy(keep);
}

static void test_a_copy_is_whole(void **state)
{
    (void)state;
    struct keep *keep = setup();
    char text[] = "SELECT 1";
    struct raw_fact fact = {.key = WIRE_DB_QUERY_TEXT, .type = WIRE_STRING, .bytes = text, .n_bytes = 8};
    struct raw_span raw = call_of(1, WIRE_OK, 1);
    raw.facts = &fact;
    raw.n_facts = 1;
    hold(keep, raw, 1, 0);
    memset(text, 'x', sizeof(text));
    memset(&fact, 0, sizeof(fact));
    keep_look(keep, true, 5);
    assert_int_equal(seen.n_let_go, 1);
    assert_string_equal(seen.text, "SELECT 1");
    keep_destroy(keep);
}

static void test_parts_are_over_by_time(void **state)
{
    (void)state;
    struct keep *keep = setup();
    struct raw_span remote = call_of(1, WIRE_OK, 1);
    remote.span.flags |= WIRE_SPAN_REMOTE_PARENT;
    hold(keep, remote, 1, 1000);
    hold(keep, call_of(2, WIRE_OK, 1), 2, 1000);
    keep_look(keep, false, 1999);
    assert_int_equal(keep_get_counts(keep).held, 2);
    keep_look(keep, false, 1000 + KEEP_IDLE_MS + 500);
    assert_int_equal(keep_get_counts(keep).held, 1);
    assert_int_equal(keep_get_counts(keep).dropped, 0);
    keep_look(keep, false, 1000 + KEEP_MAX_AGE_MS);
    assert_int_equal(keep_get_counts(keep).held, 0);
    assert_int_equal(keep_get_counts(keep).dropped, 1);
    assert_int_equal(seen.n_let_go, 2);
    keep_destroy(keep);
}

static void test_too_much_is_let_go_oldest_first(void **state)
{
    (void)state;
    struct keep *keep = setup();
    static char text[2000];
    struct raw_fact fact = {.type = WIRE_STRING, .bytes = text, .n_bytes = sizeof(text)};
    memset(text, 'x', 60);
    fact.n_bytes = 60;
    for (uint32_t i = 0; i < 200000; i++) {
        struct raw_span raw = call_of((uint8_t)i, WIRE_OK, 1);
        memcpy(&raw.span.trace_id[4], &i, sizeof(i));
        raw.facts = &fact;
        raw.n_facts = 1;
        hold(keep, raw, i, 0);
        assert_true(total_bytes <= KEEP_MAX_BYTES);
    }
    struct keep_counts counts = keep_get_counts(keep);
    assert_true(counts.held > 1000 && counts.held <= KEEP_MAX_PARTS);
    assert_int_equal(counts.dropped + counts.held, 200000);
    keep_relieve(keep);
    assert_int_equal(keep_get_counts(keep).held, 0);
    assert_int_equal(seen.n_let_go, 200000);
    assert_int_equal(total_bytes, 0);
    keep_destroy(keep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_clean_part_is_let_go_with_its_root),
        cmocka_unit_test(test_what_makes_a_part_bad),
        cmocka_unit_test(test_slow_is_the_span_not_the_record),
        cmocka_unit_test(test_a_root_can_be_the_bad_one),
        cmocka_unit_test(test_a_copy_is_whole),
        cmocka_unit_test(test_parts_are_over_by_time),
        cmocka_unit_test(test_too_much_is_let_go_oldest_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
