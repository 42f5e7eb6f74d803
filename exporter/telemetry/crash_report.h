/*
 * crash_report: a death as it is told: named, explained, redacted. Made of a struct crash_case by signals/crash; what is written
 * to disk, shown, and sent.
 *
 * Context: loop, commands. Ownership: all of it lives in the report's arena. Texts are valid UTF-8; NULL: not known.
 */
#ifndef OTELSHIM_CRASH_REPORT_H
#define OTELSHIM_CRASH_REPORT_H

#include "telemetry/crash_case.h"

#define CRASH_REPORT_SCHEMA 1

struct crash_frame {
    const char *function; /* demangled */
    const char *file;
    const char *module, *build_id;
    uint64_t address, offset; /* offset: in the module, as addr2line wants it */
    uint64_t cfa;             /* where it ends on the stack; 0 unknown; not in the report's files */
    uint32_t line, column;
    bool is_inlined;     /* into the next frame */
    bool is_signal;      /* the kernel's frame of a UNIX-signal handler */
    bool is_approximate; /* nearest exported symbol */
    bool is_mismatched;  /* the file on disk is not the one that ran */
    bool is_own;         /* the program's own code (own.h) */
    const char *guess;   /* "frame-pointer", "scan", "fixed-up"; NULL: sure */
};

struct crash_stack {
    struct crash_frame *frames; /* innermost first */
    uint32_t n_frames;
    uint32_t n_left_out, left_out_at; /* of a very deep stack: how many, in front of which frame */
    uint32_t recursion_at, recursion_period,
        recursion_times; /* the same frames over and over; times 0: none */
    const char *unwinder, *end_reason;
};

struct crash_report_thread {
    uint32_t tid;
    const char *name;
    bool is_crashed, is_incomplete;
    struct crash_stack stack;
};

struct crash_register {
    const char *name;
    uint64_t value;
};

struct crash_report {
    struct arena arena;
    const char *id;
    enum crash_kind kind;
    uint64_t time_unix_ns, uptime_ns, rss_bytes;
    uint32_t pid, tid, uid;
    const char *machine, *exe, *service, *service_version, *environment, *host;
    const char **arguments;
    uint32_t n_arguments;
    /* what happened */
    int signal_number;
    const char *signal, *code; /* "SIGSEGV", "SEGV_MAPERR" */
    bool has_address;
    uint64_t address;
    const char *class;               /* one word for the kind of mistake: "null", "assert", … (explain.h) */
    const char *reason;              /* one sentence */
    const char *message;             /* abort message, or what() */
    const char *exception_type;      /* of C++: demangled */
    const char *title;               /* the first line: what, where, doing what */
    uint32_t sender_pid, sender_uid; /* of a UNIX signal that was sent; pid 0: it was not */
    /* where */
    struct crash_register *registers;
    uint32_t n_registers;
    struct crash_report_thread *threads; /* the crashed one first */
    uint32_t n_threads;
    struct crash_stack thrown; /* where the exception was thrown */
    const char *registers_missing, *threads_missing;
    /* doing what */
    struct crash_span *open_spans, *recent_spans;
    uint32_t n_open_spans, n_recent_spans;
    const char *trace_id, *span_id;
    const char *fingerprint; /* 64 hexadecimal digits */
    const char *ended_by;
    int ended_status;
    bool dumped_core;
};

#endif
