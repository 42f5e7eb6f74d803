/* recent: the last spans of a process in their order, and what they are called in a report. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "signals/spans/recent.h"
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *scope, *url, *shown;
} names[] = {
    {"POST", "otelshim.libcurl", "https://api.upbit.com/v1/orders?market=x", "POST api.upbit.com/v1/orders"},
    {"GET", "otelshim.libcurl", "http://REDACTED:REDACTED@a:80/x@y", "GET a:80/x@y"},
    {"GET /orders/{id}", "otelshim.libcurl", "http://a/orders/7", "GET a/orders/7"},
    {"GET", "otelshim.libcurl", NULL, "GET"},
    {"GET", "otelshim.libcurl", "http://REDACTED", "GET REDACTED"},
    {"SELECT orders", "otelshim.libpq", NULL, "SELECT orders"},
    {"SELECT orders", NULL, NULL, "SELECT orders"},
};

static void test_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct arena arena = {0};
        struct recent recent = {.n = 0};
        struct span span = {
            .name = names[i].name, .kind = SPAN_CLIENT, .scope = names[i].scope, .span_id = {7}};
        struct crash_span open;
        uint32_t n;
        if (names[i].url)
            attribute_set_string(&span.attributes, &arena, "url.full", names[i].url);
        recent_describe(&open, &arena, &span, 5, true);
        assert_string_equal(open.name, names[i].shown);
        assert_string_equal(open.kind, "client");
        assert_int_equal(open.end_unix_ns, 0);
        recent_add(&recent, &span, 5);
        const struct crash_span *last = recent_list(&recent, &arena, &n);
        assert_int_equal(n, 1);
        assert_string_equal(last[0].name, names[i].shown);
        assert_string_equal(last[0].span_id, "0700000000000000");
        arena_fini(&arena);
    }
}

static void test_order(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct recent recent = {.n = 0};
    char long_name[200];
    uint32_t n;
    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = 0;
    for (uint64_t i = 0; i < 3 * RECENT_SPANS + 7; i++)
        recent_add(&recent, &(struct span){.name = long_name, .start_unix_ns = i}, 0);
    const struct crash_span *last = recent_list(&recent, &arena, &n);
    assert_int_equal(n, RECENT_SPANS);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(last[i].start_unix_ns, 2 * RECENT_SPANS + 7 + i);
    assert_int_equal(strlen(last[0].name), RECENT_NAME_BYTES);
    assert_null(recent_list(NULL, &arena, &n));
    assert_int_equal(n, 0);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names), cmocka_unit_test(test_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
