/*
 * text: bounded copies, UTF-8 cuts and numbers, without locale, stdio or libc's ctype.
 *
 * Context: hot, async-signal-safe: pure functions on caller's memory.
 */
#ifndef OTELSHIM_TEXT_H
#define OTELSHIM_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The largest n <= max at which `text` can be cut without splitting a UTF-8 sequence. `text` has more than max bytes. */
size_t text_cut(const char *text, size_t max);

/* Writes `text` at out[at], NUL-terminated, never past out[max - 1]; returns the new length. Chain calls with it. */
size_t text_append(char *out, size_t at, size_t max, const char *text);
size_t text_append_bytes(char *out, size_t at, size_t max, const char *text, size_t bytes);
size_t text_append_number(char *out, size_t at, size_t max, uint64_t number);

/* Lower-case hex of n bytes at `out` (2 n characters, no NUL). */
void text_print_hex(char *out, const uint8_t *bytes, size_t n);
/* Lower- and, if `any_case`, upper-case hex into n bytes. False: not 2 n hex digits. */
bool text_parse_hex(uint8_t *out, const char *text, size_t n, bool any_case);

/* Decimal digits only. False, *ret_number unchanged: empty, other characters, or more than 2^63-1. */
bool text_parse_number(const char *text, uint64_t *ret_number);

/* The next word of a comma list, blanks around it left out, and *list behind it. Empty words are passed over. False: the end. */
bool text_next_word(const char **list, const char **ret_word, size_t *ret_bytes);

/* `*` stands for any text, `?` for one byte. Time: glob times text. */
bool text_matches_glob(const char *glob, size_t glob_bytes, const char *text, size_t bytes,
                       bool ignores_case);

/* ASCII only, whatever the locale. */
bool text_equals_ignoring_case(const char *a, const char *b);
bool text_begins_ignoring_case(const char *text, const char *prefix);

#endif
