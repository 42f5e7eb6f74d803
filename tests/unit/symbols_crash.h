/*
 * symbols_crash: real programs that crash, for the tests of symbols/: compiled, run under ptrace until the UNIX signal that would
 * kill them, copied (registers, stack, maps), killed. What is tested sees the copy only: the process is gone.
 */
#ifndef OTELSHIM_TEST_SYMBOLS_CRASH_H
#define OTELSHIM_TEST_SYMBOLS_CRASH_H

#include "symbols.h"

#include <elf.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__x86_64__)
#define CRASH_MACHINE EM_X86_64
#else
#define CRASH_MACHINE EM_AARCH64
#endif

#define CRASH_MAX_PIECES 2u

struct crash_copy {
    pid_t pid, tid; /* tid: of the thread that got the signal */
    int signal;
    uint64_t registers[SYMBOLS_REGISTERS];
    char *maps;
    size_t maps_bytes;
    struct {
        uint64_t address;
        uint8_t *bytes;
        size_t n_bytes;
    } pieces[CRASH_MAX_PIECES]; /* the stack in use; the other stack, when that was an alternate one */
    uint32_t n_pieces;
    struct symbols_modules modules;
    struct symbols_input input;
    struct symbols *symbols;
    const struct symbols_stack *stack;
};

static inline const char *crash_directory(void)
{
    static char path[64];
    if (!path[0]) {
        snprintf(path, sizeof(path), "/tmp/test_symbols.XXXXXX");
        assert_non_null(mkdtemp(path));
    }
    return path;
}

__attribute__((format(printf, 1, 2))) static inline void crash_sh(const char *format, ...)
{
    char command[4096];
    va_list arguments;
    int at = snprintf(command, sizeof(command), "cd %s && ", crash_directory());
    va_start(arguments, format);
    vsnprintf(command + at, sizeof(command) - (size_t)at, format, arguments);
    va_end(arguments);
    if (system(command) != 0)
        fail_msg("failed: %s", command);
}

/* For a group of tests, when it is over. */
static inline int crash_remove_directory(void **state)
{
    (void)state;
    crash_sh("rm -rf %s", crash_directory());
    return 0;
}

/* A compiler that `make deps` does not bring: without it the test is skipped, and says so. */
static inline void crash_need(const char *test, const char *compiler)
{
    char command[64];
    snprintf(command, sizeof(command), "%s --version >/dev/null 2>&1", compiler);
    if (system(command) == 0)
        return;
    print_message("skipped: %s: no %s\n", test, compiler);
    skip();
}

static inline void crash_source(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", crash_directory(), name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static inline bool crash_read(void *context, uint64_t address, void *to, size_t bytes)
{
    const struct crash_copy *crash = context;
    for (uint32_t i = 0; i < crash->n_pieces; i++) {
        uint64_t from = crash->pieces[i].address, n = crash->pieces[i].n_bytes;
        if (address >= from && address - from <= n && bytes <= n - (address - from)) {
            memcpy(to, crash->pieces[i].bytes + (address - from), bytes);
            return true;
        }
    }
    return false;
}

static inline void crash_copy_registers(struct crash_copy *crash)
{
#if defined(__x86_64__)
    struct user_regs_struct r;
    assert_int_equal(ptrace(PTRACE_GETREGS, crash->tid, NULL, &r), 0);
    const uint64_t by_number[] = {r.rax, r.rdx, r.rcx, r.rbx, r.rsi, r.rdi, r.rbp, r.rsp, r.r8,
                                  r.r9,  r.r10, r.r11, r.r12, r.r13, r.r14, r.r15, r.rip};
    memcpy(crash->registers, by_number, sizeof(by_number));
#else
    struct iovec iov = {crash->registers, 33 * 8};
    assert_int_equal(ptrace(PTRACE_GETREGSET, crash->tid, NT_PRSTATUS, &iov), 0);
#endif
}

static inline uint64_t crash_sp(const struct crash_copy *crash)
{
    return crash->registers[CRASH_MACHINE == EM_X86_64 ? 7 : 31];
}

/* The mapping around an address, or the next above it, from there upwards, at most `max` bytes. */
static inline void crash_copy_piece(struct crash_copy *crash, uint64_t address, size_t max)
{
    for (uint32_t i = 0; i < crash->modules.n; i++) {
        const struct symbols_module *module = &crash->modules.items[i];
        if (address >= module->high || crash->n_pieces == CRASH_MAX_PIECES || !module->is_writable)
            continue;
        address = address < module->low ? module->low : address;
        size_t n = module->high - address < max ? module->high - address : max;
        uint8_t *bytes = malloc(n);
        struct iovec local = {bytes, n}, remote = {(void *)address, n};
        assert_true(process_vm_readv(crash->pid, &local, 1, &remote, 1, 0) == (ssize_t)n);
        crash->pieces[crash->n_pieces].address = address;
        crash->pieces[crash->n_pieces].bytes = bytes;
        crash->pieces[crash->n_pieces++].n_bytes = n;
        return;
    }
}

static inline void crash_copy_maps(struct crash_copy *crash)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/maps", crash->pid);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    crash->maps = malloc(1 << 20);
    for (ssize_t n; (n = read(fd, crash->maps + crash->maps_bytes, (1 << 20) - crash->maps_bytes)) > 0;)
        crash->maps_bytes += (size_t)n;
    close(fd);
    assert_int_equal(symbols_parse_maps(crash->maps, crash->maps_bytes, &crash->modules), 0);
}

