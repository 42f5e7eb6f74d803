/*
 * wire: the mapped file through which one traced process hands its records to the exporter.
 *
 * Protocol and reasons: shim/wire/README.md. This header is the whole contract; the exporter sees no other
 * header of the shim. There are no functions here: shim/buffer.c encodes, exporter/sources/dropbox/ decodes,
 * so that a mistake in one does not cancel out in the other.
 *
 *   offset        part (each begins on a multiple of 64 KiB, so one layout serves 4, 16 and 64 KiB pages)
 *   0             header area   64 KiB   [host] but for struct wire_exporter
 *   + header      H             one 64-byte line per chunk                              [host]
 *   + H           E             one u64 per chunk, acknowledged state                   [exporter]
 *   + E           R             one u64 per thread slot: root span id already exported  [exporter]
 *   + R           thread slots  8 KiB each                                              [host]
 *   + slots       operation slots 1 KiB each                                            [host]
 *   + operations  crash slot                                                            [host]
 *   + crash       chunks        16 KiB each                                             [host]
 *
 * Native byte order: both sides run on one machine. Every field has one writer, [host] or [exporter], and the
 * two never share a cache line. Strings are raw bytes, not NUL-terminated unless said so.
 *
 * Append, never move; a number is never used twice. A change that an old reader would misread raises
 * WIRE_VERSION or sets a bit in features_incompatible; extend tests/unit/shim/test_wire_layout.c with it.
 */
#ifndef OTELSHIM_WIRE_H
#define OTELSHIM_WIRE_H

#include <assert.h>
#include <stdint.h>

#define WIRE_MAGIC 0x4d4948534c45544full /* "OTELSHIM" as little-endian bytes; written last */
#define WIRE_VERSION 1u

#define WIRE_ALIGN (64u << 10)        /* every part begins on a multiple of this */
#define WIRE_HEADER_BYTES (64u << 10) /* size of the header area */
#define WIRE_CHUNK_BYTES (16u << 10)
#define WIRE_CHUNK_LINE_BYTES 64u
#define WIRE_MAX_CHUNKS 4096u
#define WIRE_DEFAULT_CHUNKS 512u
#define WIRE_THREAD_SLOTS 1024u
#define WIRE_THREAD_SLOT_BYTES (8u << 10)
#define WIRE_KEPT_SLOTS \
    64u /* of the operation slots: at most so many stay with threads that are between two operations */
#define WIRE_OPERATION_SLOTS (256u + WIRE_KEPT_SLOTS)
#define WIRE_OPERATION_SLOT_BYTES (1u << 10)
#define WIRE_CRASH_SLOT_BYTES (128u << 10)
#define WIRE_STRING_MAX 2048u /* longest string fact; longer ones are cut on a UTF-8 boundary */
#define WIRE_RECORD_MAX 8192u /* longest record */
#define WIRE_OPEN_SPANS 32u   /* depth of one thread's stack of open spans */
#define WIRE_STAGING_BYTES 4096u

/* ---- chunk words (H and E) ------------------------------------------------------------------------- */
/*  63        38 37       16   15     14      13   12   11          0
 *  | seq : 26  | tid : 22  | BUSY | CLOSED | OWNED | 0 | bytes/8 : 12 |
 *  free <=> CLOSED is set and E == H. E is H as last acknowledged, without tid, BUSY and OWNED.          */
#define WIRE_SEQ_SHIFT 38
#define WIRE_SEQ_MASK 0x3ffffffull /* of the shifted-down value: compare sequence numbers mod 2^26 */
#define WIRE_TID_SHIFT 16
#define WIRE_TID_MASK 0x3fffffull
#define WIRE_BUSY (1ull << 15)
#define WIRE_CLOSED (1ull << 14)
#define WIRE_OWNED (1ull << 13)
#define WIRE_BYTES_MASK 0xfffull /* in units of 8 bytes */
#define WIRE_STATE_MASK ~((WIRE_TID_MASK << WIRE_TID_SHIFT) | WIRE_BUSY | WIRE_OWNED)

