/*
 * crash: what the parts of shim/crash/ want of each other.
 *
 *   disposition.c  what the program believes about its UNIX signals; what the kernel is told instead. disposition_calls.c: sigaction();
 *                  signal_calls.c: signal() and its relatives
 *   entry_*.S      the kernel's handler for them: asks entry.c, then jumps to the program's own handler or returns
 *   entry.c        freestanding: decides; dies as the program would have died. entry_fault.c: who and where; entry_slot.c: into
 *                  the crash slot; entry_capture.c: on a stack of its own, bell, wait for "captured"
 *   crash.c        starts it all; what exit asks
 *   memory.c       freestanding: copies out of memory that may not be there
 *   modules.c      freestanding: the loader's list, without its locks
 *   altstack.c     an alternate stack for every thread that has none of its own
 *   thrown.c       the last C++ exception of each thread
 *
 * Context: signal, unless a comment says cold. Freestanding code uses raw system calls (sys.h) and nothing of libc: no TLS, no PLT,
 * no allocation, no lock, no fork; its undefined symbols and its stack frame are checked by tests/lint.
 */
#ifndef OTELSHIM_CRASH_H
#define OTELSHIM_CRASH_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HIDDEN __attribute__((visibility("hidden")))
#define EXPORTED __attribute__((visibility("default")))

/* Kernel numbering: 1..64. */
#define CRASH_SIGNALS 65

/* The kernel's struct sigaction (rt_sigaction), as the program asked for it. */
struct disposition {
    uint64_t handler; /* SIG_DFL 0, SIG_IGN 1, else the address */
    uint64_t flags;   /* SA_… as the program gave them, without SA_RESTORER */
    uint64_t mask;    /* signals 1..64 are bits 0..63 */
};

/* ---- disposition.c ---- */
/* Cold, constructor: takes every crash signal whose action is SIG_DFL now, and notes the others as the program's own. */
HIDDEN void disposition_start(void);
/* Cold: does somebody else manage these signals, so that we keep out? Sanitizers, valgrind, libjsig of the JVM, Android's libsigchain;
 * or a libc whose signal() we do not know (musl). */
HIDDEN bool crash_has_manager(void);
/* What the program believes. Torn reads are prevented by a sequence; never waits: after 8 tries the last one counts. */
HIDDEN void disposition_get(int signal, struct disposition *ret_disposition);
/* The program's handler is about to be called: does what SA_RESETHAND asks. False: another thread has just used it up, and the
 * program's view is SIG_DFL by now. */
HIDDEN bool disposition_note_call(int signal, const struct disposition *disposition);
/* Sets the kernel's action to SIG_DFL, by a raw system call: the next one of these kills. */
HIDDEN void disposition_let_die(int signal);

/* ---- crash.c ---- */
/* Cold, constructor: the parts in their order, where capture is on. */
HIDDEN void crash_start(void);
/* Cold: the process is about to exit. True: out of the program's handler for a fault, so it is no clean exit. */
HIDDEN bool crash_note_exit(void);

/* ---- entry.c ---- */
/* What the kernel calls (assembly). */
HIDDEN void crash_entry(int signal, siginfo_t *info, void *context);
/* Called by it: the address of the program's handler to jump to; 0: return. */
HIDDEN uint64_t crash_decide(int signal, siginfo_t *info, void *context);
/* Cold, constructor: false where crash capture is off (OTELSHIM_CRASH=0, inert). */
HIDDEN bool crash_is_on(void);

/* ---- memory.c ---- */
/* Copies what can be read of [from, from + bytes); returns how many bytes from the beginning were. */
HIDDEN size_t memory_copy(void *to, uint64_t from, size_t bytes);
/* The same, by no system call that a seccomp filter may kill for; what another thread unmaps meanwhile is a fault. */
HIDDEN size_t memory_copy_by_pages(void *to, uint64_t from, size_t bytes);
HIDDEN bool memory_is_readable(uint64_t address);

/* ---- modules.c ---- */
/* Writes struct wire_module one after the other; returns the bytes written. */
HIDDEN uint32_t modules_write(uint8_t *to, uint32_t max_bytes, uint32_t *ret_n, bool *ret_is_cut);

/* ---- altstack.c ---- */
/* Cold, constructor: for the thread that runs it. */
HIDDEN void altstack_start(void);
/* Is `address` on an alternate stack of ours? Then its bounds. */
HIDDEN bool altstack_find(uint64_t address, uint64_t *ret_low, uint64_t *ret_high);

/* ---- thrown.c ---- */
struct wire_crash;
/* The calling thread's last uncaught throw, into the slot's thrown_… fields. */
HIDDEN void thrown_copy(struct wire_crash *crash);

#endif
