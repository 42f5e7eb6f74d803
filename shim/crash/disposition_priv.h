/*
 * disposition_priv: what disposition.c (freestanding), disposition_calls.c and signal_calls.c (the interposed names) share.
 *
 * Context: signal, unless a comment says cold.
 */
#ifndef OTELSHIM_DISPOSITION_PRIV_H
#define OTELSHIM_DISPOSITION_PRIV_H

#include "crash/crash.h"

#ifndef SA_RESTORER
#define SA_RESTORER 0x04000000
#endif

/* What the program would read back, to the bit. */
struct disposition_view {
    struct disposition program; /* flags with SA_RESTORER, as libc shows them */
    uint64_t restorer;
};

/* struct sigaction as the kernel has it, on both architectures. */
struct disposition_kernel {
    uint64_t handler, flags, restorer, mask;
};

/* Whom a call for a signal that is nothing to us goes to. */
enum disposition_way {
    DISPOSITION_BY_LIBC,
    DISPOSITION_UNDECIDED, /* by libc until somebody has looked whose sigaction() that is */
    DISPOSITION_BY_KERNEL
};

/*
 * What sigaction() looks at first, side by side. Signals that are taken, were once asked to run on alternate stacks, or are libc's own
 * business: a bit for each; all others are the kernel's alone. `real_sigaction` is NULL until it was looked up.
 */
struct disposition_words {
    _Alignas(32) uint64_t special;
    void *real_sigaction;
    uint64_t
        restorer; /* libc's way back from handlers; 0: the kernel has its own (aarch64), or it is not known yet */
    uint32_t way; /* enum disposition_way */
};
extern HIDDEN struct disposition_words disposition_words;
/* Is it one of ours, and are we at work? */
HIDDEN bool disposition_is_taken(int signal);
/* Cold: from now on disposition_is_taken(). */
HIDDEN void disposition_take(int signal);
HIDDEN void disposition_load(int signal, struct disposition_view *ret_view);
/* Under sharing_lock() only. */
HIDDEN void disposition_publish(int signal, const struct disposition_view *view);
/* What the kernel is told for a view that is not SIG_IGN. */
HIDDEN void disposition_for_kernel(int signal, const struct disposition_view *view,
                                   struct disposition_kernel *ret_kernel);
/* sigaction(), for whoever calls it on the program's behalf. */
HIDDEN int disposition_change(int number, const struct sigaction *action, struct sigaction *old);
/* The flags in which the kernel's action may differ from the program's. */
#define DISPOSITION_OUR_FLAGS (SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_RESETHAND)

#endif
