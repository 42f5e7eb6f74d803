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

static void run_c(struct crash_copy *crash, const char *flags, const char *text, int nth)
{
    crash_source("case.c", text);
    crash_sh("gcc -g %s -o case case.c -lpthread 2>&1 | grep -v warning >/dev/null; test -x case", flags);
    crash_run(crash, "./case", nth, 64u << 20);
    crash_walk(crash);
}

static void test_walk_inlined(void **state)
{
    (void)state;
    struct crash_copy crash;
    static const char *const expected[] = {"third case.c:2 inlined", "second case.c:3 inlined",
                                           "first case.c:6 inlined", "main case.c:9"};
    run_c(&crash, "-O2",
          "static int *nowhere;\n"
          "static inline int third(int n) { return nowhere[n] = n; }\n"
          "static inline int second(int n) { return third(n * 3) + 1; }\n"
          "static inline int first(int n)\n{\n"
          "  return second(n + 1) + 2;\n"
          "}\n"
          "int main(int argc, char **argv) { (void)argv;\n"
          "  return first(argc);\n}\n",
          1);
    crash_expect(crash.stack, expected, 4);
    assert_int_equal(crash.stack->frames[0].pc, crash.stack->frames[3].pc);
    assert_int_equal(crash.stack->frames[2].column, 10);
    crash_fini(&crash);
}

/* A jump to nowhere has no frame: the caller comes from the top of the stack. */
static void test_walk_call_to_nowhere(void **state)
{
    (void)state;
    struct crash_copy crash;
    static const char *const targets[] = {"(void (*)(void))0", "(void (*)(void))malloc(100)",
                                          "(void (*)(void))0x4141414141414141"};
    static const char *const expected[] = {"? -:0", "caller case.c:4 guess", "main case.c:5"};
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        char text[512];
        snprintf(text, sizeof(text),
                 "#include <stdlib.h>\n"
                 "volatile int after;\n"
                 "__attribute__((noinline)) void caller(void (*f)(void)) {\n"
                 "  f(); after = 1; }\n"
                 "int main(void) { caller(%s); return after; }\n",
                 targets[i]);
        run_c(&crash, "-O2", text, 1);
        if (i == 2) /* a general protection fault happens in the call, and the program counter is its */
            crash_expect(crash.stack, (const char *const[]){"caller case.c:4", "main case.c:5"}, 2);
        else
            crash_expect(crash.stack, expected, 3);
        if (i < 2)
            assert_int_equal(crash.stack->frames[1].guess, SYMBOLS_FIXED_UP);
        assert_null(crash.stack->end_reason);
        crash_fini(&crash);
    }
}

/* Far below a jump to nowhere all frames are as sure as anywhere. */
static void test_walk_deep_call_to_nowhere(void **state)
{
    (void)state;
    struct crash_copy crash;
    run_c(&crash, "-O1",
          "volatile int after; void (*volatile nowhere)(void);\n"
          "__attribute__((noinline)) int deeper(int n) {\n"
          "  if (n) after += deeper(n - 1); else nowhere();\n"
          "  return after; }\n"
          "int main(void) { return deeper(400) + 1; }\n",
          1);
    assert_true(crash.stack->n_left_out > 0);
    for (uint32_t i = 1; i < crash.stack->n_frames; i++)
        assert_int_equal(crash.stack->frames[i].guess, i == 1 ? SYMBOLS_FIXED_UP : SYMBOLS_SURE);
    assert_null(crash.stack->end_reason);
    crash_fini(&crash);
}

