/*
 * The sampler: thresholds and decisions of the probability rule (OTel spec, "TraceState: Probability Sampling"), and what the
 * live settings word changes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dropbox.h"
#include "ratio.h"
#include "sampler.h"

static void test_ratio_becomes_threshold(void **state)
{
    static const struct {
        const char *ratio;
        uint64_t threshold;
    } cases[] = {
        {"1", 0},
        {"1.0", 0},
        {"0.9", 0x199a0000000000},
        {"0.75", 0x40000000000000},
        {"0.5", 0x80000000000000},
        {".5", 0x80000000000000},
        {"0.333333333333333", 0xaaab0000000000},
        {"0.25", 0xc0000000000000},
        {"0.2", 0xcccd0000000000},
        {"0.1", 0xe6660000000000},
        {"1e-1", 0xe6660000000000},
        {"0.05", 0xf3333000000000},
        {"0.01", 0xfd70a000000000},
        {"0.001", 0xffbe7700000000},
        {"0.0001", 0xfff97240000000},
        {"1.3877787807814457e-17", 0xffffffffffffff},
        {"0", 1ull << 56},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t threshold = 1;
        assert_true(ratio_parse(cases[i].ratio, &threshold));
        if (threshold != cases[i].threshold)
            fail_msg("%s: %llx, not %llx", cases[i].ratio, (unsigned long long)threshold,
                     (unsigned long long)cases[i].threshold);
    }
    static const char *const refused[] = {"", "abc", "1.1", "-0.1", "0,5", "1e3", "1e-", "0.5 ", "nan"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        uint64_t threshold = 7;
        assert_false(ratio_parse(refused[i], &threshold));
        assert_int_equal(threshold, 7);
    }
}

static void make_trace_id(uint8_t trace_id[16], uint64_t low_56_bits)
{
    memset(trace_id, 0xff, 16); /* what stands before the 56 bits does not count */
    for (unsigned i = 0; i < 7; i++)
        trace_id[15 - i] = (uint8_t)(low_56_bits >> 8 * i);
}

static bool decides(struct shim_settings settings, uint64_t low_56_bits)
{
    uint8_t trace_id[16];
    make_trace_id(trace_id, low_56_bits);
    return sampler_is_sampled(&settings, trace_id);
}

static struct shim_settings ratio_of(const char *ratio)
{
    struct shim_settings settings = {.sampler = SAMPLER_RATIO};
    assert_true(ratio_parse(ratio, &settings.ratio_threshold));
    return settings;
}

static void test_ratio_decides_by_low_56_bits(void **state)
{
    (void)state;
    assert_true(decides(ratio_of("0.1"), 0xe6660000000000));
    assert_false(decides(ratio_of("0.1"), 0xe665ffffffffff));
    assert_true(decides(ratio_of("0.25"), 0xc0000000000000));
    assert_false(decides(ratio_of("0.25"), 0xbfffffffffffff));
    assert_true(decides(ratio_of("0.0001"), 0xffffffffffffff));
    assert_false(decides(ratio_of("0"), 0xffffffffffffff));
    assert_true(decides(ratio_of("1"), 0));
    assert_true(decides((struct shim_settings){.sampler = SAMPLER_ALWAYS_ON}, 0));
    assert_false(decides((struct shim_settings){.sampler = SAMPLER_ALWAYS_OFF}, 0xffffffffffffff));
}

/* A higher ratio takes all that a lower one takes (OTel spec, TraceIdRatioBased). */
static void test_higher_ratio_includes_lower(void **state)
{
    static const char *const ratios[] = {"0.0001", "0.001", "0.01", "0.1", "0.3", "0.9", "1"};
    uint64_t random = 0x9e3779b97f4a7c15;
    unsigned n_sampled = 0, n_all = 100000;
    (void)state;
    for (unsigned i = 0; i < n_all; i++) {
        bool was_sampled = false;
        random = random * 6364136223846793005u + 1442695040888963407u;
        for (size_t k = 0; k < sizeof(ratios) / sizeof(ratios[0]); k++) {
            bool is_sampled = decides(ratio_of(ratios[k]), random >> 8);
            assert_true(is_sampled || !was_sampled);
            was_sampled = is_sampled;
        }
        n_sampled += decides(ratio_of("0.3"), random >> 8);
    }
    assert_in_range(n_sampled, n_all * 29 / 100, n_all * 31 / 100);
}

