/* explain: see explain.h. */
#include "signals/crash/explain.h"

#include <elf.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#define SIGN_FRAMES 24u   /* from the abort to what led to it */
#define BTYPE_MASK 0xc00u /* PSTATE: an indirect branch came from where none may land */

static void explain_arithmetic(const struct explain_input *input, struct explanation *explanation)
{
    static const struct {
        int code;
        const char *class, *brief;
    } kinds[] = {
        {FPE_INTDIV, "division", "integer division by zero"},
        {FPE_INTOVF, "arithmetic", "integer overflow"},
        {FPE_FLTDIV, "division", "floating-point division by zero"},
        {FPE_FLTOVF, "arithmetic", "floating-point overflow"},
        {FPE_FLTUND, "arithmetic", "floating-point underflow"},
        {FPE_FLTRES, "arithmetic", "inexact floating-point result"},
        {FPE_FLTINV, "arithmetic", "invalid floating-point operation"},
        {FPE_FLTSUB, "arithmetic", "subscript out of range"},
    };
    explanation->class = "arithmetic";
    explanation->reason = "arithmetic error";
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (kinds[i].code == input->crash->code) {
            explanation->class = kinds[i].class;
            explanation->reason = explanation->brief = kinds[i].brief;
        }
    bool may_overflow = input->crash->code == FPE_INTDIV && input->crash->machine != EM_AARCH64;
    if (may_overflow) /* idiv reports both in the same way */
        explanation->reason = "integer division by zero (or of the smallest number by -1)";
}

static bool has_code(const struct explain_input *input, uint8_t first, uint8_t second)
{
    return input->n_code >= 2 && input->code[0] == first && input->code[1] == second;
}

static void explain_instruction(const struct explain_input *input, struct explanation *explanation)
{
    bool is_arm = input->crash->machine == EM_AARCH64;
    explanation->class = "illegal-instruction";
    explanation->brief = "illegal instruction";
    explanation->reason = "the processor does not know the instruction";
    if (!is_arm && has_code(input, 0x0f, 0x0b)) {
        explanation->class = "trap";
        explanation->brief = "trap (ud2)";
        explanation->reason =
            "a trap the compiler put there (ud2): __builtin_trap, or code that it held to be "
            "unreachable";
    } else if (is_arm && input->registers && input->registers[WIRE_AARCH64_PSTATE] & BTYPE_MASK) {
        explanation->brief = "branch target not allowed (BTI)";
        explanation->reason = "an indirect branch landed where no branch target is marked (BTI)";
    } else if (input->crash->code == ILL_PRVOPC || input->crash->code == ILL_PRVREG) {
        explanation->brief = "privileged instruction";
        explanation->reason = "an instruction that only the kernel may use";
    }
}

static void explain_trap(const struct explain_input *input, struct explanation *explanation)
{
    bool is_breakpoint = input->crash->code == TRAP_BRKPT || input->crash->code == SI_KERNEL;
    explanation->class = is_breakpoint ? "breakpoint" : "trap";
    explanation->brief = is_breakpoint ? "breakpoint instruction" : "trap";
    explanation->reason =
        is_breakpoint
            ? "a breakpoint instruction, and no debugger (int3, brk: __builtin_debugtrap, or a trap)"
            : "a trace trap, and no debugger";
}

static void explain_abort(const struct explain_input *input, struct arena *arena,
                          struct explanation *explanation)
{
    const struct crash_case *crash = input->crash;
    bool is_own = !signal_was_sent(crash->code) || crash->code == SI_TKILL || crash->code == SI_USER;
    explain_sent(input, arena, explanation);
    if (!is_own || strcmp(explanation->class, "abort") != 0)
        return;
    if (input->exception_type) {
        const char *what = crash->thrown_what && *crash->thrown_what ? crash->thrown_what : NULL;
        explanation->class = "exception";
        explanation->brief =
            arena_printf(arena, "uncaught %s%s%s", input->exception_type, what ? ": " : "", what ? what : "");
        explanation->reason = arena_printf(arena, "uncaught C++ exception %s%s%s", input->exception_type,
                                           what ? ": " : "", what ? what : "");
        explanation->detail = input->exception_type;
    } else if (crash->abort_message) {
        explain_abort_message(crash->abort_message, arena, explanation);
    }
}

/* The kernel's SIGXFSZ looks like one that the program sent itself by kill(2): SI_USER with its own pid. */
static bool is_limit(const struct crash_case *crash)
{
    return (crash->signal == SIGXCPU && !signal_was_sent(crash->code)) ||
           (crash->signal == SIGXFSZ && (!signal_was_sent(crash->code) ||
                                         (crash->code == SI_USER && explain_sender(crash) == crash->pid)));
}

static void explain_unix_signal(const struct explain_input *input, struct arena *arena,
                                struct explanation *explanation)
{
    const struct crash_case *crash = input->crash;
    explanation->class = "signal";
    explanation->reason = arena_printf(arena, "%s", signal_name(arena, crash->signal));
    if (crash->signal == SIGABRT)
        explain_abort(input, arena, explanation);
    else if (crash->signal == SIGSYS && !signal_was_sent(crash->code))
        explain_seccomp(input, arena, explanation);
    else if (is_limit(crash)) {
        explanation->class = "limit";
        explanation->brief =
            crash->signal == SIGXCPU ? "CPU time limit exceeded" : "file size limit exceeded";
        explanation->reason = crash->signal == SIGXCPU ? "the CPU time limit (RLIMIT_CPU) is used up"
                                                       : "a file grew beyond its limit (RLIMIT_FSIZE)";
    } else if (signal_was_sent(crash->code))
        explain_sent(input, arena, explanation);
    else if (crash->signal == SIGSEGV || crash->signal == SIGBUS)
        explain_memory(input, arena, explanation);
    else if (crash->signal == SIGFPE)
        explain_arithmetic(input, explanation);
    else if (crash->signal == SIGILL)
        explain_instruction(input, explanation);
    else if (crash->signal == SIGTRAP)
        explain_trap(input, explanation);
}

