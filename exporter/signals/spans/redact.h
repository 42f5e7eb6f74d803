/*
 * redact: a bounded writer, and the small helpers that the redactors of SQL, Redis commands and URLs share.
 *
 * Context: loop. Pure functions over caller's memory: no I/O, no malloc, linear time. Input is hostile: any bytes, not
 * NUL-terminated. Output is never longer than the caller's buffer, is not NUL-terminated, and holds no NUL byte; where
 * it had to be cut, or its source was cut, it ends in "...".
 */
#ifndef OTELSHIM_REDACT_H
#define OTELSHIM_REDACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define REDACT_MARK "..." /* stands for what is missing */
#define REDACT_MARK_BYTES (sizeof REDACT_MARK - 1)

struct redact_writer {
    char *out;
    size_t used;
    size_t max;
    bool is_full; /* something did not fit: the rest is left out */
};

static inline void redact_begin(struct redact_writer *writer, char *out, size_t max)
{
    *writer = (struct redact_writer){.out = out, .max = max};
}

static inline void redact_put(struct redact_writer *writer, const char *bytes, size_t n_bytes)
{
    size_t room = writer->max - writer->used;
    if (n_bytes > room || writer->is_full) {
        n_bytes = writer->is_full ? 0 : room;
        writer->is_full = true;
    }
    if (n_bytes)
        memcpy(writer->out + writer->used, bytes, n_bytes);
    writer->used += n_bytes;
}

static inline void redact_put_char(struct redact_writer *writer, char byte)
{
    if (writer->used < writer->max && !writer->is_full)
        writer->out[writer->used++] = byte;
    else
        writer->is_full = true;
}

static inline void redact_put_text(struct redact_writer *writer, const char *text)
{
    redact_put(writer, text, strlen(text));
}

/* Returns the length of the output; the mark is appended when the output is cut or `source_is_cut`. */
size_t redact_end(struct redact_writer *writer, bool source_is_cut);

/* Copies `bytes` with control characters, NUL among them, as spaces. */
void redact_put_printable(struct redact_writer *writer, const char *bytes, size_t n_bytes);

/* The largest n <= used that does not end inside a UTF-8 sequence; invalid input is left as it is. */
size_t redact_cut(const char *text, size_t used);

/* Bytes of the well-formed UTF-8 sequence at `bytes`, 1 to 4; 0: not well-formed, or cut off. n_bytes > 0. */
size_t redact_utf8_length(const char *bytes, size_t n_bytes);

#endif
