/* symbols: two unwinders over one memory: they agree, and where one ends the other one's stack is shown. */
#include "symbols_crash.h"
#include "unwind.h"

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

/* Every unwinder by itself gets the same stack. */
static void test_walk_libunwind(void **state)
{
    (void)state;
    struct crash_copy crash;
    static const char *const expected[] = {"inner plain.c:3", "outer plain.c:7", "main plain.c:10"};
    struct trace *trace = calloc(1, sizeof(*trace)), *other = calloc(1, sizeof(*other));
    crash_source("plain.c", plain);
    crash_sh("gcc -g -O2 -fno-ipa-cp -o plain plain.c");
    crash_run(&crash, "./plain", 1, 1 << 20);
    crash_walk(&crash);
    crash_expect(crash.stack, expected, 3);
    unwind_libunwind.walk(crash.symbols, crash.registers, trace);
    unwind_dwfl.walk(crash.symbols, crash.registers, other);
    assert_true(trace->is_complete && other->is_complete);
    assert_int_equal(trace->n, other->n);
    assert_int_equal(trace->n_by_rule, other->n_by_rule);
    for (uint32_t i = 0; i < trace->n; i++) {
        assert_int_equal(trace->first[i].pc, other->first[i].pc);
        assert_int_equal(trace->first[i].sp, other->first[i].sp);
        assert_int_equal(trace->first[i].is_exact, other->first[i].is_exact);
    }
    crash_fini(&crash);
    free(trace);
    free(other);
}

/* As dwfl where it finds no rule: the frame of the fault, and no more. */
static void walk_one(struct symbols *symbols, const uint64_t registers[SYMBOLS_REGISTERS],
                     struct trace *trace)
{
    const struct machine *machine = machine_of(symbols);
    struct trace_frame frame = {registers[machine->pc], registers[machine->sp], registers[machine->fp],
                                .is_exact = true};
    trace_add(symbols, trace, &frame);
    trace->end_reason = "no rule";
}

/* Where the first one ends the second one's stack is shown, and is no guess; the other way round it is not even asked. */
static void test_walk_where_one_ends(void **state)
{
    (void)state;
    struct crash_copy crash;
    static const struct unwinder one = {"one", walk_one};
    static const struct unwinder *const first_ends[] = {&one, &unwind_libunwind},
                                        *const second_ends[] = {&unwind_dwfl, &one},
                                        *const both_end[] = {&one, &one};
    static const char *const expected[] = {"inner plain.c:3", "outer plain.c:7", "main plain.c:10"};
    crash_source("plain.c", plain);
    crash_sh("gcc -g -O2 -fno-ipa-cp -o plain plain.c");
    crash_run(&crash, "./plain", 1, 1 << 20);
    crash_walk(&crash);
    const struct symbols_stack *stack = choose_walk(crash.symbols, crash.registers, first_ends);
    crash_expect(stack, expected, 3);
    assert_string_equal(stack->unwinder, "libunwind");
    assert_null(stack->end_reason);
    stack = choose_walk(crash.symbols, crash.registers, second_ends);
    assert_string_equal(stack->unwinder, "dwfl");
    assert_null(stack->end_reason);
    stack = choose_walk(crash.symbols, crash.registers, both_end);
    crash_expect(stack, expected, 1);
    assert_string_equal(stack->end_reason, "no rule");
    assert_true(stack->n_frames > 1 && stack->frames[1].guess != SYMBOLS_SURE);
    crash_fini(&crash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk_libunwind),
        cmocka_unit_test(test_walk_where_one_ends),
    };
    return cmocka_run_group_tests(tests, NULL, crash_remove_directory);
}
