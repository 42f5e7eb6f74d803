/*
 * sha256: SHA-256, and SHA-1 for names: the only door to OpenSSL.
 *
 * Context: any. Errors: none.
 */
#ifndef OTELSHIM_SHA256_H
#define OTELSHIM_SHA256_H

#include <stddef.h>
#include <stdint.h>

void sha256(const void *bytes, size_t n_bytes, uint8_t ret_digest[32]);
/* The first `n_digits` (at most 64) hexadecimal digits of it, and a NUL. */
void sha256_print(const void *bytes, size_t n_bytes, char *ret_text, size_t n_digits);

/* UUID of a name, version 5 (RFC 9562 5.5): the same name of the same namespace is the same UUID. */
void sha256_name_uuid(const uint8_t name_space[16], const void *name, size_t n_bytes, char ret_text[37]);

#endif