/* Runs "./program" in the directory until it gets a deadly signal, for the `nth` time; copies it, and kills it. */
static inline void crash_run(struct crash_copy *crash, const char *program, int nth, size_t stack_max)
{
    int status = 0;
    memset(crash, 0, sizeof(*crash));
    crash->pid = fork();
    if (crash->pid == 0) {
        if (chdir(crash_directory()) != 0 || ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
            _exit(1);
        execl(program, program, (char *)NULL);
        _exit(1);
    }
    assert_true(crash->pid > 0);
    for (int signal = 0, seen = 0; seen < nth;) {
        crash->tid = waitpid(-1, &status, __WALL);
        assert_true(crash->tid > 0);
        if (!WIFSTOPPED(status) && crash->tid != crash->pid)
            continue; /* a thread that ended */
        if (!WIFSTOPPED(status))
            fail_msg("%s ended with status %#x, and not by a signal", program, status);
        /* threads are followed from the exec on, each begins with a SIGSTOP */
        ptrace(PTRACE_SETOPTIONS, crash->tid, NULL, (void *)(intptr_t)PTRACE_O_TRACECLONE);
        signal = WSTOPSIG(status) == SIGTRAP || WSTOPSIG(status) == SIGSTOP ? 0 : WSTOPSIG(status);
        crash->signal = WSTOPSIG(status);
        seen += signal == SIGSEGV || signal == SIGABRT || signal == SIGILL || signal == SIGBUS ||
                signal == SIGFPE;
        if (seen < nth)
            assert_int_equal(ptrace(PTRACE_CONT, crash->tid, NULL, (void *)(intptr_t)signal), 0);
    }
    crash_copy_registers(crash);
    crash_copy_maps(crash);
    crash_copy_piece(crash, crash_sp(crash) - 128, stack_max);
    for (uint32_t i = 0; i < crash->modules.n; i++)
        if (strcmp(crash->modules.items[i].path, "[stack]") == 0 &&
            (crash_sp(crash) < crash->modules.items[i].low ||
             crash_sp(crash) >= crash->modules.items[i].high))
            crash_copy_piece(crash, crash->modules.items[i].low, stack_max);
    kill(crash->pid, SIGKILL);
    for (pid_t ended = 0; ended != crash->pid; ended = waitpid(-1, &status, __WALL))
        assert_true(ended >= 0);
}

static inline void crash_walk_of(struct crash_copy *crash, uint16_t machine)
{
    crash->input.machine = machine;
    crash->input.modules = crash->modules.items;
    crash->input.n_modules = crash->modules.n;
    crash->input.read = crash_read;
    crash->input.context = crash;
    assert_int_equal(symbols_open(&crash->symbols, &crash->input), 0);
    crash->stack = symbols_walk(crash->symbols, crash->registers);
    assert_non_null(crash->stack);
}

static inline void crash_walk(struct crash_copy *crash)
{
    crash_walk_of(crash, CRASH_MACHINE);
}

static inline void crash_fini(struct crash_copy *crash)
{
    symbols_close(crash->symbols);
    symbols_modules_fini(&crash->modules);
    for (uint32_t i = 0; i < crash->n_pieces; i++)
        free(crash->pieces[i].bytes);
    free(crash->maps);
}

static inline void crash_print(const struct symbols_stack *stack)
{
    static const char *const guesses[] = {"", " (frame pointer)", " (scanned)", " (fixed up)"};
    printf("%u frames by %s, %u left out at %u, end: %s\n", stack->n_frames, stack->unwinder,
           stack->n_left_out, stack->left_out_at, stack->end_reason ? stack->end_reason : "first frame");
    for (uint32_t i = 0; i < stack->n_frames; i++) {
        const struct symbols_frame *frame = &stack->frames[i];
        printf("#%u %#lx %s at %s:%d:%d in %s+%#lx%s%s%s%s%s\n", i, (unsigned long)frame->pc,
               frame->function ? frame->function : "?", frame->file ? frame->file : "?", frame->line,
               frame->column, frame->module ? frame->module : "?", (unsigned long)frame->offset,
               guesses[frame->guess], frame->is_inlined ? " inlined" : "", frame->is_signal ? " signal" : "",
               frame->is_approximate ? " approximate" : "", frame->is_mismatched ? " mismatched" : "");
    }
}

/* The index of the first frame of that function from `from` on; UINT32_MAX none. */
static inline uint32_t crash_find(const struct symbols_stack *stack, const char *function, uint32_t from)
{
    for (uint32_t i = from; i < stack->n_frames; i++)
        if (stack->frames[i].function && strcmp(stack->frames[i].function, function) == 0)
            return i;
    return UINT32_MAX;
}

/* One "function file:line" per frame, as many as there are expected; "?" is no name, "-" is no line, "*" is anything. */
static inline void crash_expect(const struct symbols_stack *stack, const char *const *expected, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        char text[512] = "missing";
        if (i < stack->n_frames) {
            const struct symbols_frame *frame = &stack->frames[i];
            const char *file = frame->file ? frame->file : "-", *slash = strrchr(file, '/');
            snprintf(text, sizeof(text), "%s %s:%d%s%s", frame->function ? frame->function : "?",
                     slash ? slash + 1 : file, frame->line, frame->is_inlined ? " inlined" : "",
                     frame->guess ? " guess" : "");
        }
        if (strcmp(expected[i], "*") != 0 && strcmp(expected[i], text) != 0) {
            crash_print(stack);
            fail_msg("frame %u is \"%s\", expected \"%s\"", i, text, expected[i]);
        }
    }
}

#endif
