/* symbols: lists of mappings, and stacks that are made up: what no real program leaves behind, a hostile one may. */
#include "symbols_crash.h"

#include <errno.h>

static void test_maps_parse(void **state)
{
    (void)state;
    static const char text[] = "55d0c0000000-55d0c0001000 r--p 00000000 fe:01 12 /opt/my prog (x)\n"
                               "nonsense\n"
                               "55d0c0001000-55d0c0002000 r-xp 00001000 fe:01 12 /opt/my prog (x)\n"
                               "7f0000000000-7f0000001000 rw-p 00000000 00:00 0 \n"
                               "7f0000002000-7f0000001000 rw-p 00000000 00:00 0 \n"
                               "7f00000020g0-7f0000004000 rw-p 00000000 00:00 0 \n"
                               "7ffd00000000-7ffd00001000 r-xp 00000000 00:00 0 [vdso]";
    struct symbols_modules modules;
    assert_int_equal(symbols_parse_maps(text, strlen(text), &modules), 0);
    assert_int_equal(modules.n, 4);
    assert_string_equal(modules.items[0].path, "/opt/my prog (x)");
    assert_ptr_equal(modules.items[0].path, modules.items[1].path);
    assert_int_equal(modules.items[1].file_offset, 0x1000);
    assert_true(modules.items[1].is_executable && modules.items[1].is_readable &&
                !modules.items[1].is_writable);
    assert_string_equal(modules.items[2].path, "");
    assert_true(modules.items[2].is_writable);
    assert_string_equal(modules.items[3].path, "[vdso]");
    assert_int_equal(modules.items[3].bias, UINT64_MAX);

    const uint8_t id[] = {1, 2, 3};
    struct symbols_module object = {.low = 0x55d0c0000000,
                                    .high = 0x55d0c0003000,
                                    .bias = 0x55d0c0000000,
                                    .path = "",
                                    .build_id = id,
                                    .n_build_id = 3};
    assert_int_equal(symbols_add_object(&modules, &object), 0);
    assert_int_equal(modules.n, 4);
    assert_int_equal(modules.items[1].bias, 0x55d0c0000000);
    assert_int_equal(modules.items[1].n_build_id, 3);
    object = (struct symbols_module){.low = 0x7e0000000000, .high = 0x7e0000003000, .path = "/lib/gone.so"};
    assert_int_equal(symbols_add_object(&modules, &object), 0);
    assert_int_equal(modules.n, 5);
    assert_string_equal(modules.items[4].path, "/lib/gone.so");
    symbols_modules_fini(&modules);
    for (size_t n = 0; n < sizeof(text); n++) { /* every beginning of it */
        assert_int_equal(symbols_parse_maps(text, n, &modules), 0);
        symbols_modules_fini(&modules);
    }
}

/* 64 words at 0x10000, and code nobody has at 0x400000. */
struct made_up {
    uint64_t words[64];
};

static bool read_made_up(void *context, uint64_t address, void *to, size_t bytes)
{
    const struct made_up *made_up = context;
    if (address < 0x10000 || address - 0x10000 > sizeof(made_up->words) - bytes ||
        bytes > sizeof(made_up->words))
        return false;
    memcpy(to, (const char *)made_up->words + (address - 0x10000), bytes);
    return true;
}

static void walk_made_up(const struct made_up *made_up, uint64_t pc, uint64_t sp, uint64_t fp,
                         void (*check)(const struct symbols_stack *stack))
{
    static const char maps[] = "00010000-00010200 rw-p 00000000 00:00 0 [stack]\n"
                               "00400000-00410000 r-xp 00000000 00:00 0 \n";
    struct symbols_modules modules;
    struct symbols *symbols;
    uint64_t registers[SYMBOLS_REGISTERS] = {[6] = fp, [7] = sp, [16] = pc};
    assert_int_equal(symbols_parse_maps(maps, strlen(maps), &modules), 0);
    struct symbols_input input = {.machine = EM_X86_64,
                                  .modules = modules.items,
                                  .n_modules = modules.n,
                                  .read = read_made_up,
                                  .context = (void *)(uintptr_t)made_up};
    assert_int_equal(symbols_open(&symbols, &input), 0);
    check(symbols_walk(symbols, registers));
    symbols_close(symbols);
    symbols_modules_fini(&modules);
}

static void is_one_frame(const struct symbols_stack *stack)
{
    assert_int_equal(stack->n_frames, 1);
    if (!stack->end_reason)
        crash_print(stack);
    assert_non_null(stack->end_reason);
}

static void is_short_cycle(const struct symbols_stack *stack)
{
    assert_in_range(stack->n_frames, 1, SYMBOLS_MAX_FRAMES);
    for (uint32_t i = 1; i < stack->n_frames; i++)
        assert_true(stack->frames[i].guess != SYMBOLS_SURE);
    assert_non_null(stack->end_reason);
}

/* Two frames that point to each other. */
static void test_walk_cyclic(void **state)
{
    (void)state;
    struct made_up made_up = {.words = {0x10010, 0x400100, 0x10000, 0x400200}};
    walk_made_up(&made_up, 0x400000, 0x10000, 0x10000, is_short_cycle);
}

static void test_walk_bad_registers(void **state)
{
    (void)state;
    struct made_up made_up = {{0}};
    static const uint64_t values[] = {
        0, 1, 8, 0x10000, 0x101f8, 0x101ff, 0x10200, 0x400000, UINT64_MAX, UINT64_MAX - 7, UINT64_C(1) << 63};
    enum { N = sizeof(values) / sizeof(values[0]) };
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++)
            for (size_t k = 0; k < N; k += 3)
                walk_made_up(&made_up, values[i], values[j], values[k], is_one_frame);
}

/* Nobody can read anything: the program counter is what is known. */
static void test_walk_without_memory(void **state)
{
    (void)state;
    struct symbols *symbols;
    struct symbols_input input = {.machine = EM_X86_64};
    uint64_t registers[SYMBOLS_REGISTERS] = {[16] = 0x1234};
    assert_int_equal(symbols_open(&symbols, &input), 0);
    const struct symbols_stack *stack = symbols_walk(symbols, registers);
    assert_int_equal(stack->n_frames, 1);
    assert_int_equal(stack->frames[0].pc, 0x1234);
    assert_null(stack->frames[0].module);
    symbols_close(symbols);
}

static void test_walk_unknown_machine(void **state)
{
    (void)state;
    struct symbols *symbols = NULL;
    struct symbols_input input = {.machine = EM_SPARC};
    assert_int_equal(symbols_open(&symbols, &input), -ENOTSUP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maps_parse),           cmocka_unit_test(test_walk_cyclic),
        cmocka_unit_test(test_walk_bad_registers),   cmocka_unit_test(test_walk_without_memory),
        cmocka_unit_test(test_walk_unknown_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