/* One line per chunk: only the first word is used, so that two owners never share a cache line. */
struct wire_chunk_line {
    uint64_t word; /* [host] */
    uint64_t reserved[7];
};
static_assert(sizeof(struct wire_chunk_line) == WIRE_CHUNK_LINE_BYTES, "one cache line per chunk");

/* ---- header area -------------------------------------------------------------------------------------- */
/* Offset and size of a part, so that next year's exporter reads this year's file. */
struct wire_part {
    uint64_t offset;
    uint32_t count; /* entries */
    uint32_t entry_bytes;
};

#define WIRE_STATE_EXITED 1u /* clean exit: nothing more will be written */
#define WIRE_STATE_MOVED 2u  /* effective uid changed: a new file was made elsewhere */
#define WIRE_STATE_EXECED 4u /* exec is being tried: the mapping may be gone (reset when exec failed) */
#define WIRE_WATCHED 1u      /* somebody deliberately watches this process: its death is reported */
#define WIRE_IS_INIT 2u      /* pid 1 of its namespace */

/* What a thread does with a fact it cannot store is counted here; the rows are in wire/drops.h. */
#define WIRE_MAX_DROPS 32u

/* Lives at offset 0. */
struct wire_header {
    uint64_t magic; /* stored last, with release: until then the file does not exist for the exporter */
    uint32_t version;
    uint32_t header_bytes;
    uint64_t features_compatible;   /* unknown bits are ignored */
    uint64_t features_incompatible; /* unknown bits: do not read the file */
    struct wire_part chunk_lines;
    struct wire_part acknowledged;
    struct wire_part closed_roots;
    struct wire_part thread_slots;
    struct wire_part operation_slots;
    struct wire_part crash_slot;
    struct wire_part chunks;
    uint64_t pid_namespace; /* inode of /proc/self/ns/pid; 0 unknown */
    uint64_t start_ticks;   /* field 22 of /proc/self/stat; 0 unknown */
    uint64_t created_mono_ns;
    uint64_t created_unix_ns;
    uint64_t trace_gap_ns; /* OTELSHIM_TRACE_GAP as the shim understood it */
    uint32_t pid;          /* as the process sees it */
    uint32_t uid;          /* effective */
    uint32_t page_bytes;
    uint32_t flags;                             /* WIRE_WATCHED, … */
    uint32_t exe_offset, exe_bytes;             /* into the text region, from the start of the file */
    uint32_t arguments_offset, arguments_bytes; /* argv, each NUL-terminated, cut at 4 KiB */
    uint32_t settings_offset, settings_bytes;   /* "NAME=value\0"…; of a secret only "NAME\0" */
    uint32_t instrumentations_offset, n_instrumentations;
    uint32_t entry_points_offset, entry_points_bytes; /* "row\tname\0"… for doctor */
    uint8_t trace_parent[26]; /* of the process (TRACEPARENT): trace id 16, span id 8, flags 1, valid 1 */
    uint8_t reserved_parent[6];
    uint32_t state;   /* WIRE_STATE_…; changes while the process lives */
    uint32_t waiting; /* not 0: the host waits for delivery on `progress` */
    uint32_t rung;    /* counts bells, for tests and status */
    uint32_t reserved_state;
};
static_assert(sizeof(struct wire_header) <= 1024, "the header fits its kilobyte");

#define WIRE_COUNTERS_OFFSET 1024u
/* [host] Added to with relaxed atomics, in rare paths only. */
struct wire_counters {
    uint64_t dropped[WIRE_MAX_DROPS]; /* by enum wire_drop */
};

