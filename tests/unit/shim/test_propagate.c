/* Trace context in and out: W3C traceparent, b3; and the samplers' ratio. Vectors of facts "otel" 6 and 9.2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "propagate.h"
#include "ratio.h"
#include "sampler.h"
#include "settings.h"
#include "text.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"

static void test_parse_traceparent(void **state)
{
    static const struct {
        const char *text;
        bool valid;
        uint8_t flags;
    } table[] = {
        {"00-" TRACE "-" SPAN "-01", true, 1},
        {"00-" TRACE "-" SPAN "-00", true, 0},
        {"00-" TRACE "-" SPAN "-03", true, 3},
        {"00-" TRACE "-" SPAN "-ff", true, 3},
        {" 00-" TRACE "-" SPAN "-01\t", true, 1},
        {"cc-" TRACE "-" SPAN "-01-extra", true, 1},
        {"cc-" TRACE "-" SPAN "-01", true, 1},
        {"cc-" TRACE "-" SPAN "-01x", false, 0},
        {"00-" TRACE "-" SPAN "-01-extra", false, 0},
        {"ff-" TRACE "-" SPAN "-01", false, 0},
        {"00-" TRACE "-" SPAN "-0", false, 0},
        {"00-" TRACE "-" SPAN "-011", false, 0},
        {"00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01", false, 0},
        {"00-00000000000000000000000000000000-" SPAN "-01", false, 0},
        {"00-" TRACE "-0000000000000000-01", false, 0},
        {"00_" TRACE "-" SPAN "-01", false, 0},
        {"00-" TRACE "-" SPAN "-0g", false, 0},
        {"", false, 0},
        {"00", false, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct span_context context = {0};
        bool valid = propagate_parse_traceparent(table[i].text, strlen(table[i].text), &context);
        if (valid != table[i].valid)
            fail_msg("%s: valid is %d", table[i].text, valid);
        assert_int_equal(context.flags, table[i].flags);
    }
}

static void test_print_is_the_inverse(void **state)
{
    struct span_context context;
    char text[56];
    (void)state;
    assert_true(propagate_parse_traceparent("00-" TRACE "-" SPAN "-01", 55, &context));
    propagate_print_traceparent(&context, text);
    assert_string_equal(text, "00-" TRACE "-" SPAN "-01");
}

static void set_settings(const struct shim_settings *settings)
{
    __atomic_store_n(&settings_ready, settings, __ATOMIC_RELEASE);
}

/* The line of a span before: another span's ids are printed over it, of the same trace or of another. */
static void test_print_again(void **state)
{
    static const char *const texts[] = {
        "00-" TRACE "-" SPAN "-01", "00-" TRACE "-b7ad6b7169203331-03", "00-" TRACE "-" SPAN "-00",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-" TRACE "-" SPAN "-02"};
    const struct shim_settings settings = {.propagators = PROPAGATE_TRACECONTEXT | PROPAGATE_BAGGAGE};
    const char *lines[PROPAGATE_MAX_HEADERS];
    struct propagate_own own;
    (void)state;
    set_settings(&settings);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct span_context context;
        assert_true(propagate_parse_traceparent(texts[i], 55, &context));
        if (i)
            propagate_print_again(context.trace_id, context.span_id, context.flags, &own);
        else
            assert_int_equal(propagate_headers(&context, true, &own, lines), 1);
        assert_true(own.is_traceparent_alone);
        assert_memory_equal(lines[0], "traceparent: ", 13);
        assert_string_equal(lines[0] + 13, texts[i]);
    }
}

/* Where more goes out, or may go out with another span, no line is printed over. */
static void test_is_traceparent_alone(void **state)
{
    static const struct {
        struct shim_settings settings;
        bool is_alone;
    } cases[] = {
        {{.propagators = PROPAGATE_TRACECONTEXT}, true},
        {{.propagators = PROPAGATE_TRACECONTEXT, .baggage_line = "baggage: k=v"}, true},
        {{.propagators = PROPAGATE_TRACECONTEXT | PROPAGATE_BAGGAGE, .baggage_line = "baggage: k=v"}, false},
        {{.propagators = PROPAGATE_TRACECONTEXT, .tracestate_line = "tracestate: k=v"}, false},
        {{.propagators = PROPAGATE_TRACECONTEXT | PROPAGATE_B3}, false},
        {{.propagators = PROPAGATE_B3}, false},
        {{.propagators = PROPAGATE_B3MULTI}, false},
        {{.propagators = 0}, false},
    };
    struct span_context context = {.in_process_trace = false};
    const char *lines[PROPAGATE_MAX_HEADERS];
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct propagate_own own;
        set_settings(&cases[i].settings);
        (void)propagate_headers(&context, true, &own, lines);
        if (own.is_traceparent_alone != cases[i].is_alone)
            fail_msg("case %zu: %d", i, own.is_traceparent_alone);
    }
}

