/* explain: deaths in words, as tables: siginfo, registers and maps in, class and sentence out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "signals/crash/explain.h"
#include "signals/crash/own.h"
#include <elf.h>
#include <linux/audit.h>
#include <signal.h>
#include <string.h>

#define MAPS                                                            \
    "55d000000000-55d000001000 r--p 00000000 08:01 1 /usr/bin/trader\n" \
    "55d000001000-55d000003000 r-xp 00001000 08:01 1 /usr/bin/trader\n" \
    "55d000100000-55d000200000 rw-p 00000000 00:00 0 [heap]\n"          \
    "7f0000000000-7f0000001000 ---p 00000000 00:00 0 \n"                \
    "7f0000001000-7f0000801000 rw-p 00000000 00:00 0 \n"                \
    "7f1000000000-7f1000004000 rw-s 00000000 08:01 2 /var/lib/a file\n" \
    "7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0 [stack]\n"

#define PC 0x55d000001100
#define SP 0x7ffc00010000
#define READ 4
#define WRITE 6
#define FETCH 20

struct fault {
    int signal, code;
    uint64_t address, pc, sp, error;
    const char *instruction; /* bytes at the pc, with `n` of them */
    size_t n;
    uint64_t rax, rbx;
    const char *class, *reason; /* reason: a part of it and a newline */
};

