/* case_priv: what case.c (writes) and case_read.c (reads) must agree on: the sections. */
#ifndef OTELSHIM_CRASH_CASE_PRIV_H
#define OTELSHIM_CRASH_CASE_PRIV_H

#include "sources/crash/case.h"

#define CASE_MAGIC "OTSHCASE"
#define CASE_VERSION 1u
#define CASE_SPAN_TEXTS 5u

enum section {
    SECTION_END = 1,
    SECTION_HEAD,
    SECTION_ARGUMENTS, /* each with its NUL */
    SECTION_MODULES,
    SECTION_THREAD,
    SECTION_MEMORY, /* u64 address, then the bytes */
    SECTION_OPEN_SPAN,
    SECTION_RECENT_SPAN,
    SECTION_TEXT = 64, /* one kind for each row of case_texts[] */
};

struct case_head {
    char id[40];
    uint64_t time_unix_ns, uptime_ns, address, fault_repeats, rss_bytes;
    uint32_t kind, pid, tid, uid, machine, n_thrown_frames;
    int32_t signal, code, ended_status, dumped_core;
    uint8_t siginfo[128];
    uint64_t thrown_frames[WIRE_THROWN_FRAMES];
};

struct case_thread {
    uint32_t tid, is_crashed, is_incomplete, reserved;
    char name[24];
    uint64_t registers[WIRE_REGISTERS];
};

struct case_span { /* its texts follow, each with its NUL: name, kind, trace id, span id, status */
    uint64_t start_unix_ns, end_unix_ns;
    uint32_t tid, reserved;
};

/* Offsets in struct crash_case of its texts, in the order of their kinds. Append only. */
#define CASE_N_TEXTS 16u
extern const size_t case_texts[CASE_N_TEXTS];

#endif