static void explain_death(const struct explain_input *input, struct arena *arena,
                          struct explanation *explanation)
{
    const struct crash_case *crash = input->crash;
    switch (crash->kind) {
    case CRASH_KILLED:
        explanation->class = "killed";
        explanation->reason = crash->ended_status > 0 && crash->ended_status < NSIG
                                  ? arena_printf(arena, "killed by %s, which no program can handle",
                                                 signal_name(arena, crash->ended_status))
                                  : "killed, which no program can handle";
        break;
    case CRASH_OOM:
        explanation->class = "out-of-memory";
        explanation->reason =
            crash->rss_bytes
                ? arena_printf(arena, "killed by the kernel for want of memory; it last used %" PRIu64 " MiB",
                               crash->rss_bytes >> 20)
                : "killed by the kernel for want of memory";
        break;
    case CRASH_VANISHED:
        explanation->class = "vanished";
        explanation->reason = "gone without a clean exit; how it ended cannot be known here";
        break;
    default:
        explanation->class = "none";
        explanation->reason = "the program lives: these are its stacks";
    }
}

void explain(const struct explain_input *input, struct arena *arena, struct explanation *ret_explanation)
{
    const struct crash_case *crash = input->crash;
    bool is_fault = crash->kind == CRASH_SIGNAL || crash->kind == CRASH_HANDLED;
    uint32_t told; /* si_signo: 0 where no handler ran */
    memcpy(&told, crash->siginfo, sizeof(told));
    *ret_explanation = (struct explanation){.class = "signal", .reason = ""};
    if (is_fault && crash->signal > 0 && crash->registers_missing && !told)
        ret_explanation->reason =
            arena_printf(arena, "killed by %s, and no handler could run", signal_name(arena, crash->signal));
    else if (is_fault && crash->signal > 0)
        explain_unix_signal(input, arena, ret_explanation);
    else
        explain_death(input, arena, ret_explanation);
}

/* ---- what the frames add ---- */

static const struct sign {
    const char *beginning, *class, *brief;
} signs[] = {
    {"__cxa_pure_virtual", "pure-virtual", "pure virtual function called"},
    {"__cxa_deleted_virtual", "pure-virtual", "deleted virtual function called"},
    {"std::__glibcxx_assert_fail", "assert", "assertion of libstdc++ failed"},
    {"__stack_chk_fail", "stack-smashing", "stack smashing detected"},
    {"__fortify_fail", "fortify", "buffer overflow detected"},
    {"__chk_fail", "fortify", "buffer overflow detected"},
    {"malloc_printerr", "malloc", "heap corruption detected"},
    {"rust_panic", "rust-panic", "Rust panic"},
    {"__rust_start_panic", "rust-panic", "Rust panic"},
    {"std::panicking::begin_panic", "rust-panic", "Rust panic"}, /* ::try stands below every thread */
    {"std::panicking::rust_panic", "rust-panic", "Rust panic"},
    {"core::panicking::", "rust-panic", "Rust panic"},
    {"runtime.throw", "go", "fatal error of the Go runtime"},
    {"runtime.fatalpanic", "go", "Go panic"},
    {"runtime.dieFromSignal", "go", "fatal error of the Go runtime"},
    {"__cxa_call_terminate", "terminate", "exception left a function that may not throw"},
    {"__cxa_rethrow", "terminate", "rethrown exception was not caught"},
    {"std::terminate", "terminate", "std::terminate was called"},
    {"__cxxabiv1::__terminate", "terminate", "std::terminate was called"},
};

static const struct sign *find_sign(const struct crash_stack *stack)
{
    for (size_t s = 0; s < sizeof(signs) / sizeof(signs[0]); s++)
        for (uint32_t i = 0; i < stack->n_frames && i < SIGN_FRAMES; i++) {
            const char *name = stack->frames[i].function;
            if (name && !stack->frames[i].is_approximate &&
                strncmp(name, signs[s].beginning, strlen(signs[s].beginning)) == 0)
                return &signs[s];
        }
    return NULL;
}

/* The search for a handler met a function that may not throw: then it is the personality routine that terminates. */
static bool left_noexcept(const struct crash_stack *stack)
{
    for (uint32_t i = 0; i < stack->n_frames && i < SIGN_FRAMES; i++) {
        const char *name = stack->frames[i].function;
        if (name && !stack->frames[i].is_approximate &&
            (strcmp(name, "__gxx_personality_v0") == 0 || strncmp(name, "__cxa_call_terminate", 20) == 0))
            return true;
    }
    return false;
}

void explain_by_frames(const struct crash_stack *stack, struct arena *arena, struct explanation *explanation)
{
    const struct sign *sign = find_sign(stack);
    bool is_plain = strcmp(explanation->class, "abort") == 0 && !explanation->brief;
    if (is_plain && sign) {
        explanation->class = sign->class;
        explanation->brief = sign->brief;
        explanation->reason = arena_printf(arena, "%s, and the program aborted", sign->brief);
    } else if (strcmp(explanation->class, "exception") == 0 && left_noexcept(stack)) {
        explanation->reason =
            arena_printf(arena, "%s, which left a function that may not throw (noexcept, destructor)",
                         explanation->reason);
    }
}