static const struct fault faults[] = {
    {SIGSEGV, SEGV_MAPERR, 0, PC, SP, WRITE, "\xc7\x00\x01\0\0\0", 6, 0, 0, "null",
     "write to 0x0: null pointer, address from rax = 0x0"},
    {SIGSEGV, SEGV_MAPERR, 0x18, PC, SP, READ, "\x48\x8b\x43\x18", 4, 7, 0, "null",
     "read of 0x18: null pointer + 24, address from rbx = 0x0"},
    {SIGSEGV, SEGV_MAPERR, 0x18, PC, SP, READ, "\x48\x8b\x43\x60", 4, 7, 0, "null", "null pointer + 24\n"},
    {SIGSEGV, SEGV_MAPERR, 0, 0, SP, FETCH, "", 0, 0, 0, "null-call", "through a null pointer"},
    {SIGSEGV, SEGV_MAPERR, 0x414141414141, PC, SP, READ, "\x8b\x00", 2, 0x414141414141, 0, "unmapped",
     "where nothing is mapped (any more), address from rax = 0x414141414141"},
    {SIGSEGV, SEGV_MAPERR, 0x55d000200010, PC, SP, READ, "", 0, 0, 0, "unmapped",
     "(16 bytes behind the end of the heap)"},
    {SIGSEGV, SEGV_MAPERR, 0x55d0000fff00, PC, SP, WRITE, "", 0, 0, 0, "unmapped",
     "(256 bytes before the beginning of the heap)"},
    {SIGSEGV, SEGV_ACCERR, 0x55d000000010, PC, SP, WRITE, "", 0, 0, 0, "read-only",
     "write to 0x55d000000010 in /usr/bin/trader, which is read-only"},
    {SIGSEGV, SEGV_ACCERR, 0x7f0000000800, PC, SP, READ, "", 0, 0, 0, "no-access", "allows no access"},
    {SIGSEGV, SEGV_ACCERR, 0x55d000100020, 0x55d000100020, SP, FETCH, "", 0, 0, 0, "execute-data",
     "in the heap, which may not be executed"},
    /* the kernel says that it is mapped */
    {SIGSEGV, SEGV_ACCERR, 0x123456789000, 0x123456789000, SP, FETCH, "", 0, 0, 0, "execute-data",
     "in memory, which may not be executed"},
    {SIGSEGV, SEGV_MTEAERR, 0, PC, SP, READ, "", 0, 0, 0, "memory-tag", "the address is not known"},
    {SIGSEGV, SEGV_MTESERR, 0x55d000100020, PC, SP, READ, "", 0, 0, 0, "memory-tag",
     "0x55d000100020 is memory of another pointer"},
    {SIGSEGV, SEGV_MAPERR, 0x123456789000, 0x123456789000, SP, FETCH, "", 0, 0, 0, "wild-jump",
     "where nothing is mapped"},
    /* main's stack grew to its limit; a thread's guard; alloca jumped far below */
    {SIGSEGV, SEGV_MAPERR, 0x7ffbffffeff8, PC, 0x7ffbfffff000, WRITE, "", 0, 0, 0, "stack-overflow",
     "stack overflow"},
    {SIGSEGV, SEGV_ACCERR, 0x7f0000000ff8, PC, 0x7f0000001000, WRITE, "", 0, 0, 0, "stack-overflow",
     "stack overflow"},
    {SIGSEGV, SEGV_MAPERR, 0x7ffbff000000, PC, 0x7ffbff000000, WRITE, "", 0, 0, 0, "stack-overflow",
     "stack overflow"},
    /* a wild stack pointer is none */
    {SIGSEGV, SEGV_MAPERR, 0xfffffffffffffff8, PC, 0, WRITE, "", 0, 0, 0, "unmapped", "nothing is mapped"},
    {SIGSEGV, SEGV_MAPERR, 0x55d0000fe000, PC, 0x55d0000fe000, WRITE, "", 0, 0, 0, "unmapped", "the heap"},
    /* #GP: no address, and never null */
    {SIGSEGV, SI_KERNEL, 0, PC, SP, 0, "", 0, 0, 0, "non-canonical", "general protection, address unknown"},
    {SIGSEGV, SI_KERNEL, 0, PC, SP, 0, "\x8b\x00", 2, 0x4141414141414141, 0, "non-canonical",
     "rax = 0x4141414141414141 is a pointer that no memory can have"},
    {SIGSEGV, SI_KERNEL, 0, PC, SP, 0, "\x0f\x29\x00", 3, 0x55d000100008, 0, "misaligned", "is not aligned"},
    {SIGBUS, BUS_ADRERR, 0x7f1000002000, PC, SP, READ, "", 0, 0, 0, "truncated-file", "/var/lib/a file"},
    {SIGBUS, BUS_ADRALN, 0x7f1000002001, PC, SP, READ, "", 0, 0, 0, "misaligned", "misaligned"},
    {SIGBUS, BUS_MCEERR_AR, 0x7f1000002001, PC, SP, READ, "", 0, 0, 0, "hardware", "memory error"},
    {SIGFPE, FPE_INTDIV, PC, PC, SP, 0, "", 0, 0, 0, "division", "integer division by zero"},
    {SIGILL, ILL_ILLOPN, PC, PC, SP, 0, "\x0f\x0b", 2, 0, 0, "trap", "__builtin_trap"},
    {SIGILL, ILL_ILLOPN, PC, PC, SP, 0, "\x06\x00", 2, 0, 0, "illegal-instruction", "does not know"},
    {SIGTRAP, SI_KERNEL, 0, PC, SP, 0, "", 0, 0, 0, "breakpoint", "breakpoint"},
    {SIGXCPU, SI_KERNEL, 0, PC, SP, 0, "", 0, 0, 0, "limit", "CPU time"},
};

