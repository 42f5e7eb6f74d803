/*
 * log: the exporter's voice: lines in a file, or on stderr for a service whose journal keeps them.
 *
 *     2026-01-31T09:00:00.123Z warn  collector http://localhost:4318/v1/traces: connection refused
 *
 * Two files of 1 MiB (`export.log`, `export.log.1`); the last lines stay in memory for `otelshim status`. Whoever
 * writes a line keeps secrets out of it: URLs through http_print_url(), never a header's value. Control characters
 * become spaces, so that no foreign text makes a line of its own.
 *
 * Threads: any. Errors: none; what cannot be written is kept in memory all the same.
 */
#ifndef OTELSHIM_LOG_H
#define OTELSHIM_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

#define LOG_MAX_LINE_BYTES 1024u
#define LOG_KEPT_LINES 64u

/* `path` NULL: stderr, with the journal's "<4>" priorities where stderr is the journal. Lines before it are dropped. */
void log_open(const char *path, enum log_level level);
void log_close(void);
/* `<state directory>/otelshim/export.log`: $XDG_STATE_HOME, else ~/.local/state. -ENOENT: there is neither. */
int log_default_path(char *ret_path, size_t max_bytes);
/* -EINVAL: not "error", "warn", "info" or "debug". */
int log_parse_level(const char *text, enum log_level *ret_level);
bool log_is_on(enum log_level level);

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One fact's share of the log. Zeroed: nothing said yet. */
struct log_limit {
    uint64_t last_mono_ms;
    uint32_t n_suppressed;
    bool was_said;
};
/* As log_write(), at most once in `every_ms` for this fact; the next line says how many were left out. */
void log_write_limited(struct log_limit *limit, uint64_t every_ms, enum log_level level, const char *format,
                       ...) __attribute__((format(printf, 4, 5)));

/* The last lines, oldest first, each ended by a newline, cut at the front to what fits. Returns the bytes. */
size_t log_copy_last(char *ret_text, size_t max_bytes);

#endif