#define WIRE_EXPORTER_OFFSET 2048u
/* [exporter] Written by pwrite only. The only words the host reads back: see shim/wire/README.md. */
struct wire_exporter {
    uint32_t asleep;   /* not 0: the exporter sleeps on the doorbell, ring it after a commit */
    uint32_t progress; /* futex: raised when acknowledgements moved while the host waits */
    uint32_t captured; /* futex: the crash slot was read */
    uint32_t deaths;   /* not 0: open spans of this dead process were exported */
    uint32_t
        pid; /* futex: of the exporter that serves this file; written once it holds a pidfd of the host */
    uint32_t settings; /* live settings word; 0 = as started */
    uint32_t reserved[10];
};
static_assert(sizeof(struct wire_exporter) == 64, "a cache line of its own");

#define WIRE_TOLD_OFFSET 2112u
/* [exporter] Written by pwrite only, for the next exporter: what of `dropped` went into metrics. The host does not read it. */
struct wire_told {
    uint64_t by_program[WIRE_MAX_DROPS];  /* otelshim.drops of this program */
    uint64_t by_exporter[WIRE_MAX_DROPS]; /* the exporter's own numbers */
};
static_assert(WIRE_TOLD_OFFSET >= WIRE_EXPORTER_OFFSET + sizeof(struct wire_exporter), "behind it");

/* The live settings word: what replaces the settings the process began with. 0: nothing. The low bits are the sampler's
 * threshold, of 2^24: a root is sampled when the highest 24 bits of its randomness are not below it. */
#define WIRE_LIVE_VALID (1u << 31)
#define WIRE_LIVE_OFF (1u << 30)     /* record nothing */
#define WIRE_LIVE_SAMPLER (1u << 29) /* NEVER, PARENT and the threshold replace the sampler */
#define WIRE_LIVE_NEVER (1u << 28)   /* always_off at the root */
#define WIRE_LIVE_PARENT (1u << 27)  /* the flag of TRACEPARENT decides where there is one */
#define WIRE_LIVE_KEEP (1u << 26)    /* unsampled spans are written whole (OTELSHIM_KEEP) */
#define WIRE_LIVE_NO_KEEP (1u << 25) /* they are not, whatever the process began with */
#define WIRE_LIVE_THRESHOLD 0xffffffu

#define WIRE_INSTRUMENTATIONS_OFFSET 4096u
#define WIRE_MAX_INSTRUMENTATIONS 64u
enum wire_family { WIRE_HTTP = 1, WIRE_DATABASE = 2, WIRE_MESSAGING = 3, WIRE_INTERNAL = 4 };
struct wire_instrumentation {
    char name[24];   /* "libcurl": the scope is "otelshim.libcurl"; NUL-padded */
    char system[24]; /* "postgresql"; empty where the family has none; NUL-padded */
    uint16_t family; /* enum wire_family */
    uint16_t reserved[7];
};
static_assert(sizeof(struct wire_instrumentation) == 64, "row of the header area");

#define WIRE_TEXT_OFFSET 8192u /* text region: exe, argv, settings, entry points; up to WIRE_HEADER_BYTES */

/* ---- facts (attributes) --------------------------------------------------------------------------------- */
enum wire_type { WIRE_STRING = 1, WIRE_INT = 2, WIRE_DOUBLE = 3, WIRE_BYTES = 4 };
#define WIRE_FACT_CUT 1u /* the bytes are the beginning of something longer */

/* Followed by `bytes` bytes, padded with anything to a multiple of 8. A key that stands several times is a list. */
struct wire_fact {
    uint16_t key;      /* enum wire_attribute, wire/attributes.h */
    uint8_t type;      /* enum wire_type */
    uint8_t flags;     /* WIRE_FACT_… */
    uint16_t bytes;    /* of the value that follows: 8 for INT and DOUBLE */
    uint16_t original; /* length before cutting; 65535 = that or more */
};
static_assert(sizeof(struct wire_fact) == 8, "facts stay aligned");

