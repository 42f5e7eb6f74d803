/* record: log records and measurements, right ones and wrong ones. */
#include "recording.h"

/* Fixed part, one fact. */
static uint32_t put_log(struct fixture *f, const struct wire_log *log)
{
    struct wire_log copy = *log;
    copy.record.kind = WIRE_RECORD_LOG;
    memcpy(f->bytes, &copy, sizeof(copy));
    uint32_t n = sizeof(copy) + fake_put_text(f->bytes + sizeof(copy), 88, "bought");
    set_bytes(f, n);
    return n;
}

static void test_logs_right_and_wrong(void **state)
{
    static const struct wire_log good = {
        .mono_ns = 5, .tid = 9, .instrumentation = 1, .kind = WIRE_LOG_SYSLOG, .severity = 24};
    struct fixture *f = *state;
    struct wire_log log = good;
    assert_int_equal(decode(f, put_log(f, &log)), RECORD_LOG);
    assert_ptr_equal(f->record.log.process, &process);
    assert_ptr_equal(f->record.log.instrumentation, &rows[1]);
    assert_memory_equal((const uint8_t *)&f->record.log.log + 8, (const uint8_t *)&good + 8,
                        sizeof(good) - 8);
    assert_int_equal(f->record.log.n_facts, 1);
    assert_memory_equal(f->record.log.facts[0].bytes, "bought", 6);
#define SAYS(change, expected)                                   \
    do {                                                         \
        log = good;                                              \
        change;                                                  \
        assert_int_equal(decode(f, put_log(f, &log)), expected); \
    } while (0)
    SAYS(log.kind = WIRE_LOG_NOTICE, RECORD_LOG);
    SAYS(log.kind = 0, RECORD_NOTHING);
    SAYS(log.kind = WIRE_LOG_OUTPUT + 1, RECORD_NOTHING); /* of the future */
    SAYS(log.instrumentation = 2, RECORD_INVALID);
    SAYS(log.mono_ns = 0, RECORD_INVALID);
    SAYS(log.severity = 25, RECORD_INVALID);
    SAYS(log.severity = 0, RECORD_LOG);
#undef SAYS
    uint32_t n = put_log(f, &good);
    uint16_t beyond = 1000;
    memcpy(f->bytes + sizeof(good) + offsetof(struct wire_fact, bytes), &beyond, sizeof(beyond));
    assert_int_equal(decode(f, n), RECORD_INVALID);
    set_bytes(f, sizeof(good) - 8); /* shorter than its fixed part */
    assert_int_equal(decode(f, n), RECORD_INVALID);
}

static uint32_t put_measurement(struct fixture *f, const struct wire_measurement *measurement)
{
    struct wire_measurement copy = *measurement;
    copy.record.kind = WIRE_RECORD_MEASUREMENT;
    memcpy(f->bytes, &copy, sizeof(copy));
    uint32_t n = sizeof(copy) + fake_put_text(f->bytes + sizeof(copy), 95, "orders");
    set_bytes(f, n);
    return n;
}

static void test_measurements_right_and_wrong(void **state)
{
    static const struct wire_measurement good = {
        .mono_ns = 5, .value = 7, .instrumentation = 1, .instrument = WIRE_HISTOGRAM, .is_double = 1};
    struct fixture *f = *state;
    struct wire_measurement measurement = good;
    assert_int_equal(decode(f, put_measurement(f, &measurement)), RECORD_MEASUREMENT);
    assert_ptr_equal(f->record.measurement.instrumentation, &rows[1]);
    assert_int_equal(f->record.measurement.measurement.value, 7);
    assert_int_equal(f->record.measurement.n_facts, 1);
    assert_memory_equal(f->record.measurement.facts[0].bytes, "orders", 6);
#define SAYS(change, expected)                                                   \
    do {                                                                         \
        measurement = good;                                                      \
        change;                                                                  \
        assert_int_equal(decode(f, put_measurement(f, &measurement)), expected); \
    } while (0)
    SAYS(measurement.instrument = WIRE_COUNTER, RECORD_MEASUREMENT);
    SAYS(measurement.instrument = 0, RECORD_NOTHING);
    SAYS(measurement.instrument = 5, RECORD_NOTHING); /* of the future */
    SAYS(measurement.instrumentation = 2, RECORD_INVALID);
    SAYS(measurement.mono_ns = 0, RECORD_INVALID);
    SAYS(measurement.is_double = 2, RECORD_INVALID);
#undef SAYS
    set_bytes(f, sizeof(good) - 8);
    assert_int_equal(decode(f, sizeof(good)), RECORD_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_logs_right_and_wrong),
        TEST(test_measurements_right_and_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
