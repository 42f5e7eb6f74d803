/* fingerprint: names without what changes from build to build; one bug, one fingerprint; two bugs, two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "signals/crash/fingerprint.h"
#include "signals/crash/own.h"
#include <string.h>

static const struct {
    const char *name, *normal;
} names[] = {
    {"main", "main"},
    {"place_order.constprop.0", "place_order"},
    {"place_order.part.3.isra.0", "place_order"},
    {"place_order [clone .cold]", "place_order"},
    {"memcpy@@GLIBC_2.14", "memcpy"},
    {"shop::Cart<int>::at(unsigned long)", "shop::Cart<>::at"},
    {"shop::Cart<std::pair<int, long> >::at(unsigned long) const", "shop::Cart<>::at"},
    {"shop::f(void (*)(int), int)", "shop::f"},
    {"main::{lambda(int)#1}::operator()(int) const", "main::{lambda}::operator()"},
    {"main::{lambda(int)#27}::operator()(int) const", "main::{lambda}::operator()"},
    {"main::$_3::operator()() const", "main::{lambda}::operator()"},
    {"f()::{lambda()#1}::operator()() const", "f::{lambda}::operator()"},
    {"(anonymous namespace)::f(int)", "(anonymous namespace)::f"},
    {"a::operator<<(b&, int)", "a::operator<<"},
    {"a::operator<(int)", "a::operator<"},
    {"a::operator->()", "a::operator->"},
    {"a::operator()(int)", "a::operator()"},
    {"my_operator<int>(x)", "my_operator<>"},
    {"name[abi:cxx11](int)", "name"},
    {"rusty::order::place::h0123456789abcdef", "rusty::order::place"},
    {"rusty::order::place::{{closure}}::h0123456789abcdef", "rusty::order::place::{closure}"},
    {"rusty::place::{closure#2}", "rusty::place::{closure}"},
    {"<rusty::Order as core::fmt::Display>::fmt", "<rusty::Order as core::fmt::Display>::fmt"},
    {"f<", "f<>"},
    {"f(", "f"},
    {"f{", "f{"},
    {"", ""},
};

static void test_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char normal[FINGERPRINT_NAME_MAX];
        fingerprint_normalise(names[i].name, normal);
        assert_string_equal(normal, names[i].normal);
    }
    static char longest[4000];
    char normal[FINGERPRINT_NAME_MAX];
    memset(longest, 'x', sizeof(longest) - 1);
    fingerprint_normalise(longest, normal);
    assert_int_equal(strlen(normal), FINGERPRINT_NAME_MAX - 1);
}

struct crash {
    struct crash_report report;
    struct crash_report_thread thread;
    struct crash_frame frames[8];
    char text[65];
};

/* libc's abort, then `a` (inlined into) `b` called by `c` called by `d`. */
static void make(struct crash *crash, const char *const functions[4])
{
    *crash = (struct crash){.report = {.signal = "SIGSEGV", .class = "null", .exe = "/usr/bin/trader"}};
    crash->frames[0] = (struct crash_frame){.function = "raise", .module = "/lib/libc.so.6", .address = 1};
    for (uint32_t i = 0; i < 4; i++)
        crash->frames[i + 1] = (struct crash_frame){.function = functions[i],
                                                    .module = "/usr/bin/trader",
                                                    .address = 0x5555 + i,
                                                    .offset = 0x55 + i,
                                                    .line = 10 + i,
                                                    .file = "x.c"};
    crash->thread = (struct crash_report_thread){.is_crashed = true,
                                                 .stack = {crash->frames, 5, 0, 0, 0, 0, 0, NULL, NULL}};
    crash->report.threads = &crash->thread;
    crash->report.n_threads = 1;
}

static const char *print(struct crash *crash, const char *detail)
{
    own_mark(&crash->thread.stack);
    fingerprint_make(&crash->report, detail, crash->text);
    assert_int_equal(strspn(crash->text, "0123456789abcdef"), 64);
    return crash->text;
}

static const char *const functions[] = {"a", "b", "c", "d"};

