/*
 * record: decodes and validates records, shared facts and staged facts, always on a copy of the host's bytes.
 *
 * Context: loop. Pure but for the memory of a chunk's shared facts. Ownership: what a raw span points to lies in the
 * copy that was decoded and in that memory.
 */
#ifndef OTELSHIM_SOURCE_DROPBOX_RECORD_H
#define OTELSHIM_SOURCE_DROPBOX_RECORD_H

#include "telemetry/raw_count.h"
#include "telemetry/raw_log.h"
#include "telemetry/raw_measurement.h"
#include "telemetry/raw_span.h"
#include "telemetry/raw_stack.h"
#include <wire.h>

struct record_shared;

#define RECORD_BUCKETS 8u

/* FACTS records of one chunk, by number. A zeroed one is empty and ready for use. */
struct record_memory {
    struct record_shared *buckets[RECORD_BUCKETS];
    uint32_t bytes; /* allocated */
};

/* What decoding needs to know of the process, and room for one span's facts. */
struct record_context {
    const struct process *process;
    uint32_t max_memory_bytes; /* shared facts of one chunk beyond this are forgotten */
    struct raw_fact facts[RAW_MAX_FACTS];
};

enum record_result {
    RECORD_SPAN,        /* `raw` is a span */
    RECORD_ROOT,        /* `raw` is a root, `slot` its thread slot */
    RECORD_COUNT,       /* `count` is a number that changed */
    RECORD_LOG,         /* `log` is something the program said */
    RECORD_MEASUREMENT, /* `measurement` is of an instrument of its own */
    RECORD_STACK,       /* `stack` is where a call failed that is yet to come */
    RECORD_NOTHING,     /* shared facts, remembered; or a kind from the future, skipped */
    RECORD_INVALID,     /* the record is wrong, the next one may be right */
    RECORD_BROKEN,      /* its length is wrong: nothing behind it can be found */
};

struct record {
    uint32_t bytes; /* its length; not for RECORD_BROKEN */
    uint32_t slot;
    /* process, instrumentation, span, times, outcome and facts are set, the rest is zero */
    struct raw_span raw;
    struct raw_count count;
    struct raw_log log; /* without mono_to_unix_ns, like the next */
    struct raw_measurement measurement;
    struct raw_stack stack;
};

void record_memory_fini(struct record_memory *memory);

/* Decodes the record at `bytes`, of which at most n_bytes belong to it. */
enum record_result record_decode(struct record_context *context, struct record_memory *memory,
                                 const uint8_t *bytes, uint32_t n_bytes, struct record *ret_record);

/* Only remembers shared facts: after a restart, for the part of a chunk that was acknowledged before. */
void record_remember(struct record_context *context, struct record_memory *memory, const uint8_t *bytes,
                     uint32_t n_bytes);

/*
 * An open span whose staged facts are a copy at `staged`. False when its fixed part is no span's; facts are taken as
 * far as they are right.
 */
bool record_decode_open(struct record_context *context, const struct wire_open_span *open,
                        const uint8_t *staged, uint32_t n_staged, struct raw_span *ret_raw);

/* False for ids and an instrumentation that no span has. */
bool record_is_span(const struct process *process, const struct wire_span_facts *span);

/* Calls `each` with the ids of all spans and roots in the bytes. */
void record_each_id(const uint8_t *bytes, uint32_t n_bytes,
                    void (*each)(void *context, const uint8_t span_id[8], uint64_t end_mono_ns),
                    void *context);

#endif
