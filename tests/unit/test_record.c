/* record: records and facts, right ones and wrong ones; header area; the clock offset that held. */
#include "recording.h"

#include "sources/dropbox/header.h"
#include "sources/dropbox/offset.h"
#include "sources/dropbox/record.h"
#include <errno.h>

static void test_span_with_every_type_of_fact(void **state)
{
    struct fixture *f = *state;
    uint32_t n = fake_put_span(f->bytes, 1, 0);
    double number = 1.5;
    n += fake_put_int(f->bytes + n, FAKE_STATUS, -404);
    n += fake_put_fact(f->bytes + n, 28, WIRE_DOUBLE, &number, 8);
    struct wire_fact cut = {.key = 28, .type = WIRE_BYTES, .flags = WIRE_FACT_CUT, .bytes = 3, .original = 9};
    memcpy(f->bytes + n, &cut, sizeof(cut));
    memcpy(f->bytes + n + 8, "a\0b", 3);
    n += 16;
    n += fake_put_fact(f->bytes + n, 7, 99, "future", 6); /* a type from the future is skipped */
    n += fake_put_text(f->bytes + n, 60000, "");          /* a key from the future is not */
    set_bytes(f, n);
    assert_int_equal(decode(f, n), RECORD_SPAN);
    assert_int_equal(f->record.bytes, n);
    assert_int_equal(f->record.raw.kind, RAW_SPAN);
    assert_ptr_equal(f->record.raw.instrumentation, &rows[0]);
    assert_int_equal(f->record.raw.n_facts, 5);
    assert_int_equal(raw_span_find(&f->record.raw, (enum wire_attribute)FAKE_STATUS)->integer, -404);
    assert_true(f->record.raw.facts[2].number == 1.5);
    assert_true(f->record.raw.facts[3].is_cut);
    assert_memory_equal(f->record.raw.facts[3].bytes, "a\0b", 3);
    assert_int_equal(f->record.raw.facts[4].n_bytes, 0);
    assert_null(raw_span_find(&f->record.raw, (enum wire_attribute)7));
}

static void test_lengths_that_break_the_walk(void **state)
{
    struct fixture *f = *state;
    static const uint32_t lengths[] = {0, 1, 4, 7, 12, 100, 0xffffffff, 0x80000000, 0xfffffff8};
    uint32_t n = fake_put_span(f->bytes, 1, 0);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        set_bytes(f, lengths[i] == 100 ? n + 8 : lengths[i]);
        assert_int_equal(decode(f, n), RECORD_BROKEN);
    }
    set_bytes(f, n);
    assert_int_equal(decode(f, 7), RECORD_BROKEN);
    assert_int_equal(decode(f, n - 8), RECORD_BROKEN);
    assert_int_equal(decode(f, n), RECORD_SPAN);
}

static void test_wrong_records_lose_only_themselves(void **state)
{
    struct fixture *f = *state;
    struct wire_span span;
    uint32_t n = fake_put_span(f->bytes, 1, 0);
    memcpy(&span, f->bytes, sizeof(span));
    struct wire_span good = span;
#define WRONG(change)                                         \
    do {                                                      \
        span = good;                                          \
        change;                                               \
        memcpy(f->bytes, &span, sizeof(span));                \
        assert_int_equal(decode(f, n), RECORD_INVALID);       \
        assert_int_equal(f->record.bytes, span.record.bytes); \
    } while (0)
    WRONG(span.facts.instrumentation = 2);
    WRONG(span.facts.start_mono_ns = 0);
    WRONG(span.end_mono_ns = span.facts.start_mono_ns - 1);
    WRONG(memset(span.facts.trace_id, 0, 16));
    WRONG(memset(span.facts.span_id, 0, 8));
    WRONG(span.record.bytes = 72);
#undef WRONG
    memcpy(f->bytes, &good, sizeof(good));
    struct wire_fact fact = {.key = 3, .type = WIRE_INT, .bytes = 4}; /* an INT of 4 bytes */
    memcpy(f->bytes + sizeof(good), &fact, sizeof(fact));
    assert_int_equal(decode(f, n), RECORD_INVALID);
    fact = (struct wire_fact){.key = 3, .type = WIRE_STRING, .bytes = 65535};
    memcpy(f->bytes + sizeof(good), &fact, sizeof(fact));
    assert_int_equal(decode(f, n), RECORD_INVALID);
}

