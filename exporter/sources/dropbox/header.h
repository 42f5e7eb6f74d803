/*
 * header: the header area of a mapped file, validated on a copy and turned into a struct process.
 *
 * Context: loop. Pure. Ownership: the process points into `memory`, one allocation, the caller's to free.
 */
#ifndef OTELSHIM_SOURCE_DROPBOX_HEADER_H
#define OTELSHIM_SOURCE_DROPBOX_HEADER_H

#include "telemetry/process.h"
#include <wire.h>

/* Where things are in this file: checked to lie within it. */
struct header_layout {
    uint64_t chunk_lines, acknowledged, closed_roots, thread_slots, operation_slots, crash_slot,
        chunks; /* offsets */
    uint32_t n_chunks, n_thread_slots, n_operation_slots;
    bool has_crash_slot; /* of the size that is known here */
    uint32_t state;      /* WIRE_STATE_… as it was */
    uint32_t pid;        /* as the process sees it */
    uint64_t created_mono_ns;
    int64_t mono_to_unix_ns; /* at the making of the file */
};

struct header {
    struct process process;
    struct header_layout layout;
    void *memory;
};

/*
 * `area` is a copy of the first n_bytes of a file of file_bytes. 0; -EAGAIN while the magic is missing (the file is
 * being made); -EPROTONOSUPPORT for a newer version or an unknown incompatible feature; -EBADMSG with the reason in
 * *ret_reason (a literal) when it is no honest header. pid, uid, is_foreign and secrets are the caller's to set.
 */
int header_decode(const uint8_t *area, size_t n_bytes, uint64_t file_bytes, struct header *ret_header,
                  const char **ret_reason);

#endif
