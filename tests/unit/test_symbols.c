/* symbols: stacks of real crashed programs, unwound after their death. */
#include "symbols_crash.h"

static const char plain[] = "static int *nowhere;\n"
                            "__attribute__((noinline)) int inner(int n) {\n"
                            "  *nowhere = n;\n"
                            "  return n + 1;\n"
                            "}\n"
                            "__attribute__((noinline)) int outer(int n) {\n"
                            "  return inner(n * 2) + 3;\n"
                            "}\n"
                            "int main(void) {\n"
                            "  return outer(7);\n"
                            "}\n";

static void test_walk_plain(void **state)
{
    (void)state;
    struct crash_copy crash;
    static const char *const levels[] = {
        "-O0", "-O1", "-O2", "-Os", "-O2 -fno-pie -no-pie", "-O3 -fno-omit-frame-pointer"};
    static const char *const expected[] = {"inner plain.c:3", "outer plain.c:7", "main plain.c:10"};
    crash_source("plain.c", plain);
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        crash_sh("gcc -g %s -fno-ipa-cp -fno-ipa-icf -o plain plain.c", levels[i]);
        crash_run(&crash, "./plain", 1, 1 << 20);
        crash_walk(&crash);
        crash_expect(crash.stack, expected, 3);
        assert_string_equal(crash.stack->unwinder, "dwfl");
        assert_null(crash.stack->end_reason);
        assert_string_equal(crash.stack->frames[crash.stack->n_frames - 1].function, "_start");
        assert_int_equal(crash.stack->frames[0].guess, SYMBOLS_SURE);
        crash_fini(&crash);
    }
}

static int remove_directory(void **state)
{
    (void)state;
    crash_sh("rm -rf %s", crash_directory());
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk_plain),
    };
    return cmocka_run_group_tests(tests, NULL, remove_directory);
}