static void test_parse_b3(void **state)
{
    static const struct {
        const char *text;
        bool valid;
        uint8_t flags;
        const char *traceparent;
    } table[] = {
        {TRACE "-" SPAN "-1", true, 1, "00-" TRACE "-" SPAN "-01"},
        {TRACE "-" SPAN "-0", true, 0, "00-" TRACE "-" SPAN "-00"},
        {TRACE "-" SPAN "-d-" SPAN, true, 1, "00-" TRACE "-" SPAN "-01"},
        {TRACE "-" SPAN, true, 1, "00-" TRACE "-" SPAN "-01"},
        {"a3ce929d0e0e4736-" SPAN "-1", true, 1, "00-0000000000000000a3ce929d0e0e4736-" SPAN "-01"},
        {"4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-1", true, 1, "00-" TRACE "-" SPAN "-01"},
        {"0", false, 0, NULL},
        {"1", false, 0, NULL},
        {TRACE "-" SPAN "-2", false, 0, NULL},
        {TRACE "-" SPAN "-", false, 0, NULL},
        {TRACE "-00f067aa", false, 0, NULL},
        {"00000000000000000000000000000000-" SPAN "-1", false, 0, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct span_context context = {0};
        char text[56];
        if (propagate_parse_b3(table[i].text, strlen(table[i].text), &context) != table[i].valid)
            fail_msg("%s: not %d", table[i].text, table[i].valid);
        if (!table[i].valid)
            continue;
        propagate_print_traceparent(&context, text);
        assert_string_equal(text, table[i].traceparent);
    }
}

static void test_is_own_header(void **state)
{
    (void)state;
    assert_true(propagate_is_own_header("Traceparent: x"));
    assert_true(propagate_is_own_header("X-B3-TraceId: x"));
    assert_true(propagate_is_own_header("b3:0"));
    assert_false(propagate_is_own_header("X-Traceparent: x"));
    assert_false(propagate_is_own_header("Trace"));
}

static void test_ratio(void **state)
{
    static const struct {
        const char *text;
        bool valid;
        uint64_t threshold;
    } table[] = {
        {"1", true, 0},
        {"1.0", true, 0},
        {"0.25", true, 0xc0000000000000},
        {"0.5", true, 0x80000000000000},
        {"0", true, 1ull << 56},
        {".5", true, 0x80000000000000},
        {"1.5", false, 0},
        {"abc", false, 0},
        {"", false, 0},
        {".", false, 0},
        {"1e3", false, 0},
        {"-1", false, 0},
        {"0.5 ", false, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        uint64_t threshold = 0;
        if (ratio_parse(table[i].text, &threshold) != table[i].valid)
            fail_msg("ratio \"%s\": not %d", table[i].text, table[i].valid);
        assert_int_equal(threshold, table[i].threshold);
    }
}

static void test_is_excluded(void **state)
{
    static const struct {
        const char *list, *host;
        bool is_excluded;
    } table[] = {
        {"api.example", "api.example", true},
        {"API.example", "api.EXAMPLE", true},
        {"api.example", "api.example.", true},
        {"api.example", "xapi.example", false},
        {"api.example", "api.example.org", false},
        {"*.example", "a.b.example", true},
        {"*.example", "example", false},
        {"a.b , *.internal\t,10.*", "10.0.0.1", true},
        {"a.b , *.internal\t,10.*", "db.internal", true},
        {"a.b,,", "", false},
        {"?.b", "a.b", true},
        {"*a*b*c", "xxaxxbxxc", true},
        {"*a*b*c", "xxaxxbxx", false},
        {"*", "anything", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (propagate_is_excluded(table[i].list, table[i].host, strlen(table[i].host)) !=
            table[i].is_excluded)
            fail_msg("\"%s\" \"%s\": not %d", table[i].list, table[i].host, table[i].is_excluded);
}

static void test_sampled_at_a_quarter(void **state)
{
    struct shim_settings settings = {.sampler = SAMPLER_RATIO};
    uint8_t kept[16] = {0}, dropped[16] = {0};
    (void)state;
    assert_true(ratio_parse("0.25", &settings.ratio_threshold));
    assert_true(text_parse_hex(kept + 9, "c0000000000000", 7, false));
    assert_true(text_parse_hex(dropped + 9, "bfffffffffffff", 7, false));
    assert_true(sampler_is_sampled(&settings, kept));
    assert_false(sampler_is_sampled(&settings, dropped));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_traceparent),
        cmocka_unit_test(test_print_is_the_inverse),
        cmocka_unit_test(test_print_again),
        cmocka_unit_test(test_is_traceparent_alone),
        cmocka_unit_test(test_parse_b3),
        cmocka_unit_test(test_is_own_header),
        cmocka_unit_test(test_is_excluded),
        cmocka_unit_test(test_ratio),
        cmocka_unit_test(test_sampled_at_a_quarter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
