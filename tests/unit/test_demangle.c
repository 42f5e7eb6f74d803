/* demangle: names of C++ and Rust; vectors of RFC 2603, names that rustc made, and ruins. */
#include "symbols.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *name, *expected; /* NULL: not mangled, or ruined */
} cases[] = {
    /* C */
    {"main", NULL},
    {"", NULL},
    {"_", NULL},
    {"_Z", NULL},
    {"_R", NULL},
    {"_ZN", NULL},
    /* C++ */
    {"_ZN6engine4BookIiE3addEi", "engine::Book<int>::add(int)"},
    {"_ZNSt6vectorIiSaIiEE9push_backEOi", "std::vector<int, std::allocator<int> >::push_back(int&&)"},
    {"_ZN12_GLOBAL__N_13runEv", "(anonymous namespace)::run()"},
    {"_ZZ4mainENKUlvE_clEv", "main::{lambda()#1}::operator()() const"},
    /* Rust, legacy */
    {"_ZN4core3fmt9Formatter3pad17h0123456789abcdefE", "core::fmt::Formatter::pad"},
    {"_ZN4core3fmt9Formatter3pad17h0123456789abcdefE.llvm.1234", "core::fmt::Formatter::pad"},
    {"_ZN66_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$u20$core..ops..drop..Drop$GT$4drop17h0123456789abcdefE",
     "<alloc::vec::Vec<T> as core::ops::drop::Drop>::drop"},
    {"_ZN4test28_$u7b$$u7b$closure$u7d$$u7d$17h0123456789abcdefE", "test::{{closure}}"},
    {"_ZN8bar_test4f$RF17h0123456789abcdefE", "bar_test::f$RF"},
    {"_ZN3foo3bar17h0123456789abcdefX", NULL},
    {"_ZN3foo3bar17h0123456789abcdeE", NULL},
    {"_ZN999999999999999999999999foo17h0123456789abcdefE", NULL},
    /* Rust, v0: of the RFC */
    {"_RNvCs1234_7mycrate3foo", "mycrate::foo"},
    {"_RNvNtCs1234_7mycrate3foo3bar", "mycrate::foo::bar"},
    {"_RNvMs_Cs4Cv8Wi1oAIB_7mycrateNtB4_7Example3foo", "<mycrate::Example>::foo"},
    {"_RNvXCs15kBYyAo9fc_7mycrateNtB2_7ExampleNtB2_5Trait3foo", "<mycrate::Example as mycrate::Trait>::foo"},
    {"_RINvNtC3std3mem8align_ofjE", "std::mem::align_of::<usize>"},
    {"_RINvNtC3std3mem8align_ofdE", "std::mem::align_of::<f64>"},
    {"_RNCNvCs1234_7mycrate4main0", "mycrate::main::{closure#0}"},
    {"_RNCNvCs1234_7mycrate4mains_0", "mycrate::main::{closure#1}"},
    {"_RNvNtCs1234_7mycrateu8gdel_5qa6escher", "mycrate::gödel::escher"},
    {"_RNqCs4fqI2P2rA04_11utf8_identsu30____7hkackfecea1cbdathfdh9hlq6y",
     "utf8_idents::საჭმელად_გემრიელი_სადილი"},
    {"_RINvC7mycrate3fooRShE", "mycrate::foo::<&[u8]>"},
    {"_RINvC7mycrate3fooTlyEE", "mycrate::foo::<(i32, u64)>"},
    {"_RINvC7mycrate3fooTlEE", "mycrate::foo::<(i32,)>"},
    {"_RINvC7mycrate3fooAhj10_E", "mycrate::foo::<[u8; 16]>"},
    {"_RINvC7mycrate3fooFUKCPhEuE", "mycrate::foo::<unsafe extern \"C\" fn(*const u8)>"},
    {"_RINvC7mycrate3fooFG_RL0_hEL0_E", NULL},
    {"_RINvC7mycrate3fooFG_RL0_hERL0_tE", "mycrate::foo::<for<'a> fn(&'a u8) -> &'a u16>"},
    {"_RINvC7mycrate3fooDNtC3std4SendEL_E", "mycrate::foo::<dyn std::Send>"},
    {"_RINvC7mycrate3fooDNtC3std8Iteratorp4ItemlEL_E", "mycrate::foo::<dyn std::Iterator<Item = i32>>"},
    {"_RINvC7mycrate3fooKln5_E", "mycrate::foo::<-5>"},
    {"_RINvC7mycrate3fooKb1_Kc41_E", "mycrate::foo::<true, 'A'>"},
    {"_RNSNvC7mycrate3foo10reify_shim0", NULL},
    {"_RNSNvC7mycrate3foo5shim_", "mycrate::foo::{shim:shim_#0}"},
    {"_RNvC7mycrate3foo.llvm.123", "mycrate::foo"},
    {"_RNvC7mycrate3fooC5other", "mycrate::foo"},
    {"_RNvC7mycrate3fooXX", NULL},
    {"_RNvC7mycrate", NULL},
    {"_RNvC7mycrate99foo", NULL},
    {"_RNvB_3foo", NULL},
    {"_RB_", NULL},
    {"_RNvC7mycrateu3999", NULL},
};

static void test_demangle_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *demangled = symbols_demangle(cases[i].name);
        const char *shown = demangled ? demangled : "(null)",
                   *expected = cases[i].expected ? cases[i].expected : "(null)";
        if (strcmp(shown, expected) != 0)
            fail_msg("%s: \"%s\", expected \"%s\"", cases[i].name, shown, expected);
        free(demangled);
    }
}

/* Every beginning of every name, and names that would grow without end. */
static void test_demangle_hostile(void **state)
{
    (void)state;
    char name[64u << 10];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (size_t n = 0; n < strlen(cases[i].name); n++) {
            snprintf(name, n + 1, "%s", cases[i].name);
            free(symbols_demangle(name));
        }
    /* (((…))), each tuple twice the one before: 2^40 of them */
    size_t at = (size_t)snprintf(name, sizeof(name), "_RINvC1a1bTTuuE");
    size_t previous = 9;
    for (int i = 0; i < 40; i++) {
        size_t own = at - 2;
        char digit = previous == 0 ? '_' : 0, number[8];
        (void)digit;
        snprintf(number, sizeof(number), previous < 11 ? "%c_" : "%c_", (int)('0' + (previous - 1) % 10));
        at += (size_t)snprintf(name + at, sizeof(name) - at, "TB%sB%sE", number, number);
        previous = own;
    }
    snprintf(name + at, sizeof(name) - at, "EE");
    free(symbols_demangle(name));
    memset(name, 'R', sizeof(name) - 1); /* &&&&… */
    name[sizeof(name) - 1] = 0;
    memcpy(name, "_RINvC1a1b", 10);
    assert_null(symbols_demangle(name));
    name[8000] = 0;
    assert_null(symbols_demangle(name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_demangle_cases),
        cmocka_unit_test(test_demangle_hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