static void run_fault(const struct fault *fault)
{
    struct crash_case crash = {.kind = CRASH_SIGNAL,
                               .machine = EM_X86_64,
                               .pid = 100,
                               .signal = fault->signal,
                               .code = fault->code,
                               .address = fault->address,
                               .maps = MAPS};
    uint64_t registers[WIRE_REGISTERS] = {[0] = fault->rax,
                                          [3] = fault->rbx,
                                          [7] = fault->sp,
                                          [WIRE_X86_64_IP] = fault->pc,
                                          [WIRE_X86_64_ERROR] = fault->error,
                                          [WIRE_X86_64_TRAP] = fault->error ? 14 : 13};
    struct crash_modules modules;
    struct explanation why;
    struct arena arena = {0};
    crash_modules_make(&crash, &modules);
    struct explain_input input = {
        .crash = &crash, .modules = &modules, .registers = registers, .n_code = fault->n};
    memcpy(input.code, fault->instruction, fault->n);
    explain(&input, &arena, &why);
    const char *line = arena_printf(&arena, "%s\n", why.reason);
    if (strcmp(why.class, fault->class) != 0 || !strstr(line, fault->reason))
        fail_msg("signal %d code %d address 0x%lx: %s: %s; wanted %s: %s", fault->signal, fault->code,
                 (unsigned long)fault->address, why.class, why.reason, fault->class, fault->reason);
    bool is_without = fault->signal != SIGSEGV && fault->signal != SIGBUS;
    is_without |= fault->signal == SIGSEGV && fault->code == SEGV_MTEAERR;
    assert_int_equal(why.has_address, !is_without && fault->code != SI_KERNEL);
    crash_modules_fini(&modules);
    arena_fini(&arena);
}

static void test_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        run_fault(&faults[i]);
}

static void explain_case(const struct crash_case *crash, const char *exception, struct arena *arena,
                         struct explanation *why)
{
    struct crash_modules modules;
    crash_modules_make(crash, &modules);
    struct explain_input input = {.crash = crash, .modules = &modules, .exception_type = exception};
    explain(&input, arena, why);
    crash_modules_fini(&modules);
}

static void test_aarch64(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct explanation why;
    struct crash_case crash = {
        .machine = EM_AARCH64, .signal = SIGSEGV, .code = SEGV_MAPERR, .address = 0x28};
    uint64_t registers[WIRE_REGISTERS] = {[WIRE_AARCH64_SP] = SP, [WIRE_AARCH64_PC] = PC};
    struct crash_modules modules;
    crash_modules_make(&crash, &modules);
    struct explain_input input = {.crash = &crash, .modules = &modules, .registers = registers, .n_code = 4};
    memcpy(input.code, "\x60\x16\x40\xf9", 4); /* ldr x0, [x19, #40] */
    registers[WIRE_AARCH64_ESR] = 0x24ull << 26;
    explain(&input, &arena, &why);
    assert_string_equal(why.reason, "read of 0x28: null pointer + 40, address from x19 = 0x0");
    registers[WIRE_AARCH64_ESR] |= 64;
    crash.address = 0x0300000000000028; /* the upper byte is a tag */
    explain(&input, &arena, &why);
    assert_string_equal(why.class, "null");
    assert_non_null(strstr(why.reason, "the pointer has the tag 0x03"));
    crash.signal = SIGILL;
    crash.code = ILL_ILLOPC;
    registers[WIRE_AARCH64_PSTATE] = 0x400;
    explain(&input, &arena, &why);
    assert_non_null(strstr(why.reason, "branch target"));
    crash_modules_fini(&modules);
    arena_fini(&arena);
}

static const struct {
    const char *message, *class, *brief, *detail;
} aborts[] = {
    {"trader: order.c:12: place: Assertion `n > 0' failed.\n", "assert", "assertion failed: n > 0",
     "place|n > 0"},
    {"a: b: /x/order.cc:12: int ns::f(const char*): Assertion `strchr(\"a':b\", 'x')' failed.\n", "assert",
     "assertion failed: strchr(\"a':b\", 'x')", "int ns::f(const char*)|strchr(\"a':b\", 'x')"},
    {"order.c:12: Assertion `0' failed.", "assert", "assertion failed: 0", "|0"},
    {"Assertion `' failed", "abort", "Assertion `' failed", "Assertion `' failed"},
    {": Assertion `", "assert", "assertion failed: ", "|"},
    {"double free or corruption (fasttop)\n", "malloc", "double free or corruption (fasttop)",
     "double free or corruption (fasttop)"},
    {"free(): double free detected in tcache 2 ", "malloc", "free(): double free detected in tcache 2",
     "free(): double free detected in tcache #"},
    {"free(): invalid pointer", "malloc", "free(): invalid pointer", "free(): invalid pointer"},
    {"*** stack smashing detected ***: terminated\n", "stack-smashing", "stack smashing detected",
     "*** stack smashing detected ***: terminated"},
    {"*** buffer overflow detected ***: terminated\n", "fortify", "buffer overflow detected",
     "*** buffer overflow detected ***: terminated"},
    {"Fatal glibc error: x.c:12 (f): 0x7fff01", "abort", "Fatal glibc error: x.c:12 (f): 0x7fff01",
     "Fatal glibc error: x.c:# (f): #"},
};

