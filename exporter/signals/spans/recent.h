/*
 * recent: the last finished spans of a process, for its crash report: ids, times and names, no attributes.
 *
 * Context: loop, once per span: a copy of at most 128 bytes. Ownership: the process's; recent_list() copies.
 */
#ifndef OTELSHIM_RECENT_H
#define OTELSHIM_RECENT_H

#include "telemetry/crash_case.h"
#include "telemetry/span.h"

#define RECENT_SPANS 20u
#define RECENT_NAME_BYTES 80u

struct recent_span {
    uint8_t trace_id[16], span_id[8];
    uint64_t start_unix_ns, end_unix_ns;
    uint32_t tid;
    uint8_t kind, status, name_bytes, reserved;
    char name[RECENT_NAME_BYTES];
};

struct recent { /* a zeroed one is empty */
    uint32_t next, n;
    struct recent_span items[RECENT_SPANS];
};

void recent_add(struct recent *recent, const struct span *span, uint32_t tid);
/* Oldest first, in the arena. NULL: none. */
struct crash_span *recent_list(const struct recent *recent, struct arena *arena, uint32_t *ret_n);
/* One span in the form of a crash case; `is_open`: it has no end yet. */
void recent_describe(struct crash_span *to, struct arena *arena, const struct span *span, uint32_t tid,
                     bool is_open);

#endif