static void test_unknown_kind_is_skipped(void **state)
{
    struct fixture *f = *state;
    struct wire_record record = {.bytes = 64, .kind = 77};
    memcpy(f->bytes, &record, sizeof(record));
    assert_int_equal(decode(f, 128), RECORD_NOTHING);
    assert_int_equal(f->record.bytes, 64);
}

static void test_shared_facts_come_first_and_are_replaced(void **state)
{
    struct fixture *f = *state;
    uint32_t n = fake_put_facts(f->bytes, 5, "one", 1);
    assert_int_equal(decode(f, n), RECORD_NOTHING);
    n = fake_put_facts(f->bytes, 13, "thirteen", 13); /* the same bucket */
    assert_int_equal(decode(f, n), RECORD_NOTHING);
    n = fake_put_facts(f->bytes, 5, "two", 2);
    assert_int_equal(decode(f, n), RECORD_NOTHING);
    memset(f->bytes, 0, sizeof(f->bytes)); /* they have a copy of their own */
    n = fake_put_span(f->bytes, 1, 5);
    ((struct wire_span *)(void *)f->bytes)->statement = 13;
    assert_int_equal(decode(f, n), RECORD_SPAN);
    assert_int_equal(f->record.raw.n_facts, 5);
    assert_memory_equal(f->record.raw.facts[0].bytes, "two", 3);
    assert_int_equal(f->record.raw.facts[1].integer, 2);
    assert_memory_equal(f->record.raw.facts[2].bytes, "thirteen", 8);
    assert_int_equal(f->record.raw.facts[4].key, FAKE_QUERY);
    n = fake_put_span(f->bytes, 1, 4711); /* never seen: the span goes without */
    assert_int_equal(decode(f, n), RECORD_SPAN);
    assert_int_equal(f->record.raw.n_facts, 1);
}

static void test_shared_facts_are_bounded(void **state)
{
    struct fixture *f = *state;
    uint32_t n = 0, number = 1;
    f->context.max_memory_bytes = 4096;
    enum record_result result = RECORD_NOTHING;
    while (result == RECORD_NOTHING && number < 1000) {
        n = fake_put_facts(f->bytes, number++, "db.example", 1);
        result = decode(f, n);
    }
    assert_int_equal(result, RECORD_INVALID);
    assert_true(f->memory.bytes <= 4096);
}

static void test_facts_beyond_the_room_are_left_out(void **state)
{
    struct fixture *f = *state;
    uint32_t n = fake_put_span(f->bytes, 1, 0);
    for (int i = 0; i < 400; i++)
        n += fake_put_int(f->bytes + n, FAKE_STATUS, i);
    set_bytes(f, n);
    assert_int_equal(decode(f, n), RECORD_SPAN);
    assert_int_equal(f->record.raw.n_facts, RAW_MAX_FACTS);
}

static void test_root(void **state)
{
    struct fixture *f = *state;
    uint32_t n = fake_put_root(f->bytes, 9, 4);
    memset(((struct wire_root *)(void *)f->bytes)->thread_name, 'x', 16); /* not terminated */
    assert_int_equal(decode(f, n), RECORD_ROOT);
    assert_int_equal(f->record.raw.kind, RAW_ROOT);
    assert_int_equal(f->record.slot, 4);
    assert_int_equal(f->record.raw.calls, 3);
    assert_int_equal(f->record.raw.errors, 1);
    assert_null(f->record.raw.instrumentation);
    assert_string_equal(f->record.raw.thread_name, "xxxxxxxxxxxxxxxx");
}