/* ---- records (in chunks) ---------------------------------------------------------------------------------- */
enum wire_record_kind {
    WIRE_RECORD_FACTS = 1,       /* struct wire_facts: facts that later spans of this chunk refer to */
    WIRE_RECORD_SPAN = 2,        /* struct wire_span */
    WIRE_RECORD_ROOT = 3,        /* struct wire_root: root span of an episode */
    WIRE_RECORD_COUNT = 4,       /* struct wire_count: a number that changed, for metrics */
    WIRE_RECORD_LOG = 5,         /* struct wire_log: something the program said */
    WIRE_RECORD_MEASUREMENT = 6, /* struct wire_measurement: of an instrument of the program's own */
    WIRE_RECORD_STACK = 7,       /* struct wire_stack: where a call failed */
};

/* Begins every record. Unknown kinds are skipped by `bytes`. */
struct wire_record {
    uint32_t bytes; /* of the whole record, a multiple of 8 */
    uint16_t kind;  /* enum wire_record_kind */
    uint16_t flags;
};

/* Facts written once per chunk (of a connection, of a prepared statement). The same number again replaces. */
struct wire_facts {
    struct wire_record record;
    uint32_t number;     /* not 0; unique within the chunk */
    uint32_t fact_bytes; /* that follow */
};
static_assert(sizeof(struct wire_facts) == 16, "aligned");

enum wire_operation {
    WIRE_CALL = 0,     /* an ordinary request, query or command */
    WIRE_CONNECT = 1,  /* an attempt to connect */
    WIRE_PREPARE = 2,  /* a statement is being prepared */
    WIRE_PIPELINE = 3, /* a command sent together with others */
};

enum wire_outcome {
    WIRE_OK = 0,        /* the call did what was asked; a 404 is still WIRE_OK: the exporter judges facts */
    WIRE_FAILED = 1,    /* the library reported failure: WIRE_ERROR_CODE, WIRE_ERROR_MESSAGE say how */
    WIRE_ABANDONED = 2, /* left by longjmp, C++ throw or cancellation: not an error */
    WIRE_REFUSED = 3,   /* WIRE_OK, but the answer says error (HTTP 4xx, 5xx): counts in the root, rings */
};

#define WIRE_SPAN_SAMPLED 1u       /* W3C sampled flag */
#define WIRE_SPAN_RANDOM 2u        /* W3C random flag (trace ids made here are random) */
#define WIRE_SPAN_REMOTE_PARENT 4u /* the parent is the process's TRACEPARENT */
#define WIRE_SPAN_HAS_PARENT 8u
#define WIRE_SPAN_INJECTED 16u /* context went out with the call */

/* What every span has. Also the fixed part of an open span. Times are CLOCK_MONOTONIC. */
struct wire_span_facts {
    uint8_t trace_id[16];
    uint8_t span_id[8];
    uint8_t parent_span_id[8];
    uint64_t start_mono_ns;
    uint32_t tid;
    uint16_t instrumentation; /* index into the instrumentation rows */
    uint8_t operation;        /* enum wire_operation */
    uint8_t flags;            /* WIRE_SPAN_… */
};
static_assert(sizeof(struct wire_span_facts) == 48, "aligned");

struct wire_span {
    struct wire_record record;
    struct wire_span_facts facts;
    uint64_t end_mono_ns;
    uint32_t connection; /* number of a FACTS record of this chunk; 0 none */
    uint32_t statement;  /* likewise */
    uint8_t outcome;     /* enum wire_outcome */
    uint8_t reserved[7];
    /* facts follow, up to record.bytes */
};
static_assert(sizeof(struct wire_span) == 80, "aligned");

/* Root of an episode (DESIGN "Traces without code"): calls of one thread that follow each other. */
struct wire_root {
    struct wire_record record;
    struct wire_span_facts facts; /* instrumentation and operation are 0; parent none */
    uint64_t end_mono_ns;
    uint32_t calls;
    uint32_t errors;
    uint32_t slot; /* index of the thread slot it came from; UINT32_MAX none */
    uint32_t reserved;
    char thread_name[16];
};
static_assert(sizeof(struct wire_root) == 96, "aligned");