static void test_walk_smashed(void **state)
{
    (void)state;
    struct crash_copy crash;
    run_c(&crash, "-O0 -fno-stack-protector",
          "#include <string.h>\n"
          "volatile int *nowhere;\n"
          "void inner(char *p) { memset(p, 'A', 400); *nowhere = 1; }\n"
          "void outer(void) { char small[16]; inner(small); }\n"
          "void deep(void) { char room[1000]; room[0] = 1; outer(); room[1] = 2; }\n"
          "int main(void) { deep(); return 0; }\n",
          1);
    assert_string_equal(crash.stack->frames[0].function, "inner");
    assert_int_equal(crash.stack->frames[0].line, 3);
    assert_string_equal(crash.stack->unwinder, "dwfl");
    assert_non_null(crash.stack->end_reason);
    /* what lies above the ruins is found by its words, and marked */
    uint32_t at = crash_find(crash.stack, "main", 1);
    if (at == UINT32_MAX)
        crash_print(crash.stack);
    assert_true(at != UINT32_MAX);
    assert_int_equal(crash.stack->frames[at].guess, SYMBOLS_SCANNED);
    crash_fini(&crash);
}

/* A fault in a handler that runs on an alternate stack: through the trampoline, and on where the first fault was. */
static void test_walk_signal_frame(void **state)
{
    (void)state;
    struct crash_copy crash;
    run_c(&crash, "-O1",
          "#include <signal.h>\n#include <stdlib.h>\n"
          "volatile int *nowhere;\n"
          "void handler(int s) { (void)s;\n *nowhere = 2;\n }\n"
          "__attribute__((noinline)) void faulty(void) {\n *nowhere = 1;\n }\n"
          "int main(void) {\n"
          " stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536};\n"
          " struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK | SA_NODEFER | "
          "SA_RESETHAND};\n"
          " sigaltstack(&stack, 0); sigaction(SIGSEGV, &action, 0);\n"
          " faulty(); return 0; }\n",
          2);
    uint32_t faulty = crash_find(crash.stack, "faulty", 0);
    assert_string_equal(crash.stack->frames[0].function, "handler");
    assert_int_equal(crash.stack->frames[0].line, 5);
    if (faulty != 2 || crash.stack->end_reason)
        crash_print(crash.stack);
    assert_int_equal(faulty, 2);
    assert_true(crash.stack->frames[1].is_signal);
    assert_false(crash.stack->frames[1].is_approximate && crash.stack->frames[1].function &&
                 strcmp(crash.stack->frames[1].function, "__restore_rt") == 0);
    assert_int_equal(crash.stack->frames[2].line, 8);
    assert_string_equal(crash.stack->frames[3].function, "main");
    assert_null(crash.stack->end_reason);
    crash_fini(&crash);
}

#if defined(__x86_64__)
/* The top of the stack is made a signal frame that says it interrupted its own trampoline, for ever. */
static void test_walk_signal_loop(void **state)
{
    (void)state;
    struct crash_copy crash;
    run_c(&crash, "-O1",
          "#include <signal.h>\n"
          "volatile int *nowhere;\n"
          "void handler(int s) { (void)s; *nowhere = 2; }\n"
          "int main(void) { struct sigaction a = {.sa_handler = handler, .sa_flags = SA_NODEFER}; "
          "sigaction(SIGSEGV, &a, 0);\n"
          "  *nowhere = 1; return 0; }\n",
          2);
    const struct symbols_frame *trampoline = &crash.stack->frames[1];
    assert_true(trampoline->is_signal);
    uint64_t sp = crash.stack->frames[0].cfa, pc = trampoline->pc;
    uint8_t *frame = crash.pieces[0].bytes + (sp - crash.pieces[0].address);
    memcpy(frame + 40 + 120, &sp, 8); /* uc_mcontext: rsp, rip */
    memcpy(frame + 40 + 128, &pc, 8);
    symbols_close(crash.symbols);
    crash_walk(&crash);
    assert_string_equal(crash.stack->frames[0].function, "handler");
    assert_true(crash.stack->n_frames + crash.stack->n_left_out < 1000);
    assert_non_null(crash.stack->end_reason);
    crash_fini(&crash);
}
#endif