static void test_open_span_keeps_what_is_right(void **state)
{
    struct fixture *f = *state;
    struct wire_open_span open = {0};
    fake_open(&open, f->bytes, 3);
    assert_true(record_decode_open(&f->context, &open, f->bytes, open.bytes, &f->record.raw));
    assert_int_equal(f->record.raw.kind, RAW_IN_FLIGHT);
    assert_int_equal(f->record.raw.n_facts, 3);
    open.n_shared = 2; /* where the second block should be, there are plain facts */
    assert_true(record_decode_open(&f->context, &open, f->bytes, open.bytes, &f->record.raw));
    assert_int_equal(f->record.raw.n_facts, 2);
    open.n_shared = 1; /* cut in the middle of the last fact */
    assert_true(record_decode_open(&f->context, &open, f->bytes, open.bytes - 8, &f->record.raw));
    assert_int_equal(f->record.raw.n_facts, 2);
    open.facts.instrumentation = 99;
    assert_false(record_decode_open(&f->context, &open, f->bytes, open.bytes, &f->record.raw));
}

static void test_header(void **state)
{
    (void)state;
    static uint8_t area[WIRE_HEADER_BYTES], good[WIRE_HEADER_BYTES];
    struct wire_header *header = (struct wire_header *)(void *)area;
    struct header made = {0};
    const char *reason;
    uint64_t bytes;
    fake_fill_area(good, 64, getpid(), &bytes);
#define DECODE() header_decode(area, sizeof(area), bytes, &made, &reason)
    memcpy(area, good, sizeof(area));
    assert_int_equal(DECODE(), -EAGAIN); /* being made */
    ((struct wire_header *)(void *)good)->magic = WIRE_MAGIC;
#define WRONG(change, expected)               \
    do {                                      \
        memcpy(area, good, sizeof(area));     \
        change;                               \
        assert_int_equal(DECODE(), expected); \
    } while (0)
    WRONG((void)0, 0);
    free(made.memory);
    made.memory = NULL;
    WRONG(header->features_compatible = ~0ull, 0);
    free(made.memory);
    made.memory = NULL;
    WRONG(header->version = 2, -EPROTONOSUPPORT);
    WRONG(header->features_incompatible = 1, -EPROTONOSUPPORT);
    WRONG(header->magic ^= 1, -EBADMSG);
    WRONG(header->chunks.count++, -EBADMSG);
    WRONG(header->chunks.offset += WIRE_ALIGN, -EBADMSG);
    WRONG(header->chunks.offset = ~0ull << 16, -EBADMSG);
    WRONG(header->chunks.entry_bytes = 8, -EBADMSG);
    WRONG(header->acknowledged.offset = 0, -EBADMSG);
    WRONG(header->acknowledged.offset++, -EBADMSG);
    WRONG(header->thread_slots.count = 0, -EBADMSG);
    WRONG(header->thread_slots.count = ~0u, -EBADMSG);
    WRONG(header->thread_slots.offset = header->operation_slots.offset, -EBADMSG);
    WRONG(header->n_instrumentations = 65, -EBADMSG);
    WRONG(header->instrumentations_offset = WIRE_HEADER_BYTES - 64, -EBADMSG);
    WRONG(header->exe_offset = WIRE_HEADER_BYTES, -EBADMSG);
    WRONG(header->settings_bytes = ~0u, -EBADMSG);
    assert_null(made.memory);
#undef WRONG
#undef DECODE
}

