/*
 * settings: the environment as the shim understands it, scanned once into a bounded static buffer.
 *
 * Context: cold (the constructor, or the first wrapper that runs before it); reading is hot.
 * Threads: set once; read-only afterwards. Later setenv() calls of the host are not seen, on purpose: reading
 * environ then would race with them.
 * Errors: a malformed value means its default; the exporter, which sees the same text, notes it in its log.
 */
#ifndef OTELSHIM_SETTINGS_H
#define OTELSHIM_SETTINGS_H

#include "span.h"
#include <stdbool.h>
#include <stdint.h>

enum sampler_kind {
    SAMPLER_ALWAYS_ON,
    SAMPLER_ALWAYS_OFF,
    SAMPLER_RATIO,
};
enum propagator {
    PROPAGATE_TRACECONTEXT = 1,
    PROPAGATE_BAGGAGE = 2,
    PROPAGATE_B3 = 4,
    PROPAGATE_B3MULTI = 8
};

struct shim_settings {
    bool is_disabled;        /* OTEL_SDK_DISABLED, OTELSHIM=0 */
    bool sampler_has_parent; /* parentbased_…: TRACEPARENT's flag decides where there is one */
    bool has_parent;         /* TRACEPARENT (or b3) was valid */
    bool exporter_none;      /* OTELSHIM_EXPORTER=none */
    bool keep_all;           /* OTELSHIM_KEEP: unsampled spans are written whole */
    bool sql_comment;        /* OTELSHIM_SQL_COMMENT */
    bool user_agent;         /* OTELSHIM_USER_AGENT */
    bool syslog;             /* OTELSHIM_SYSLOG, unless false */
    bool alert_stack;        /* OTELSHIM_ALERT_STACK */
    uint8_t stdio;           /* OTELSHIM_STDIO: bit 1 << descriptor of each stream that is wanted; 0 none */
    uint32_t body_bytes;     /* OTELSHIM_BODY_BYTES; 0: bodies are not looked at */
    bool crash_off;          /* OTELSHIM_CRASH=0 */
    bool crash_quit;         /* OTELSHIM_CRASH_QUIT=1 */
    enum sampler_kind sampler;
    uint32_t propagators;     /* enum propagator bits */
    uint64_t ratio_threshold; /* of 2^56: sampled when the low 56 bits of the trace id are not below it */
    uint64_t trace_gap_ns;
    uint64_t buffer_bytes;
    uint32_t flush_timeout_ms;
    bool has_flush_timeout;
    uint32_t main_pid, systemd_pid; /* 0 unset */
    struct span_context parent;
    const char *dir, *runtime_dir, *exporter, *allow, *deny; /* NULL when unset or empty */
    const char *propagate_exclude;                  /* comma list of globs on host names; NULL: none */
    const char *request_headers, *response_headers; /* comma lists of header names; NULL: none */
    const char *tracestate_line, *baggage_line;     /* whole header lines; NULL: not sent */
    const char *text;                               /* "NAME=value\0"… as it goes into the header area */
    uint32_t text_bytes;
};

/* NULL until the scan is done. */
extern __attribute__((visibility("hidden"))) const struct shim_settings *settings_ready;
const struct shim_settings *settings_scan(void);

/* Scans the environment the first time; the same pointer ever after. Async-signal-safe once it returned. */
static inline const struct shim_settings *settings_get(void)
{
    const struct shim_settings *settings = __atomic_load_n(&settings_ready, __ATOMIC_ACQUIRE);
    return __builtin_expect(settings != NULL, 1) ? settings : settings_scan();
}

#endif
