/*
 * demangle_rust: Rust's legacy scheme, and which of the two it is.
 *
 *   _ZN 4core 3fmt 9Formatter 3pad 17h0123456789abcdef E      core::fmt::Formatter::pad
 *
 * It looks like C++ but for the last part, a hash, which is left out. Within a part $LT$ and its like stand for punctuation,
 * $u7b$ for a character, ".." for "::"; '_' protects a part that would begin with '$'.
 */
#include "demangle.h"

#include <stdlib.h>
#include <string.h>

#define HASH_BYTES 17u

/* ---- text ---- */

void demangled_add(struct demangled *out, const char *bytes, size_t n)
{
    if (out->is_failed || n > DEMANGLE_MAX_BYTES || out->n + n > DEMANGLE_MAX_BYTES) {
        out->is_failed = true;
        return;
    }
    if (out->n + n + 1 > out->max) {
        size_t max = 2 * (out->n + n) + 64;
        char *text = realloc(out->text, max);
        if (!text) {
            out->is_failed = true;
            return;
        }
        out->text = text;
        out->max = max;
    }
    memcpy(out->text + out->n, bytes, n);
    out->n += n;
    out->text[out->n] = 0;
}

void demangled_add_character(struct demangled *out, uint32_t c)
{
    char utf8[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    if (c < 0x20 || c == 0x7f || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) {
        out->is_failed = true;
        return;
    }
    static const uint8_t first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n; i-- > 1; c >>= 6)
        utf8[i] = (char)(0x80 | (c & 0x3f));
    utf8[0] = (char)(first[n] | c);
    demangled_add(out, utf8, n);
}

char *demangled_take(struct demangled *out)
{
    if (out->is_failed || !out->n) {
        free(out->text);
        return NULL;
    }
    return out->text;
}

/* ---- legacy ---- */

/* $…$ at `at`: its length, 0 when it is none. */
static size_t add_escape(struct demangled *out, const char *at, const char *end)
{
    static const char *const escapes[][2] = {{"$SP$", "@"}, {"$BP$", "*"}, {"$RF$", "&"}, {"$LT$", "<"},
                                             {"$GT$", ">"}, {"$LP$", "("}, {"$RP$", ")"}, {"$C$", ","}};
    for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
        size_t n = strlen(escapes[i][0]);
        if ((size_t)(end - at) >= n && memcmp(at, escapes[i][0], n) == 0) {
            demangled_add(out, escapes[i][1], 1);
            return n;
        }
    }
    uint32_t character = 0;
    const char *p = at + 2;
    if (end - at < 4 || at[1] != 'u')
        return 0;
    for (; p < end && *p != '$' && p - at < 8; p++) {
        int digit = *p >= '0' && *p <= '9' ? *p - '0' : *p >= 'a' && *p <= 'f' ? *p - 'a' + 10 : -1;
        if (digit < 0)
            return 0;
        character = character << 4 | (uint32_t)digit;
    }
    if (p == end || *p != '$')
        return 0;
    demangled_add_character(out, character);
    return (size_t)(p + 1 - at);
}

static void add_part(struct demangled *out, const char *at, const char *end)
{
    if (end - at > 1 && at[0] == '_' && at[1] == '$')
        at++;
    while (at < end) {
        size_t n = *at == '$' ? add_escape(out, at, end) : 0;
        if (n == 0) {
            bool is_colons = at[0] == '.' && end - at > 1 && at[1] == '.';
            n = is_colons ? 2 : 1;
            demangled_add(out, is_colons ? "::" : at, n);
        }
        at += n;
    }
}

/* The length in front of a part; 0: none is there. */
static size_t take_length(const char **at)
{
    size_t n = 0;
    while (**at >= '0' && **at <= '9' && n < DEMANGLE_MAX_BYTES)
        n = 10 * n + (size_t)(*(*at)++ - '0');
    return n;
}

static bool is_hash(const char *part, size_t n)
{
    return n == HASH_BYTES && part[0] == 'h' && strspn(part + 1, "0123456789abcdef") >= n - 1;
}

static char *demangle_legacy(const char *name)
{
    struct demangled out = {0};
    const char *at = name, *last = NULL;
    size_t n_last = 0;
    for (size_t n; (n = take_length(&at)); at += n) {
        if (strnlen(at, n) < n)
            return demangled_take(&(struct demangled){.text = out.text, .is_failed = true});
        if (last) {
            if (out.n)
                demangled_add(&out, "::", 2);
            add_part(&out, last, last + n_last);
        }
        last = at;
        n_last = n;
    }
    if (*at != 'E' || (at[1] && at[1] != '.') || !last || !is_hash(last, n_last))
        out.is_failed = true;
    return demangled_take(&out);
}

char *demangle_rust(const char *name)
{
    if (strncmp(name, "_R", 2) == 0)
        return demangle_rust_v0(name + 2);
    return strncmp(name, "_ZN", 3) == 0 ? demangle_legacy(name + 3) : NULL;
}