static void test_abort_messages(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(aborts) / sizeof(aborts[0]); i++) {
        struct arena arena = {0};
        struct explanation why = {.class = "none"};
        assert_true(explain_abort_message(aborts[i].message, &arena, &why));
        assert_string_equal(why.class, aborts[i].class);
        assert_string_equal(why.brief, aborts[i].brief);
        assert_string_equal(why.detail, aborts[i].detail);
        arena_fini(&arena);
    }
    struct arena arena = {0};
    struct explanation why = {.class = "none"};
    assert_true(explain_abort_message(aborts[0].message, &arena, &why));
    assert_string_equal(why.reason, "assertion `n > 0' failed in place (order.c:12)");
    assert_false(explain_abort_message("", &arena, &why));
    arena_fini(&arena);
}

static void test_sent(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct explanation why;
    struct crash_case crash = {.pid = 100, .signal = SIGSEGV, .code = SI_USER};
    uint32_t words[4] = {200, 1000, 7, 0};
    memcpy(crash.siginfo + 16, words, sizeof(words));
    explain_case(&crash, NULL, &arena, &why);
    assert_string_equal(why.class, "sent");
    assert_string_equal(why.reason, "SIGSEGV was sent by pid 200, uid 1000");
    assert_int_equal(why.sender_pid, 200);
    assert_false(why.has_address);
    crash.code = SI_QUEUE;
    explain_case(&crash, NULL, &arena, &why);
    assert_string_equal(why.reason, "SIGSEGV with the value 7 was sent by pid 200, uid 1000");
    crash.code = SI_TKILL;
    crash.pid = 200;
    explain_case(&crash, NULL, &arena, &why);
    assert_non_null(strstr(why.reason, "the program sent itself SIGSEGV"));
    crash.signal = SIGXCPU; /* the kernel's has SI_KERNEL */
    explain_case(&crash, NULL, &arena, &why);
    assert_string_equal(why.class, "sent");
    crash.signal = SIGXFSZ;
    explain_case(&crash, NULL, &arena, &why);
    assert_string_equal(why.class, "sent");
    crash.code = SI_USER; /* as the kernel's */
    explain_case(&crash, NULL, &arena, &why);
    assert_string_equal(why.class, "limit");
    crash.pid = 100;
    explain_case(&crash, NULL, &arena, &why);
    assert_string_equal(why.reason, "SIGXFSZ was sent by pid 200, uid 1000");
    crash.pid = 200;
    crash.signal = SIGABRT;
    explain_case(&crash, NULL, &arena, &why);
    assert_string_equal(why.class, "abort");
    crash.thrown_what = "kaboom";
    explain_case(&crash, "std::runtime_error", &arena, &why);
    assert_string_equal(why.class, "exception");
    assert_string_equal(why.brief, "uncaught std::runtime_error: kaboom");
    memset(crash.siginfo, 0, sizeof(crash.siginfo)); /* blocked: the kernel killed it without asking */
    crash.signal = SIGSEGV;
    crash.code = 0;
    crash.registers_missing = "no handler ran";
    explain_case(&crash, NULL, &arena, &why);
    assert_string_equal(why.class, "signal");
    assert_string_equal(why.reason, "killed by SIGSEGV, and no handler could run");
    arena_fini(&arena);
}

