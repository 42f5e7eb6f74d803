/* retry: which answers are tried again (OTLP spec, "Retryable Response Codes"), and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "outputs/otlp/retry.h"

static void test_judge_statuses(void **state)
{
    (void)state;
    static const struct {
        int status;
        enum retry_verdict expected;
    } rows[] = {
        {200, RETRY_DELIVERED}, {202, RETRY_DELIVERED}, {204, RETRY_DELIVERED}, {301, RETRY_NEVER},
        {307, RETRY_NEVER},     {400, RETRY_NEVER},     {401, RETRY_NEVER},     {403, RETRY_NEVER},
        {404, RETRY_NEVER},     {408, RETRY_NEVER},     {413, RETRY_NEVER},     {429, RETRY_AGAIN},
        {500, RETRY_NEVER},     {501, RETRY_NEVER},     {502, RETRY_AGAIN},     {503, RETRY_AGAIN},
        {504, RETRY_AGAIN},     {505, RETRY_NEVER},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct http_result result = {.outcome = HTTP_ANSWERED, .status = rows[i].status};
        if (retry_judge(&result) != rows[i].expected)
            fail_msg("HTTP %d", rows[i].status);
    }
}

static void test_judge_failures(void **state)
{
    (void)state;
    static const struct {
        enum http_outcome outcome;
        enum retry_verdict expected;
    } rows[] = {{HTTP_NO_CONNECTION, RETRY_AGAIN},
                {HTTP_TIMEOUT, RETRY_AGAIN},
                {HTTP_BROKEN, RETRY_AGAIN},
                {HTTP_REFUSED, RETRY_AGAIN},
                {HTTP_TOO_BIG, RETRY_NEVER}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct http_result result = {.outcome = rows[i].outcome, .status = 200};
        assert_int_equal(retry_judge(&result), rows[i].expected);
    }
}

static void test_next_grows_to_the_cap_with_jitter(void **state)
{
    (void)state;
    static const uint32_t expected_ms[] = {1000, 1500, 2250, 3375, 5000, 5000};
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct retry retry;
        retry_init(&retry, seed * 0x9e3779b97f4a7c15u);
        for (int again = 0; again < 2; again++) {
            for (size_t i = 0; i < 6; i++)
                assert_in_range(retry_next_ms(&retry, RETRY_CAP_MS, -1), expected_ms[i] * 8 / 10,
                                expected_ms[i] * 12 / 10);
            assert_in_range(retry_next_ms(&retry, RETRY_DOWN_CAP_MS, -1), 6000, 9000);
            retry_reset(&retry);
        }
    }
}

static void test_next_is_not_always_the_same(void **state)
{
    (void)state;
    uint32_t smallest_ms = UINT32_MAX, largest_ms = 0;
    struct retry retry;
    retry_init(&retry, 42);
    for (int i = 0; i < 1000; i++) {
        retry_reset(&retry);
        uint32_t delay_ms = retry_next_ms(&retry, RETRY_CAP_MS, -1);
        smallest_ms = delay_ms < smallest_ms ? delay_ms : smallest_ms;
        largest_ms = delay_ms > largest_ms ? delay_ms : largest_ms;
    }
    assert_in_range(smallest_ms, 800, 850);
    assert_in_range(largest_ms, 1150, 1200);
}

static void test_next_obeys_retry_after(void **state)
{
    (void)state;
    struct retry retry;
    retry_init(&retry, 7);
    assert_int_equal(retry_next_ms(&retry, RETRY_CAP_MS, 20000), 20000);
    assert_in_range(retry_next_ms(&retry, RETRY_CAP_MS, 10), 1200, 1800); /* never sooner than the backoff */
    assert_int_equal(retry_next_ms(&retry, RETRY_CAP_MS, INT64_MAX), RETRY_AFTER_CAP_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge_statuses),
        cmocka_unit_test(test_judge_failures),
        cmocka_unit_test(test_next_grows_to_the_cap_with_jitter),
        cmocka_unit_test(test_next_is_not_always_the_same),
        cmocka_unit_test(test_next_obeys_retry_after),
    };
    return cmocka_run_group_tests_name("retry", tests, NULL, NULL);
}
