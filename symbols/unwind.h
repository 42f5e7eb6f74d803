/*
 * unwind: registers and memory → return addresses. What an unwinder is, and what it fills.
 *
 * Context: commands. Errors: a trace that is short, and says why.
 */
#ifndef OTELSHIM_UNWIND_H
#define OTELSHIM_UNWIND_H

#include "symbols_priv.h"

#define TRACE_TOP 32u               /* kept of each end of a stack that is deeper than SYMBOLS_MAX_FRAMES */
#define TRACE_SKIP_AFTER 1024u      /* from so many frames on a recursion is stepped over */
#define TRACE_MAX (1u << 22)        /* nothing is deeper */
#define TRACE_MAX_WALKED (1u << 18) /* by rule, one by one: a second */
#define TRACE_MAX_SIGNALS 64u       /* a made-up signal frame may lead to itself */
#define TRACE_PERIODS 16u

struct trace_frame {
    uint64_t pc, sp, fp; /* fp: the register that may be a frame pointer */
    bool is_exact;       /* pc is where it stood, not where a call returns to */
    bool is_signal;      /* the trampoline that a handler returns to */
    enum symbols_guess guess;
};

struct trace_run {
    uint64_t length; /* frames that are as the one `period` before */
    uint32_t start;
};

struct trace {
    struct trace_frame first[SYMBOLS_MAX_FRAMES];
    struct trace_frame last[TRACE_TOP]; /* ring: frame i of the stack at i % TRACE_TOP */
    uint32_t n;                         /* of the whole stack */
    bool is_complete;                   /* reached the thread's first frame */
    const char *end_reason;
    uint32_t n_walked, n_signals;
    uint32_t n_by_rule; /* frames that are no guess */
    struct trace_run runs[TRACE_PERIODS], best[TRACE_PERIODS];
};

struct unwinder {
    const char *name;
    /* Appends to `trace`, whose frames so far lead to these registers; the first frame that it appends is theirs. */
    void (*walk)(struct symbols *symbols, const uint64_t registers[SYMBOLS_REGISTERS], struct trace *trace);
};

extern const struct unwinder unwind_dwfl, unwind_libunwind, unwind_frame_pointer, unwind_scan;

/* symbols_walk() by these two: the second is asked where the first one ends before the thread's first frame. */
const struct symbols_stack *choose_walk(struct symbols *symbols, const uint64_t registers[SYMBOLS_REGISTERS],
                                        const struct unwinder *const by[2]);

/* DWARF numbers of what every unwinder needs. */
struct machine {
    uint16_t number;
    uint8_t pc, sp, fp, link; /* link 0: return addresses are on the stack */
    uint8_t n_registers;
};
const struct machine *machine_of(const struct symbols *symbols);

/* False: enough, `end_reason` says why. */
bool trace_add(struct symbols *symbols, struct trace *trace, const struct trace_frame *frame);
/*
 * Counts the frames of a recursion that is under way, as far as the words of the stack say that it goes on. Returns how many were
 * added; 0: none. The unwinder is to go on with *ret_next, which is not yet among them.
 */
uint32_t trace_skip(struct symbols *symbols, struct trace *trace, struct trace_frame *ret_next);
const struct trace_frame *trace_last(const struct trace *trace);

#endif
