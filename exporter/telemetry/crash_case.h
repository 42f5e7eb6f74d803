/*
 * crash_case: what is known of a death, raw: the noun between sources/crash (who collects it, keeps it on disk) and
 * signals/crash (who explains it). The disposable child that symbolises gets it as a file and nothing else.
 *
 * Context: loop, commands. Ownership: all of it lives in the case's arena. Hostile: it came from a crashed process; lengths were
 * checked when it was copied, texts are bytes of any kind.
 */
#ifndef OTELSHIM_CRASH_CASE_H
#define OTELSHIM_CRASH_CASE_H

#include "base/arena.h"
#include <crash_slot.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum crash_kind {
    CRASH_SIGNAL,   /* a UNIX signal killed it; there are registers unless `registers_missing` says why not */
    CRASH_HANDLED,  /* a fault that the program handled, and then ended of: by abort, exit or a signal */
    CRASH_KILLED,   /* SIGKILL and its like: nobody could capture anything */
    CRASH_OOM,      /* by the kernel, for want of memory */
    CRASH_VANISHED, /* gone; how is not known */
    CRASH_STACKS,   /* lives: `otelshim stacks`, the watchdog */
};

struct crash_memory { /* a piece of the process's memory */
    uint64_t address;
    const uint8_t *bytes;
    size_t n_bytes;
};

struct crash_thread {
    uint32_t tid;
    char name[17];
    bool is_crashed, is_incomplete; /* did not stop in time */
    uint64_t registers[WIRE_REGISTERS];
    const struct crash_memory *memory; /* its stack */
    uint32_t n_memory;
};

struct crash_span { /* open when it died, or finished shortly before: already named and redacted */
    const char *name, *kind;
    const char *trace_id, *span_id; /* hexadecimal */
    uint32_t tid;
    uint64_t start_unix_ns, end_unix_ns; /* end 0: open */
    const char *status;                  /* "unset", "ok", "error" */
};

struct crash_case {
    struct arena arena;
    enum crash_kind kind;
    char id[37]; /* UUID, text: made of what the process is, so that two exporters name one death alike */
    uint64_t time_unix_ns;
    uint32_t pid, tid, uid;
    uint16_t machine;
    const char *exe, *service, *service_version, *environment, *host;
    const char *const *arguments; /* raw: redacted by signals/crash */
    uint32_t n_arguments;
    uint64_t uptime_ns; /* since the process began; 0 unknown */
    /* of the fault; `signal` 0: none */
    int signal, code;
    uint64_t address;
    uint8_t siginfo[128];
    const char *abort_message; /* bytes; NULL none */
    const char *thrown_type;   /* mangled; NULL none */
    const char *thrown_what;
    uint64_t thrown_frames[WIRE_THROWN_FRAMES];
    uint32_t n_thrown_frames;
    uint64_t fault_repeats;
    const char *registers_missing, *threads_missing; /* why; NULL: they are there */
    const char *maps;       /* text of /proc/PID/maps; NULL: could not be read, then `modules` */
    const uint8_t *modules; /* struct wire_module, one after the other */
    size_t modules_bytes;
    struct crash_thread *threads; /* the crashing one first */
    uint32_t n_threads;
    const struct crash_span *open_spans, *recent_spans; /* recent: the last 20, oldest first */
    uint32_t n_open_spans, n_recent_spans;
    const char *trace_id, *span_id; /* of the span that the crashing thread was in; NULL none */
    /* how the process ended, as far as anybody knows: "signal", "exit", "killed", "oom", "vanished", "unknown", "lives" */
    const char *ended_by;
    int ended_status; /* signal number or exit status; -1 unknown */
    bool dumped_core;
    uint64_t rss_bytes; /* last seen; 0 unknown */
    const char *root;   /* prefix of its files: of another mount namespace, while it lives; "" none */
    const char *debuginfod;
};

/* A zeroed one is empty. */
void crash_case_fini(struct crash_case *crash);

/* The file format: sections of { u32 kind, u32 bytes }, checked on reading: -EBADMSG; others are -errno. */
int crash_case_write(const struct crash_case *crash, int directory, const char *name);
int crash_case_write_to(const struct crash_case *crash, int fd);
int crash_case_read(struct crash_case *ret_crash, int fd);

#endif
