/* symbols on aarch64: programs cross-built and crashed under qemu-user, unwound here. Pointer authentication is on (-cpu max). */
#include "symbols_crash.h"

#define CROSS "aarch64-linux-gnu-gcc"
#define QEMU "qemu-aarch64 -cpu max -L /usr/aarch64-linux-gnu"

/* The program's own handler writes what a crash slot would hold: registers by DWARF number, maps, stack. */
static const char recorder[] =
    "#include <fcntl.h>\n#include <signal.h>\n#include <stdint.h>\n#include <stdlib.h>\n"
    "#include <ucontext.h>\n#include <unistd.h>\n"
    "static void put(const char *name, const void *bytes, size_t n) {\n"
    "  int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600); if (write(fd, bytes, n) < 0) _exit(3); "
    "close(fd); }\n"
    "static void record(int s, siginfo_t *i, void *p) {\n"
    "  ucontext_t *u = p; static char maps[1 << 16]; size_t n = 0; ssize_t r; (void)s, (void)i;\n"
    "  int fd = open(\"/proc/self/maps\", O_RDONLY);\n"
    "  while ((r = read(fd, maps + n, sizeof(maps) - n)) > 0) n += r;\n"
    "  put(\"maps\", maps, n); put(\"registers\", u->uc_mcontext.regs, 33 * 8);\n"
    "  put(\"stack\", (void *)u->uc_mcontext.sp, 4096); _exit(0); }\n"
    "__attribute__((constructor)) static void arm(void) {\n"
    "  static char room[65536]; stack_t st = {.ss_sp = room, .ss_size = sizeof(room)}; sigaltstack(&st, 0);\n"
    "  struct sigaction a = {.sa_sigaction = record, .sa_flags = SA_SIGINFO | SA_ONSTACK}; "
    "sigaction(SIGSEGV, &a, 0); }\n";

static char *load(const char *name, size_t *ret_bytes)
{
    char path[128], *bytes = malloc(1 << 17);
    snprintf(path, sizeof(path), "%s/%s", crash_directory(), name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    *ret_bytes = fread(bytes, 1, 1 << 17, file);
    fclose(file);
    return bytes;
}

static void run_cross(struct crash_copy *crash, const char *flags, const char *text)
{
    size_t n;
    crash_source("recorder.c", recorder);
    crash_source("case.c", text);
    crash_sh(CROSS " -w -O1 -g0 -c recorder.c && " CROSS " -w -g %s -o case case.c recorder.o && " QEMU
                   " ./case",
             flags);
    memset(crash, 0, sizeof(*crash));
    char *registers = load("registers", &n);
    memcpy(crash->registers, registers, 33 * 8);
    free(registers);
    crash->maps = load("maps", &crash->maps_bytes);
    assert_int_equal(symbols_parse_maps(crash->maps, crash->maps_bytes, &crash->modules), 0);
    crash->pieces[0].address = crash->registers[31];
    crash->pieces[0].bytes = (uint8_t *)load("stack", &crash->pieces[0].n_bytes);
    crash->n_pieces = 1;
    crash_walk_of(crash, EM_AARCH64);
}

static const char plain[] = "volatile int *nowhere;\n"
                            "__attribute__((noinline)) int leaf(int n) {\n"
                            "  return *nowhere = n; }\n"
                            "__attribute__((noinline)) int inner(int n) {\n"
                            "  return leaf(n) + 1; }\n"
                            "__attribute__((noinline)) int outer(int n) {\n"
                            "  return inner(n * 2) + 3; }\n"
                            "int main(void) { return outer(7) + 1; }\n";

/* The leaf has not saved x30; its callers have, signed. */
static void test_aarch64_signed(void **state)
{
    (void)state;
    static const char *const flags[] = {"-O2 -mbranch-protection=standard", "-O2",
                                        "-O0 -mbranch-protection=standard",
                                        "-O2 -fomit-frame-pointer -mbranch-protection=standard"};
    static const char *const expected[] = {"leaf case.c:3", "inner case.c:5", "outer case.c:7",
                                           "main case.c:8"};
    for (size_t i = 0; i < 4; i++) {
        struct crash_copy crash;
        run_cross(&crash, flags[i], plain);
        if (i == 0) { /* without a signature the test would prove nothing */
            bool is_signed = false;
            for (size_t at = 0; at + 8 <= crash.pieces[0].n_bytes; at += 8) {
                uint64_t word;
                memcpy(&word, crash.pieces[0].bytes + at, 8);
                is_signed |= word >> 48 != 0 &&
                             (word & 0xffffffffffff) - (crash.registers[32] & ~UINT64_C(0xfff)) < 4096;
            }
            assert_true(is_signed);
        }
        crash_expect(crash.stack, expected, 4);
        assert_string_equal(crash.stack->unwinder, "dwfl");
        if (crash.stack->end_reason)
            crash_print(crash.stack);
        assert_null(crash.stack->end_reason);
        crash_fini(&crash);
    }
}

static void test_aarch64_call_to_nowhere(void **state)
{
    (void)state;
    struct crash_copy crash;
    static const char *const expected[] = {"? -:0", "caller case.c:3 guess", "main case.c:4"};
    run_cross(&crash, "-O2 -mbranch-protection=standard",
              "volatile int after;\n"
              "__attribute__((noinline)) void caller(void (*f)(void)) {\n"
              "  f(); after = 1; }\n"
              "int main(void) { caller((void (*)(void))0); return after; }\n");
    crash_expect(crash.stack, expected, 3);
    assert_int_equal(crash.stack->frames[1].guess, SYMBOLS_FIXED_UP);
    assert_null(crash.stack->end_reason);
    crash_fini(&crash);
}

/* No unwind tables at all: by the frame pointers, and said so. */
static void test_aarch64_frame_pointer(void **state)
{
    (void)state;
    struct crash_copy crash;
    run_cross(&crash,
              "-O2 -g0 -fno-omit-frame-pointer -fno-asynchronous-unwind-tables -fno-unwind-tables "
              "-mbranch-protection=standard",
              plain);
    assert_string_equal(crash.stack->frames[0].function, "leaf");
    uint32_t outer = crash_find(crash.stack, "outer", 0);
    if (outer == UINT32_MAX)
        crash_print(crash.stack);
    assert_in_range(outer, 1, 2);
    assert_int_equal(crash.stack->frames[outer].guess, SYMBOLS_FRAME_POINTER);
    assert_true(crash_find(crash.stack, "main", outer) != UINT32_MAX);
    crash_fini(&crash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aarch64_signed),
        cmocka_unit_test(test_aarch64_call_to_nowhere),
        cmocka_unit_test(test_aarch64_frame_pointer),
    };
    if (system(CROSS " --version >/dev/null 2>&1 && qemu-aarch64 --version >/dev/null 2>&1") != 0) {
        printf("skipped: no " CROSS " or no qemu-aarch64 (tests/aarch64.list)\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, crash_remove_directory);
}
