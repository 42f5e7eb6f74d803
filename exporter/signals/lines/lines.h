/*
 * lines: what a program writes to standard output and error (OTELSHIM_STDIO), as log records.
 *
 *   pieces of write(2) ─▶ pieces.h: in order, lines, lines that belong together ─▶ line_read(): formats.h ─▶ line_record_make()
 *
 * A line's level, time, trace and fields are read where a format of formats.h says where they stand. What is no line of any of
 * them is a line without a level: also one on standard error.
 *
 * Context: loop. Pure but for the arena. Hostile input.
 */
#ifndef OTELSHIM_SIGNAL_LINES_H
#define OTELSHIM_SIGNAL_LINES_H

#include "settings/settings.h"
#include "telemetry/log_record.h"
#include "telemetry/raw_log.h"

#define LINE_MAX_BYTES 8192u /* of one; the rest is told as records of its own */

/* A line, maybe with those that belong to it (a traceback); without its last line end. */
struct output_line {
    const char *bytes;
    uint32_t n_bytes;
    uint32_t part;              /* of a line that is too long: 1, 2, …; 0: a whole one */
    const struct wire_log *log; /* of the piece where it begins */
    int64_t mono_to_unix_ns;
    const struct wire_instrumentation *instrumentation;
};

/* What was understood of a line. Texts lie in the line or the arena; none is redacted. */
struct line_reading {
    const char *format;  /* its name; NULL: none */
    uint32_t severity;   /* SeverityNumber; 0 unknown */
    const char *word;    /* the line's own for it; NULL: none, with n_word */
    const char *message; /* what is said, without time and level; NULL: the whole line */
    size_t n_word, n_message;
    uint64_t time_unix_ns; /* its own time, where it says of which zone; 0: none */
    bool has_trace, has_span;
    uint8_t trace_id[16], span_id[8];
    struct attributes fields; /* of JSON and key=value, what is none of the above */
    bool is_structured;       /* the fields are all of the line */
};

/* `text` has no escape sequences (line_clean()). */
void line_read(struct arena *arena, const char *text, size_t bytes, struct line_reading *ret_reading);
/* Only the severity, only by the rows of formats.h: 0 for JSON and key=value. */
uint32_t line_severity(const char *text, size_t bytes);
/* A copy without colours and other escape sequences, line ends of other systems and NULs. Returns its bytes, at most `bytes`. */
size_t line_clean(char *out, const char *text, size_t bytes);

/* Before limits. NULL: nothing stands in the line. */
struct log_record *line_record_make(struct arena *arena, const struct output_line *line,
                                    const struct process *process, const struct settings *settings);

#endif
