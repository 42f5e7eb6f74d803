/* threads_priv: what threads.c and tracer.c share: the memory in which a tracer leaves what it copied. */
#ifndef OTELSHIM_SOURCE_THREADS_PRIV_H
#define OTELSHIM_SOURCE_THREADS_PRIV_H

#include "sources/process/threads.h"

enum thread_step {
    STEP_WAITED_FOR, /* seized and asked to stop */
    STEP_STOPPED,
    STEP_COPIED,
    STEP_GONE,    /* it ended meanwhile */
    STEP_REFUSED, /* ptrace says no */
};

struct traced_thread {
    uint32_t tid;
    enum thread_step step;
    int signal; /* that it was about to get: it does when it goes on */
    bool is_let_go;
    char name[17];
    uint32_t stack_bytes;
    uint64_t stack_from;
    uint64_t registers[WIRE_REGISTERS];
};

struct tracing_range {
    uint64_t low, high;
};

struct tracing {
    uint32_t pid, except_tid;
    struct tracing_range *ranges; /* mappings, ascending */
    uint32_t n_ranges;
    uint8_t *stacks; /* THREADS_STACK_MAX each */
    /* by the tracer */
    uint32_t n_threads;
    int error; /* errno of the first refusal; 0 none */
    bool is_cut;
    uint64_t stopped_ns;
    struct traced_thread threads[THREADS_MAX];
};

/* ---- tracer.c: runs in the tracer. No allocation, no lock. ---- */
void trace(struct tracing *tracing);

#endif
