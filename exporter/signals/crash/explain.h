/*
 * explain: a death in words: which mistake it was, of what is known without symbols (siginfo, registers, maps, abort message),
 * and what the names of the frames add.
 *
 * Context: any. Pure; hostile input. Ownership: texts live in the arena or are literals.
 */
#ifndef OTELSHIM_CRASH_EXPLAIN_H
#define OTELSHIM_CRASH_EXPLAIN_H

#include "signals/crash/modules.h"
#include "telemetry/crash_report.h"

#define EXPLAIN_CODE_BYTES 16u

/* "SIGSEGV"; "signal 40" in the arena. */
const char *signal_name(struct arena *arena, int number);
/* "SEGV_MAPERR"; "SI_USER"; NULL: not known. */
const char *signal_code_name(int number, int code);
/* kill, sigqueue, raise, tgkill: nothing that the processor did. */
bool signal_was_sent(int code);

struct explanation {
    /*
     * One word. Faults: null, stack-overflow, unmapped, no-access, read-only, execute-data, null-call, wild-jump, non-canonical,
     * misaligned, truncated-file, hardware, division, arithmetic, illegal-instruction, trap, breakpoint, protection-key.
     * Aborts: assert, malloc, stack-smashing, fortify, exception, pure-virtual, terminate, rust-panic, go, abort.
     * Else: sent, seccomp, limit, killed, out-of-memory, vanished, signal, none.
     */
    const char *class;
    const char
        *brief; /* for the first line: a few words; NULL: the class says nothing more than the UNIX signal */
    const char *reason; /* a sentence */
    /* what tells two bugs of one class and place apart, stable over runs; NULL: nothing */
    const char *detail;
    bool has_address;
    uint64_t address;
    uint32_t sender_pid, sender_uid;
};

struct explain_input {
    const struct crash_case *crash;
    const struct crash_modules *modules;
    const uint64_t *registers;        /* NULL: none */
    uint8_t code[EXPLAIN_CODE_BYTES]; /* at the pc */
    size_t n_code;
    const char *exception_type; /* demangled; NULL: none */
};

void explain(const struct explain_input *input, struct arena *arena, struct explanation *ret_explanation);
/* Where the abort was only "abort": what the functions on the way to it say (assertion of libstdc++, Rust, Go, terminate). */
void explain_by_frames(const struct crash_stack *stack, struct arena *arena, struct explanation *explanation);

/* ---- abort_message.c ---- */
/* False: it is none that is known. `text` is redacted already. */
bool explain_abort_message(const char *text, struct arena *arena, struct explanation *ret_explanation);

/* ---- explain_memory.c ---- */
void explain_memory(const struct explain_input *input, struct arena *arena,
                    struct explanation *ret_explanation);
/* ---- explain_sent.c ---- */
/* si_pid. Holds for what was sent. */
uint32_t explain_sender(const struct crash_case *crash);
void explain_sent(const struct explain_input *input, struct arena *arena,
                  struct explanation *ret_explanation);
void explain_seccomp(const struct explain_input *input, struct arena *arena,
                     struct explanation *ret_explanation);

#endif