/* What is counted without being a span. */
enum wire_counter {
    WIRE_OPEN_CONNECTIONS = 1,  /* up and down; what is left open ends with the process */
    WIRE_MESSAGES_SENT = 2,     /* WebSocket: whole messages */
    WIRE_MESSAGES_RECEIVED = 3, /* likewise */
};

struct wire_count {
    struct wire_record record;
    uint64_t mono_ns;
    int64_t delta;
    uint32_t tid;
    uint16_t instrumentation; /* index into the instrumentation rows */
    uint16_t counter;         /* enum wire_counter */
    uint32_t connection;      /* number of a FACTS record of this chunk; 0 none */
    uint32_t reserved;
    /* facts follow, up to record.bytes */
};
static_assert(sizeof(struct wire_count) == 40, "aligned");

/* Why a log record was made: syslog(3), a call of otelshim.h, or bytes for standard output or error. */
enum wire_log_kind {
    WIRE_LOG_SYSLOG = 1, /* WIRE_LOG_FORMAT and its WIRE_LOG_ARGUMENTs */
    WIRE_LOG_LINE = 2,   /* otelshim_log(): WIRE_LOG_BODY */
    WIRE_LOG_EVENT = 3,  /* otelshim_event(): WIRE_LOG_NAME is the event's name */
    WIRE_LOG_ERROR = 4,  /* otelshim_report_error(): WIRE_LOG_NAME is the error's type */
    WIRE_LOG_TRADE =
        5, /* otelshim_trade(): WIRE_LOG_NAME is the template's name, custom attributes its fields */
    WIRE_LOG_NOTICE = 6, /* otelshim_notice() */
    WIRE_LOG_OUTPUT = 7, /* OTELSHIM_STDIO: WIRE_LOG_BODY is what one write(2) wrote, or a piece of it */
};

struct wire_log {
    struct wire_record record;
    uint8_t trace_id[16]; /* of the span that was open; all zero: none */
    uint8_t span_id[8];
    uint64_t mono_ns;
    uint32_t tid;
    uint16_t instrumentation; /* index into the instrumentation rows */
    uint8_t kind;             /* enum wire_log_kind */
    uint8_t severity;         /* SeverityNumber of OpenTelemetry, 1 to 24 */
    uint8_t flags;            /* WIRE_SPAN_… of that span */
    uint8_t stream;           /* WIRE_LOG_OUTPUT: 1 standard output, 2 standard error */
    uint8_t reserved[2];
    uint32_t piece; /* WIRE_LOG_OUTPUT: number of the piece in its process's stream: 1, 2, …, wraps */
    /* facts follow, up to record.bytes */
};
static_assert(sizeof(struct wire_log) == 56, "aligned");

enum wire_instrument { WIRE_COUNTER = 1, WIRE_UP_DOWN_COUNTER = 2, WIRE_GAUGE = 3, WIRE_HISTOGRAM = 4 };

struct wire_measurement {
    struct wire_record record;
    uint64_t mono_ns;
    uint64_t value;                   /* int64_t, or the bits of a double */
    uint8_t trace_id[16], span_id[8]; /* for exemplars; all zero: none */
    uint32_t tid;
    uint16_t instrumentation;
    uint8_t instrument; /* enum wire_instrument */
    uint8_t is_double;
    uint8_t flags; /* WIRE_SPAN_… of that span */
    uint8_t reserved[7];
    /* facts follow: WIRE_METRIC_NAME, WIRE_METRIC_UNIT, WIRE_METRIC_DESCRIPTION, WIRE_CUSTOM… */
};
static_assert(sizeof(struct wire_measurement) == 64, "aligned");