static void test_offset_is_the_one_that_held(void **state)
{
    (void)state;
    static struct offset_history history;
    assert_int_equal(offset_at(&history, 5, 0, 77), 77); /* nothing known but the file's making */
    offset_add(&history, 1000000000u, 500000000);
    offset_add(&history, 2000000000u, 500000100); /* noise */
    offset_add(&history, 3000000000u, 900000000); /* a step, somewhere after 2 s */
    offset_add(&history, 9000000000u, 900000050);
    assert_int_equal(offset_at(&history, 1500000000u, 0, 0), 500000000);
    assert_int_equal(offset_at(&history, 2400000000u, 0, 0), 500000000);
    assert_int_equal(offset_at(&history, 2600000000u, 0, 0), 900000000);
    assert_int_equal(offset_at(&history, 9900000000u, 0, 0), 900000000);
    /* before the first sample: the nearer of the file's making and the sample */
    assert_int_equal(offset_at(&history, 110, 100, 42), 42);
    assert_int_equal(offset_at(&history, 999999999u, 100, 42), 500000000);
    for (uint32_t i = 0; i < 2 * OFFSET_MAX_SAMPLES; i++)
        offset_add(&history, 10000000000u + i * 1000000000ull, (int64_t)i * 1000000000);
    assert_int_equal(history.n, OFFSET_MAX_SAMPLES);
    assert_int_equal(offset_at(&history, ~0ull, 0, 0), (2ll * OFFSET_MAX_SAMPLES - 1) * 1000000000);
}

static uint32_t put_count(struct fixture *f, uint16_t counter, int64_t delta, uint32_t connection)
{
    struct wire_count count = {.record = {.kind = WIRE_RECORD_COUNT},
                               .mono_ns = 5,
                               .delta = delta,
                               .instrumentation = 1,
                               .counter = counter,
                               .connection = connection};
    memcpy(f->bytes, &count, sizeof(count));
    uint32_t n = sizeof(count) + fake_put_text(f->bytes + sizeof(count), 1, "ws://h/");
    set_bytes(f, n);
    return n;
}

static void test_counts_right_and_wrong(void **state)
{
    static const struct {
        uint16_t counter;
        int64_t delta;
        enum record_result expected;
    } cases[] = {
        {WIRE_OPEN_CONNECTIONS, -1, RECORD_COUNT},
        {WIRE_MESSAGES_SENT, 1ll << 32, RECORD_COUNT},
        {WIRE_MESSAGES_RECEIVED, 7, RECORD_COUNT},
        {WIRE_MESSAGES_RECEIVED, (1ll << 32) + 1, RECORD_INVALID},
        {WIRE_OPEN_CONNECTIONS, INT64_MIN, RECORD_INVALID},
        {0, 1, RECORD_NOTHING},
        {77, 1, RECORD_NOTHING},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t n = put_count(f, cases[i].counter, cases[i].delta, 0);
        assert_int_equal(decode(f, n), cases[i].expected);
        if (cases[i].expected != RECORD_COUNT)
            continue;
        assert_int_equal(f->record.count.delta, cases[i].delta);
        assert_int_equal(f->record.count.counter, cases[i].counter);
        assert_ptr_equal(f->record.count.instrumentation, &rows[1]);
        assert_int_equal(f->record.count.n_facts, 1);
        assert_memory_equal(f->record.count.facts[0].bytes, "ws://h/", 7);
    }
    uint32_t n = put_count(f, WIRE_OPEN_CONNECTIONS, 1, 0);
    uint16_t no_row = 2;
    memcpy(f->bytes + offsetof(struct wire_count, instrumentation), &no_row, sizeof(no_row));
    assert_int_equal(decode(f, n), RECORD_INVALID);
    set_bytes(f, 32); /* shorter than its fixed part */
    assert_int_equal(decode(f, 32), RECORD_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_span_with_every_type_of_fact),
        TEST(test_lengths_that_break_the_walk),
        TEST(test_wrong_records_lose_only_themselves),
        TEST(test_unknown_kind_is_skipped),
        TEST(test_counts_right_and_wrong),
        TEST(test_shared_facts_come_first_and_are_replaced),
        TEST(test_shared_facts_are_bounded),
        TEST(test_facts_beyond_the_room_are_left_out),
        TEST(test_root),
        TEST(test_open_span_keeps_what_is_right),
        TEST(test_header),
        TEST(test_offset_is_the_one_that_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