static void test_same_bug(void **state)
{
    (void)state;
    struct crash one, other;
    make(&one, functions);
    make(&other, (const char *const[]){"a.constprop.0", "b", "c", "d"});
    print(&one, NULL);
    for (uint32_t i = 0; i < 5;
         i++) { /* ASLR, another build, another place of the sources, lines that moved */
        other.frames[i].address += 0x1000000;
        other.frames[i].offset += 0x340;
        other.frames[i].line += 17;
        other.frames[i].file = "/elsewhere/x.c";
        other.frames[i].build_id = "ff";
    }
    other.frames[0].module = "/lib/libc-2.36.so";
    other.frames[0].function = "gsignal"; /* not the program's own */
    other.report.exe = "/opt/trader";
    other.report.address = 0x77;
    assert_string_equal(one.text, print(&other, NULL));
}

static void test_other_bugs(void **state)
{
    (void)state;
    struct crash one, other;
    make(&one, functions);
    print(&one, NULL);
    make(&other, (const char *const[]){"a", "b", "C", "d"}); /* another caller at frame 3 */
    assert_string_not_equal(one.text, print(&other, NULL));
    make(&other, functions);
    other.report.signal = "SIGABRT";
    assert_string_not_equal(one.text, print(&other, NULL));
    make(&other, functions);
    other.report.class = "unmapped";
    assert_string_not_equal(one.text, print(&other, NULL));
    make(&other, functions);
    assert_string_not_equal(one.text, print(&other, "place|n > 0"));
}

/* Stripped: module-relative offsets, which ASLR does not move. */
static void test_nameless(void **state)
{
    (void)state;
    struct crash one, other;
    make(&one, (const char *const[]){NULL, NULL, NULL, NULL});
    make(&other, (const char *const[]){NULL, NULL, NULL, NULL});
    for (uint32_t i = 0; i < 5; i++)
        other.frames[i].address += 0x1000000;
    print(&one, NULL);
    assert_string_equal(one.text, print(&other, NULL));
    other.frames[2].offset++;
    assert_string_not_equal(one.text, print(&other, NULL));
    /* a library's frames below the first: its next version has them elsewhere */
    one.frames[2].module = other.frames[2].module = "/usr/lib/libcurl.so.4";
    print(&one, NULL);
    assert_string_equal(one.text, print(&other, NULL));
    one.frames[1].module = other.frames[1].module =
        "/usr/lib/libcurl.so.4"; /* where it crashed is another matter */
    print(&one, NULL);
    assert_string_equal(one.text, print(&other, NULL));
    other.frames[1].offset++;
    assert_string_not_equal(one.text, print(&other, NULL));
}

/* Where in the cycle it ran out, and how deep, is chance. */
static void test_recursion(void **state)
{
    (void)state;
    struct crash one, other;
    make(&one, (const char *const[]){"even", "odd", "even", "odd"});
    make(&other, (const char *const[]){"odd", "even", "odd", "even"});
    one.report.class = other.report.class = "stack-overflow";
    print(&one, NULL);
    assert_string_equal(one.text, print(&other, NULL));
    make(&other, (const char *const[]){"odd", "even", "third", "even"});
    other.report.class = "stack-overflow";
    assert_string_not_equal(one.text, print(&other, NULL));
}

static void test_no_frames(void **state)
{
    (void)state;
    struct crash_report killed = {.class = "killed", .exe = "/usr/bin/trader"};
    char one[65], other[65];
    fingerprint_make(&killed, NULL, one);
    killed.exe = "/opt/trader";
    fingerprint_make(&killed, NULL, other);
    assert_string_equal(one, other);
    killed.exe = "/usr/bin/feeder";
    fingerprint_make(&killed, NULL, other);
    assert_string_not_equal(one, other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),    cmocka_unit_test(test_same_bug),  cmocka_unit_test(test_other_bugs),
        cmocka_unit_test(test_nameless), cmocka_unit_test(test_recursion), cmocka_unit_test(test_no_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
