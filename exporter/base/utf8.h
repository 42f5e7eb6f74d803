/*
 * utf8: is this text valid UTF-8, and if not, make it so.
 *
 * Context: pure functions on the caller's memory. Strict (RFC 3629): no overlong forms, no surrogates, nothing above
 * U+10FFFF. One bad byte in an OTLP string makes strict receivers refuse the whole request.
 */
#ifndef OTELSHIM_UTF8_H
#define OTELSHIM_UTF8_H

#include <stddef.h>

/* How many of the first bytes are valid; `bytes` when all are. */
size_t utf8_valid_bytes(const char *text, size_t bytes);
/* Bytes that utf8_repair() will write. */
size_t utf8_repaired_bytes(const char *text, size_t bytes);
/*
 * Copies `text`, each ill-formed piece replaced by one U+FFFD (Unicode 3.9, "maximal subpart"). No NUL is added. Returns
 * the bytes written.
 */
size_t utf8_repair(char *out, const char *text, size_t bytes);
/* Bytes of the first `max_characters` characters of valid text; `bytes` when it has no more. */
size_t utf8_bytes_of(const char *text, size_t bytes, size_t max_characters);

#endif
