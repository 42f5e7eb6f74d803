/*
 * demangle: what demangle.c and the Rust demanglers share.
 *
 * Names are hostile: output, depth and steps are bounded, and a name beyond a bound is no name of that kind. Context: commands.
 * Ownership: malloc'ed texts are the caller's. Errors: NULL, not a name of that kind.
 */
#ifndef OTELSHIM_DEMANGLE_H
#define OTELSHIM_DEMANGLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEMANGLE_MAX_BYTES 16384u

/* Text that grows up to DEMANGLE_MAX_BYTES; a zeroed one is empty. */
struct demangled {
    char *text;
    size_t n, max;
    bool is_failed;
};
void demangled_add(struct demangled *out, const char *bytes, size_t n);
/* A code point, as UTF-8; fails for what is none. */
void demangled_add_character(struct demangled *out, uint32_t character);
/* The text, or NULL when anything failed. */
char *demangled_take(struct demangled *out);

/* Rust, either scheme. */
char *demangle_rust(const char *name);
/* What is behind "_R". */
char *demangle_rust_v0(const char *name);

#endif
