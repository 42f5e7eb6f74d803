/* text: see text.h. */
#include "text.h"

#include "hot.h"
#include <string.h>

/* A UTF-8 sequence is at most 4 bytes: look back at most 3 for its lead byte. */
size_t text_cut(const char *text, size_t max)
{
    for (size_t back = 0; back < 4 && back <= max; back++)
        if (((unsigned char)text[max - back] & 0xc0) != 0x80)
            return max - back;
    return max; /* not UTF-8: cut anywhere */
}

size_t text_append_bytes(char *out, size_t at, size_t max, const char *text, size_t bytes)
{
    if (at >= max)
        return at;
    if (bytes > max - 1 - at)
        bytes = max - 1 - at;
    memcpy(out + at, text, bytes);
    out[at + bytes] = 0;
    return at + bytes;
}

size_t text_append(char *out, size_t at, size_t max, const char *text)
{
    return text_append_bytes(out, at, max, text, strlen(text));
}

size_t text_append_number(char *out, size_t at, size_t max, uint64_t number)
{
    char digits[20];
    size_t from = sizeof(digits);
    do {
        digits[--from] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    return text_append_bytes(out, at, max, digits + from, sizeof(digits) - from);
}

HOT void text_print_hex(char *out, const uint8_t *bytes, size_t n)
{
    static const char all[] = "0123456789abcdef";
    for (; n >= 8; n -= 8, bytes += 8, out += 16)
        text_print_hex8(out, bytes);
    for (; n > 0; n--, bytes++, out += 2) {
        out[0] = all[*bytes >> 4];
        out[1] = all[*bytes & 0xf];
    }
}

static int hex_digit(char c, bool any_case)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (any_case && c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool text_parse_hex(uint8_t *out, const char *text, size_t n, bool any_case)
{
    for (size_t i = 0; i < n; i++) {
        int high = hex_digit(text[2 * i], any_case);
        int low = high < 0 ? -1 : hex_digit(text[2 * i + 1], any_case);
        if (low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool text_parse_number(const char *text, uint64_t *ret_number)
{
    uint64_t number = 0;
    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        uint64_t digit = (uint64_t)(*text - '0');
        if (number > (INT64_MAX - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *ret_number = number;
    return true;
}

static char lower(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c;
}

bool text_next_word(const char **list, const char **ret_word, size_t *ret_bytes)
{
    while (**list) {
        const char *from = *list, *to = from + strcspn(from, ",");
        *list = to + (*to == ',');
        while (from < to && (*from == ' ' || *from == '\t'))
            from++;
        while (to > from && (to[-1] == ' ' || to[-1] == '\t'))
            to--;
        if (from == to)
            continue;
        *ret_word = from;
        *ret_bytes = (size_t)(to - from);
        return true;
    }
    return false;
}

/* The last * is all that is ever tried again. */
bool text_matches_glob(const char *glob, size_t glob_bytes, const char *text, size_t bytes, bool ignores_case)
{
    size_t g = 0, t = 0, star = SIZE_MAX, star_at = 0;
    while (t < bytes) {
        if (g < glob_bytes && glob[g] == '*') {
            star = g++;
            star_at = t;
        } else if (g < glob_bytes && (glob[g] == '?' || glob[g] == text[t] ||
                                      (ignores_case && lower(glob[g]) == lower(text[t])))) {
            g++, t++;
        } else if (star != SIZE_MAX) {
            g = star + 1;
            t = ++star_at;
        } else {
            return false;
        }
    }
    while (g < glob_bytes && glob[g] == '*')
        g++;
    return g == glob_bytes;
}

bool text_equals_ignoring_case(const char *a, const char *b)
{
    while (*a && lower(*a) == lower(*b))
        a++, b++;
    return lower(*a) == lower(*b);
}

bool text_begins_ignoring_case(const char *text, const char *prefix)
{
    while (*prefix && lower(*text) == lower(*prefix))
        text++, prefix++;
    return !*prefix;
}