static void test_seccomp(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct explanation why;
    struct crash_case crash = {.signal = SIGSYS, .code = 1};
    uint32_t words[2] = {257, AUDIT_ARCH_X86_64};
    memcpy(crash.siginfo + 24, words, sizeof(words));
    explain_case(&crash, NULL, &arena, &why);
    assert_string_equal(why.reason, "a seccomp filter does not allow the system call openat (257) of x86-64");
    words[0] = 56;
    words[1] = AUDIT_ARCH_AARCH64;
    memcpy(crash.siginfo + 24, words, sizeof(words));
    explain_case(&crash, NULL, &arena, &why);
    assert_non_null(strstr(why.reason, "openat (56) of aarch64"));
    words[0] = UINT32_MAX;
    memcpy(crash.siginfo + 24, words, sizeof(words));
    explain_case(&crash, NULL, &arena, &why);
    assert_non_null(strstr(why.reason, "number -1"));
    arena_fini(&arena);
}

static void test_frames_add(void **state)
{
    (void)state;
    static const struct {
        const char *function, *class;
    } signs[] = {{"__cxa_pure_virtual", "pure-virtual"},
                 {"std::terminate()", "terminate"},
                 {"core::panicking::panic_fmt", "rust-panic"},
                 {"std::panicking::begin_panic::{closure}", "rust-panic"},
                 {"std::panicking::try::do_call", "abort"},
                 {"std::panicking::catch_unwind", "abort"},
                 {"runtime.fatalpanic", "go"},
                 {"main", "abort"}};
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        struct arena arena = {0};
        struct crash_frame frames[] = {
            {.function = "raise"}, {.function = signs[i].function}, {.function = "main"}};
        struct crash_stack stack = {.frames = frames, .n_frames = 3};
        struct explanation why = {.class = "abort", .reason = "the program called abort()"};
        explain_by_frames(&stack, &arena, &why);
        assert_string_equal(why.class, signs[i].class);
        frames[1].is_approximate = true; /* a nearest symbol proves nothing */
        why = (struct explanation){.class = "abort", .reason = "the program called abort()"};
        explain_by_frames(&stack, &arena, &why);
        assert_string_equal(why.class, "abort");
        arena_fini(&arena);
    }
}

static void test_own(void **state)
{
    (void)state;
    static const struct {
        const char *function, *module;
        bool is_own;
    } table[] = {{"main", "/usr/bin/trader", true},
                 {"PQexec", "/usr/lib/x86_64-linux-gnu/libpq.so.5", true},
                 {NULL, "/usr/bin/trader", true},
                 {"abort_order", "/usr/bin/trader", true},
                 {"abort", "/usr/bin/static", false},
                 {"cloned", "/usr/bin/trader", true},
                 {"memcpy", "/lib/x86_64-linux-gnu/libc.so.6", false},
                 {"memcpy", "/lib/x86_64-linux-gnu/libc-2.31.so", false},
                 {"_dl_start", "/lib64/ld-linux-x86-64.so.2", false},
                 {"std::vector<int>::at(unsigned long)", "/usr/bin/trader", false},
                 {"core::panicking::panic", "/usr/bin/rusty", false},
                 {"rusty::main", "/usr/bin/rusty", true},
                 {"__vdso_gettime", "[vdso]", false},
                 {"span_begin", "/usr/local/lib/libotelshim.so", false},
                 {"f", "/opt/libcurves.so", true},
                 {NULL, NULL, false}};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct crash_frame frame = {.function = table[i].function, .module = table[i].module};
        if (own_is(&frame) != table[i].is_own)
            fail_msg("%s in %s", table[i].function, table[i].module);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults), cmocka_unit_test(test_aarch64), cmocka_unit_test(test_abort_messages),
        cmocka_unit_test(test_sent),   cmocka_unit_test(test_seccomp), cmocka_unit_test(test_frames_add),
        cmocka_unit_test(test_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
