/*
 * entry_priv: what the freestanding files of the crash handler share.
 *
 * Context: signal. Nothing of libc; all state is static: a vfork child shares it with its parent, hence pid and tid everywhere.
 */
#ifndef OTELSHIM_ENTRY_PRIV_H
#define OTELSHIM_ENTRY_PRIV_H

#include "crash.h"
#include "dropbox.h"
#include "sys.h"
#include <crash_slot.h>
#include <time.h>
#include <ucontext.h>

/* Longest that a dying process is held. */
#define CRASH_HOLD_NS 200000000u

/* One call of the kernel's. */
struct crash_signal {
    int number;
    uint32_t pid, tid; /* raw; pid 0: not asked yet */
    const siginfo_t *info;
    ucontext_t *context;
    uint64_t mono_ns;
};

/* Set by the constructor, before the first handler is. */
struct crash_setup {
    bool is_on;
    bool is_filtered;     /* the process began under a seccomp filter */
    uint32_t sandbox;     /* what crash_sandbox() said then */
    uint64_t frame_bytes; /* AT_MINSIGSTKSZ: what the kernel pushes */
    __typeof__(&clock_gettime) clock;
    uint64_t program_headers, n_program_headers, vdso;
    bool has_faults;  /* the table is not empty; set by the handler, as is the next */
    bool is_emulated; /* likewise: this is no Linux, or a very small one (qemu-user) */
    bool is_quiet;    /* the process has put itself under a filter since: as few system calls as possible */
};
extern HIDDEN struct crash_setup crash_setup;

/* Changes when the process puts itself under seccomp: two system calls. */
static inline uint32_t crash_sandbox(void)
{
    long filter = sys_call6(__NR_prctl, 21 /* PR_GET_SECCOMP */, 0, 0, 0, 0, 0);
    long no_new = sys_call6(__NR_prctl, 39 /* PR_GET_NO_NEW_PRIVS */, 0, 0, 0, 0, 0);
    if (filter == -22 /* EINVAL: a kernel without seccomp; other errors come from a filter */)
        filter = 0;
    return (uint32_t)(filter != 0) << 1 | (uint32_t)(no_new == 1);
}

/* Byte by byte to the eye, and no call of memcpy to the compiler. */
static inline void crash_copy(void *to, const void *from, size_t bytes)
{
#if defined(__x86_64__)
    size_t words = bytes / 8, rest = bytes % 8;
    __asm__ volatile("rep movsq\n\tmovq %3, %%rcx\n\trep movsb"
                     : "+&D"(to), "+&S"(from), "+&c"(words)
                     : "r"(rest)
                     : "memory");
#else
    uint8_t *at = to;
    const uint8_t *source = from;
    for (; bytes >= 8 && !(((uintptr_t)at | (uintptr_t)source) & 7); bytes -= 8, at += 8, source += 8)
        *(volatile uint64_t *)(void *)at = *(const volatile uint64_t *)(const void *)source;
    for (; bytes; bytes--)
        *(volatile uint8_t *)at++ = *(const volatile uint8_t *)source++;
#endif
}

static inline void crash_zero(void *to, size_t bytes)
{
    volatile uint8_t *at = to;
    for (; bytes >= 8; bytes -= 8, at += 8)
        *(volatile uint64_t *)(volatile void *)at = 0;
    for (; bytes; bytes--)
        *at++ = 0;
}

/* libc's own, which asks the vDSO: a quarter of a system call's time, where a program handles a million faults a second. */
static inline uint64_t crash_now_ns(void)
{
    struct timespec now = {0, 0};
    (void)crash_setup.clock(1 /* CLOCK_MONOTONIC */, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- entry_fault.c ---- */
HIDDEN uint64_t fault_stack_pointer(const ucontext_t *context);
HIDDEN uint64_t fault_frame_pointer(const ucontext_t *context);
HIDDEN uint64_t fault_counter(const ucontext_t *context);
/* The alternate stack that the interrupted code stood on. */
HIDDEN bool fault_is_on_alternate(const ucontext_t *context, uint64_t *ret_low, uint64_t *ret_high);
/* All of it but `sequence`, `tid` and `pid`. */
HIDDEN void fault_fill(struct wire_fault *fault, const struct crash_signal *signal,
                       enum wire_fault_kind kind);
/* Into the table of the last fault of each thread. NULL: no entry could be had without waiting. */
HIDDEN struct wire_fault *fault_note(uint8_t *slot, const struct crash_signal *signal,
                                     enum wire_fault_kind kind, uint32_t flags);
HIDDEN struct wire_fault *fault_find(uint8_t *slot, uint32_t tid);
/* Did it happen in the handler for another one, which is still at work? (The JVM probes memory while it writes its error report.) */
HIDDEN bool fault_is_nested(uint8_t *slot, const struct crash_signal *signal);
/* Is the handler that was called for it still below `stack_pointer`? The kernel's frame must be as it was. */
HIDDEN bool fault_is_running(const struct wire_fault *fault, uint64_t stack_pointer);

/* ---- entry_slot.c ---- */
/* `is_again`: the first try was cut off by a fault; what may have been its cause is left out. *ret_is_written is set on the way. */
HIDDEN void slot_write(uint8_t *slot, const struct crash_signal *signal, enum wire_fault_kind kind,
                       bool is_again, uint32_t *ret_is_written);

/* ---- entry_capture.c ---- */
/* One thread of all that share this memory captures at a time. */
HIDDEN bool capture_claim(const struct crash_signal *signal, enum wire_fault_kind kind, uint64_t wait_ns);
/* Of a FATAL one only for other processes: threads of its own wait for its death. */
HIDDEN void capture_release(const struct crash_signal *signal);
/* Is a thread of this process about to die? Was it this one, and death did not come? */
HIDDEN bool capture_is_dying(uint32_t pid);
HIDDEN bool capture_was_made(const struct crash_signal *signal);
/* Everything into the slot; what is not HANDLED waits for the exporter. The claim is held. Mask and alternate stack are kept. */
HIDDEN void capture_run(void);
/* True: a signal that reached the capture itself. A fault's context now continues behind it. */
HIDDEN bool capture_undo(int number, const siginfo_t *info, ucontext_t *context);

/* ---- entry_*.S ---- */
struct crash_landing {
    uint64_t registers[12];
};
/* Runs `function` on the stack that ends at `stack_end`. 1: it was left through crash_landed. */
HIDDEN uint32_t crash_run(void (*function)(void), void *stack_end, struct crash_landing *landing);
HIDDEN void crash_landed(void);

#endif