#define WIRE_STACK_MAX 7680u     /* bytes of stack in one record */
#define WIRE_STACK_REGISTERS 40u /* by DWARF number, as in crash_slot.h */

/* Where a call failed: the thread's registers and its stack above, raw. Stands before the record of that call. */
struct wire_stack {
    struct wire_record record;
    uint8_t span_id[8]; /* of that span; all zero: the log record with this tid and mono_ns */
    uint64_t mono_ns;
    uint32_t tid;
    uint16_t machine; /* EM_X86_64, EM_AARCH64 */
    uint16_t reserved[3];
    uint32_t stack_bytes; /* that follow, padded to a multiple of 8 */
    uint64_t stack_from;  /* address of the first */
    uint64_t registers[WIRE_STACK_REGISTERS];
};
static_assert(sizeof(struct wire_stack) == 368, "aligned");
static_assert(sizeof(struct wire_stack) + WIRE_STACK_MAX <= WIRE_RECORD_MAX, "one record");

/* ---- open spans --------------------------------------------------------------------------------------------- */
/* One entry of a thread's stack, or the span of an operation slot. Its facts lie at staging + from. They begin
 * with n_shared struct wire_facts blocks (connection, statement), then plain facts. */
struct wire_open_span {
    struct wire_span_facts facts;
    uint64_t handle;        /* the library's handle: a key, never dereferenced */
    uint64_t stack_pointer; /* of the wrapper's frame: tells abandoned entries */
    uint32_t from;          /* into the staging area */
    uint32_t bytes;         /* staged so far; grows by a plain store after the bytes are there */
    uint16_t n_shared;
    uint16_t cut; /* facts that did not fit */
    uint32_t reserved;
};
static_assert(sizeof(struct wire_open_span) == 80, "aligned");

/* The thread's running episode. `trace_id` all zero: none. */
struct wire_episode {
    struct wire_span_facts root;
    uint64_t end_mono_ns; /* end of the last call */
    uint32_t calls;
    uint32_t errors;
    uint32_t open_calls; /* operations of the episode that have not ended: it goes on (as with depth > 0) */
    uint32_t open_operations; /* begun on this thread and not ended, of this episode or not */
    /* both as the thread itself knows them: less what the slot's closed_… say */
};
static_assert(sizeof(struct wire_episode) == 72, "aligned");

struct wire_thread_slot {
    uint32_t tid;      /* claim word: 0 free; claimed by compare-and-swap; reclaimed when the tid is gone */
    uint32_t sequence; /* odd while the slot changes: a live reader discards torn copies */
    uint32_t depth;    /* open spans; raised by a release store when the entry is whole */
    uint32_t reserved_depth;
    char thread_name[16];
    uint64_t claims; /* how often the slot changed hands */
    struct wire_episode episode;
    uint32_t closed_calls; /* open_calls that others have ended since the thread looked last */
    uint32_t
        closed_operations; /* likewise; atomic, the only words here that other threads of the host add to */
    uint8_t reserved[8];
    struct wire_open_span open[WIRE_OPEN_SPANS];
    uint8_t reserved_open[1408];
    uint8_t staged[WIRE_STAGING_BYTES];
};
static_assert(sizeof(struct wire_thread_slot) == WIRE_THREAD_SLOT_BYTES, "8 KiB a slot");

#define WIRE_OPERATION_STAGING_BYTES 864u
struct wire_operation_slot {
    uint32_t owner;        /* 0 free, else tid that opened it */
    uint32_t sequence;     /* as in the thread slot */
    uint32_t is_open;      /* the span is whole and not ended */
    uint32_t is_appending; /* the host's own */
    struct wire_open_span span;
    uint64_t host_private[8]; /* the host's own links; the exporter does not look */
    uint8_t staged[WIRE_OPERATION_STAGING_BYTES];
};
static_assert(sizeof(struct wire_operation_slot) == WIRE_OPERATION_SLOT_BYTES, "1 KiB a slot");

#endif
