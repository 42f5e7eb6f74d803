/* utf8: see utf8.h. Table 3-7 of the Unicode standard: what the second byte may be depends on the first. */
#include "base/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define REPLACEMENT_BYTES 3u
static const char replacement[REPLACEMENT_BYTES] = {'\xef', '\xbf', '\xbd'}; /* U+FFFD */

static size_t ascii_bytes(const char *text, size_t bytes)
{
    size_t at = 0;
    for (; at + 8 <= bytes; at += 8) {
        uint64_t eight;
        memcpy(&eight, text + at, 8);
        if (eight & 0x8080808080808080ull)
            break;
    }
    while (at < bytes && !(text[at] & 0x80))
        at++;
    return at;
}

/*
 * Length of the sequence at `text` (bytes > 0). Not valid: *ret_valid false, and the length of its longest beginning
 * that could have been valid, at least 1.
 */
static size_t sequence_bytes(const uint8_t *text, size_t bytes, bool *ret_valid)
{
    uint8_t first = text[0];
    size_t need = first < 0x80   ? 1
                  : first < 0xc2 ? 0
                  : first < 0xe0 ? 2
                  : first < 0xf0 ? 3
                  : first < 0xf5 ? 4
                                 : 0;
    *ret_valid = need > 0;
    if (need <= 1)
        return 1;
    uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    for (size_t i = 1; i < need; i++) {
        if (i >= bytes || text[i] < low || text[i] > high) {
            *ret_valid = false;
            return i;
        }
        low = 0x80;
        high = 0xbf;
    }
    return need;
}

size_t utf8_valid_bytes(const char *text, size_t bytes)
{
    size_t at = ascii_bytes(text, bytes);
    while (at < bytes) {
        bool valid;
        size_t n = sequence_bytes((const uint8_t *)text + at, bytes - at, &valid);
        if (!valid)
            return at;
        at += n;
        at += ascii_bytes(text + at, bytes - at);
    }
    return bytes;
}

size_t utf8_repaired_bytes(const char *text, size_t bytes)
{
    size_t at = 0, n_out = 0;
    while (at < bytes) {
        size_t n = utf8_valid_bytes(text + at, bytes - at);
        bool valid;
        at += n;
        n_out += n;
        if (at == bytes)
            break;
        at += sequence_bytes((const uint8_t *)text + at, bytes - at, &valid);
        n_out += REPLACEMENT_BYTES;
    }
    return n_out;
}

size_t utf8_repair(char *out, const char *text, size_t bytes)
{
    size_t at = 0, n_out = 0;
    while (at < bytes) {
        size_t n = utf8_valid_bytes(text + at, bytes - at);
        bool valid;
        memcpy(out + n_out, text + at, n);
        at += n;
        n_out += n;
        if (at == bytes)
            break;
        at += sequence_bytes((const uint8_t *)text + at, bytes - at, &valid);
        memcpy(out + n_out, replacement, REPLACEMENT_BYTES);
        n_out += REPLACEMENT_BYTES;
    }
    return n_out;
}

size_t utf8_bytes_of(const char *text, size_t bytes, size_t max_characters)
{
    if (bytes <= max_characters)
        return bytes;
    size_t at = 0, n = 0;
    while (at < bytes) {
        if ((text[at] & 0xc0) != 0x80 && n++ == max_characters)
            return at;
        at++;
    }
    return bytes;
}