static void test_parent_decides(void **state)
{
    struct shim_settings based = {.sampler = SAMPLER_ALWAYS_OFF, .sampler_has_parent = true};
    struct shim_settings bare = {.sampler = SAMPLER_ALWAYS_OFF, .sampler_has_parent = false};
    struct span_context sampled = {.flags = WIRE_SPAN_SAMPLED}, unsampled = {.flags = 0};
    (void)state;
    assert_true(sampler_is_child_sampled(&based, &sampled));
    assert_false(sampler_is_child_sampled(&based, &unsampled));
    assert_false(sampler_is_child_sampled(&bare, &sampled));
    bare.sampler = SAMPLER_ALWAYS_ON;
    assert_true(sampler_is_child_sampled(&bare, &unsampled));
}

/* A file of our own making whose exporter's line says what the test wants. */
static struct wire_exporter line;
static struct dropbox box = {.exporter = &line};
static struct dropbox_words words = {.box = &box};
static const struct dropbox *const nothing = NULL;

static void set_live(uint32_t word)
{
    dropbox_process.box_at = &words.box;
    line.settings = word;
}

static void test_live_word_replaces(void **state)
{
    const struct shim_settings on = {.sampler = SAMPLER_ALWAYS_ON, .sampler_has_parent = true};
    struct span_context sampled = {.flags = WIRE_SPAN_SAMPLED}, unsampled = {.flags = 0};
    (void)state;
    set_live(WIRE_LIVE_VALID | WIRE_LIVE_SAMPLER | 0xe66600);
    assert_true(decides(on, 0xe6660000000000));
    assert_false(decides(on, 0xe665ffffffffff));
    make_trace_id(unsampled.trace_id, 0xffffffffffffff);
    assert_true(sampler_is_child_sampled(&on, &unsampled));
    set_live(WIRE_LIVE_VALID | WIRE_LIVE_SAMPLER | WIRE_LIVE_PARENT | WIRE_LIVE_NEVER);
    assert_false(decides(on, 0xffffffffffffff));
    assert_false(sampler_is_child_sampled(&on, &unsampled));
    assert_true(sampler_is_child_sampled(&on, &sampled));
    assert_false(sampler_is_off(&box));
    set_live(WIRE_LIVE_VALID | WIRE_LIVE_OFF);
    assert_true(sampler_is_off(&box));
    assert_true(decides(on, 0)); /* the sampler is as it was */
    set_live(0);
    assert_false(sampler_is_off(&box));
    set_live(WIRE_LIVE_SAMPLER | WIRE_LIVE_NEVER); /* not valid */
    assert_true(decides(on, 0));
    dropbox_process.box_at = &nothing;
}

static void test_live_word_keeps(void **state)
{
    (void)state;
    setenv("OTELSHIM_KEEP", "error", 1);
    assert_true(sampler_wants_all(0));
    set_live(WIRE_LIVE_VALID | WIRE_LIVE_NO_KEEP);
    assert_false(sampler_wants_all(0));
    assert_true(sampler_wants_all(WIRE_SPAN_SAMPLED));
    set_live(WIRE_LIVE_VALID | WIRE_LIVE_KEEP);
    assert_true(sampler_wants_all(0));
    dropbox_process.box_at = &nothing;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ratio_becomes_threshold),
        cmocka_unit_test(test_ratio_decides_by_low_56_bits),
        cmocka_unit_test(test_higher_ratio_includes_lower),
        cmocka_unit_test(test_parent_decides),
        cmocka_unit_test(test_live_word_replaces),
        cmocka_unit_test(test_live_word_keeps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