static void test_walk_vdso(void **state)
{
    (void)state;
    struct crash_copy crash;
    run_c(&crash, "-O1",
          "#include <time.h>\n"
          "int main(void) { clock_gettime(CLOCK_MONOTONIC, (struct timespec *)8);\n return 0; }\n",
          1);
    if (!crash.stack->frames[0].function || crash_find(crash.stack, "main", 1) == UINT32_MAX)
        crash_print(crash.stack);
    assert_string_equal(crash.stack->frames[0].module, "[vdso]");
    assert_non_null(crash.stack->frames[0].function);
    assert_non_null(strstr(crash.stack->frames[0].function, "clock_gettime"));
    assert_true(crash_find(crash.stack, "main", 1) != UINT32_MAX);
    assert_null(crash.stack->end_reason);
    crash_fini(&crash);
}

/* Every frame is counted, also those that are stepped over: as many as with few, and 9,900 more. */
static void test_walk_deep_recursion(void **state)
{
    (void)state;
    static const char *const flags[] = {"-O1", "-O0", "-O2 -fomit-frame-pointer -fno-optimize-sibling-calls"};
    for (int i = 0; i < 6; i++) {
        struct crash_copy crash;
        static uint32_t n_few;
        char text[768];
        snprintf(text, sizeof(text),
                 "volatile int *nowhere; int depth;\n"
                 "int even(int n);\n"
                 "__attribute__((noinline)) int odd(int n) { return n ? even(n - 1) + 1 : (*nowhere = 1); }\n"
                 "__attribute__((noinline)) int even(int n) { volatile char room[40]; room[n & 31] = 1;\n"
                 "  return n ? odd(n - 1) * 2 + room[n & 31] : (*nowhere = 2); }\n"
                 "int main(void) { return even(%d) + 1; }\n",
                 i % 2 ? 10000 : 100);
        run_c(&crash, flags[i / 2], text, 1);
        const struct symbols_stack *stack = crash.stack;
        uint32_t main_at = crash_find(stack, "main", 0), n = stack->n_frames + stack->n_left_out;
        assert_null(stack->end_reason);
        assert_int_equal(stack->recursion_period, 2);
        assert_in_range(stack->recursion_at, 0, 2);
        if (i % 2 == 0) {
            n_few = n;
            assert_int_equal(stack->n_left_out, 0);
            assert_in_range(stack->recursion_times, 49, 50);
        } else {
            assert_int_equal(n, n_few + 9900);
            assert_int_equal(stack->left_out_at, 32);
            assert_true(main_at >= 60 && main_at < 64);
            assert_in_range(stack->recursion_times, 4999, 5000);
        }
        crash_fini(&crash);
    }
}

static void test_walk_overflow(void **state)
{
    (void)state;
    struct crash_copy crash;
    run_c(&crash, "-O1 -fno-optimize-sibling-calls",
          "__attribute__((noinline)) int down(int n) { return n < 0 ? 0 : down(n + 1) + 1; }\n"
          "int main(void) { return down(1); }\n",
          1);
    const struct symbols_stack *stack = crash.stack;
    if (stack->n_left_out <= 100000)
        crash_print(stack);
    assert_true(stack->n_left_out > 100000);
    assert_int_equal(stack->recursion_period, 1);
    assert_true(stack->recursion_times > 100000);
    assert_true(crash_find(stack, "main", 0) >= 60);
    assert_null(stack->end_reason);
    crash_fini(&crash);
}

/* A thread ends in clone, not in _start. */
static void test_walk_thread(void **state)
{
    (void)state;
    struct crash_copy crash;
    run_c(&crash, "-O1 -pthread",
          "#include <pthread.h>\n"
          "volatile int *nowhere;\n"
          "void *work(void *p) { *nowhere = 1; return p; }\n"
          "int main(void) { pthread_t t; pthread_create(&t, 0, work, 0); pthread_join(t, 0); return 0; }\n",
          1);
    const struct symbols_stack *stack = crash.stack;
    if (stack->end_reason)
        crash_print(stack);
    assert_string_equal(stack->frames[0].function, "work");
    assert_int_equal(stack->frames[0].line, 3);
    assert_null(stack->end_reason);
    assert_int_equal(crash_find(stack, "main", 0), UINT32_MAX);
    assert_int_equal(crash_find(stack, "_start", 0), UINT32_MAX);
    crash_fini(&crash);
}

