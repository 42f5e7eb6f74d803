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
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* The largest n <= max at which `text` can be cut without splitting a UTF-8 sequence. `text` has more than max bytes. */
size_t text_cut(const char *text, size_t max);

/* Writes `text` at out[at], NUL-terminated, never past out[max - 1]; returns the new length. Chain calls with it. */
size_t text_append(char *out, size_t at, size_t max, const char *text);
size_t text_append_bytes(char *out, size_t at, size_t max, const char *text, size_t bytes);
size_t text_append_number(char *out, size_t at, size_t max, uint64_t number);

/* Lower-case hex of n bytes at `out` (2 n characters, no NUL). */
void text_print_hex(char *out, const uint8_t *bytes, size_t n);
/* Of eight bytes at once. A nibble each in a byte of one register; those above 9 get the way from ':' to 'a' on top. */
#ifdef __SSE2__
static inline void text_print_hex8(char *out, const uint8_t *bytes)
{
    const __m128i nibble = _mm_set1_epi8(0xf);
    __m128i both = _mm_loadl_epi64((const __m128i *)(const void *)bytes);
    __m128i digits =
        _mm_unpacklo_epi8(_mm_and_si128(_mm_srli_epi16(both, 4), nibble), _mm_and_si128(both, nibble));
    __m128i letters = _mm_and_si128(_mm_cmpgt_epi8(digits, _mm_set1_epi8(9)), _mm_set1_epi8('a' - '0' - 10));
    digits = _mm_add_epi8(_mm_add_epi8(digits, letters), _mm_set1_epi8('0'));
    _mm_storeu_si128((__m128i *)(void *)out, digits);
}
#else
static inline void text_print_hex8(char *out, const uint8_t *bytes)
{
    const uint64_t ones = 0x0101010101010101ull;
    for (int half = 0; half < 2; half++) {
        uint32_t four;
        memcpy(&four, bytes + 4 * half, sizeof(four));
        uint64_t spread = four;
        spread = (spread | spread << 16) & 0x0000ffff0000ffffull;
        spread = (spread | spread << 8) & 0x00ff00ff00ff00ffull;
        uint64_t nibbles = (spread >> 4 & 0x000f000f000f000full) | (spread & 0x000f000f000f000full) << 8;
        uint64_t is_letter = (nibbles + ones * 6) >> 4 & ones;
        uint64_t digits = nibbles + ones * '0' + is_letter * ('a' - '0' - 10);
        memcpy(out + 8 * half, &digits, sizeof(digits));
    }
}
#endif
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
