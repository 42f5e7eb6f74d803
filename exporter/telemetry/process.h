/*
 * process: a traced process, as the header area of its mapped file describes it, validated and copied.
 *
 * Context: loop. Ownership: belongs to the client of the drop box that it came from; strings live as long as it does.
 */
#ifndef OTELSHIM_PROCESS_H
#define OTELSHIM_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wire.h>

struct settings;
struct resource;

struct process {
    uint32_t pid, uid;
    uint64_t start_ticks, pid_namespace;
    uint64_t created_unix_ns; /* when it made its file */
    bool is_foreign;          /* of another pid namespace: /proc/<pid> is somebody else */
    bool is_watched;
    bool has_ended;        /* and everything it left was handed on */
    const char *exe;       /* path; "" unknown */
    const char *arguments; /* NUL-separated */
    size_t arguments_bytes;
    const char *settings_text; /* "NAME=value\0"…, "NAME\0" for a secret's presence */
    size_t settings_bytes;
    const char *secrets_text; /* the same form, with values, from /proc/<pid>/environ; "" when unreadable */
    size_t secrets_bytes;
    const struct wire_instrumentation *instrumentations;
    uint32_t n_instrumentations;
    uint64_t trace_gap_ns;
    uint8_t parent_trace_id[16], parent_span_id[8];
    bool has_parent;
    /* what the executable says of itself (cli/executable.c); "" unknown */
    char package_version[64], build_id[129]; /* hexadecimal */
    /* made from the above by cli/export.c when the process is first seen */
    struct settings *settings;
    struct resource *resource;
};

/* Value of a setting in `text` ("NAME=value\0"…), NULL when it is not there or there by presence only. */
const char *process_find_setting(const char *text, size_t bytes, const char *name);

#endif