/* Through libc: a callback of qsort(). */
static void test_walk_callback(void **state)
{
    (void)state;
    struct crash_copy crash;
    crash_source(
        "case.c",
        "#include <stdlib.h>\n"
        "volatile int *nowhere;\n"
        "__attribute__((noinline)) int compare(const void *a, const void *b) { return *nowhere + (a < b); }\n"
        "int main(void) { int list[4] = {3, 1, 2, 0}; qsort(list, 4, sizeof(int), compare); return list[0]; "
        "}\n");
    crash_sh("gcc -g -O2 -o case case.c");
    crash_run(&crash, "./case", 1, 1 << 20);
    crash_walk(&crash);
    assert_string_equal(crash.stack->frames[0].function, "compare");
    assert_true(crash_find(crash.stack, "main", 1) != UINT32_MAX);
    assert_null(crash.stack->end_reason);
    crash_fini(&crash);
}

/* abort() in a function that ends there: the return address is the next function's first byte. */
static void test_walk_noreturn(void **state)
{
    (void)state;
    struct crash_copy crash;
    run_c(&crash, "-O2",
          "#include <stdlib.h>\n"
          "__attribute__((noinline)) void fails(void) {\n"
          "  abort(); }\n"
          "__attribute__((noinline)) int innocent(int n) { return n + 1; }\n"
          "int main(int argc, char **argv) { (void)argv; if (argc)\n"
          "  fails(); return innocent(argc); }\n",
          1);
    uint32_t fails = crash_find(crash.stack, "fails", 0);
    assert_true(fails != UINT32_MAX);
    assert_int_equal(crash.stack->frames[fails].line, 3);
    assert_int_equal(crash.stack->frames[fails + 1].line, 6);
    assert_int_equal(crash_find(crash.stack, "innocent", 0), UINT32_MAX);
    crash_fini(&crash);
}

/* Only a part of the stack was copied: what is there is believed, and that it ends is said. */
static void test_walk_short_copy(void **state)
{
    (void)state;
    struct crash_copy crash;
    crash_source("plain.c", plain);
    crash_sh("gcc -g -O1 -fno-ipa-cp -o plain plain.c");
    crash_run(&crash, "./plain", 1, 128 + 24);
    crash_walk(&crash);
    assert_string_equal(crash.stack->frames[1].function, "outer");
    if (crash.stack->n_frames > 4)
        crash_print(crash.stack);
    assert_true(crash.stack->n_frames <= 4);
    assert_string_equal(crash.stack->end_reason, "the stack was not copied any further");
    crash_fini(&crash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk_plain),
        cmocka_unit_test(test_walk_inlined),
        cmocka_unit_test(test_walk_call_to_nowhere),
        cmocka_unit_test(test_walk_deep_call_to_nowhere),
        cmocka_unit_test(test_walk_smashed),
        cmocka_unit_test(test_walk_signal_frame),
        cmocka_unit_test(test_walk_vdso),
#if defined(__x86_64__)
        cmocka_unit_test(test_walk_signal_loop),
#endif
        cmocka_unit_test(test_walk_deep_recursion),
        cmocka_unit_test(test_walk_overflow),
        cmocka_unit_test(test_walk_thread),
        cmocka_unit_test(test_walk_callback),
        cmocka_unit_test(test_walk_noreturn),
        cmocka_unit_test(test_walk_short_copy),
    };
    return cmocka_run_group_tests(tests, NULL, crash_remove_directory);
}
