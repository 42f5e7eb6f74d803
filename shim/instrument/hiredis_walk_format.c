/* hiredis_walk_format: see hiredis_walk_format.h. */
#include "instrument/hiredis_walk_format.h"

#define CONVERSION_MAX 13

static inline bool is_flag(char c)
{
    return c == '#' || c == '0' || c == '-' || c == '+' || c == ' ';
}

static inline bool is_unsigned_letter(char c)
{
    return c == 'o' || c == 'u' || c == 'x' || c == 'X';
}

static inline bool is_integer_letter(char c)
{
    return c == 'd' || c == 'i' || is_unsigned_letter(c);
}

static inline bool is_number_letter(char c)
{
    char lower = (char)(c | 0x20);
    return lower == 'e' || lower == 'f' || lower == 'g' || lower == 'a';
}

static const char *skip_digits(const char *at)
{
    while (*at >= '0' && *at <= '9')
        at++;
    return at;
}

static const char *skip_width(const char *at, enum conversion_width *ret_width)
{
    *ret_width = WIDTH_INT;
    if (*at == 'h') {
        *ret_width = at[1] == 'h' ? WIDTH_CHAR : WIDTH_SHORT;
        return at + (at[1] == 'h' ? 2 : 1);
    }
    if (*at == 'l') {
        *ret_width = at[1] == 'l' ? WIDTH_LONG_LONG : WIDTH_LONG;
        return at + (at[1] == 'l' ? 2 : 1);
    }
    return at;
}

struct conversion walk_number_conversion(const char *percent)
{
    struct conversion conversion = {.kind = UNKNOWN};
    const char *at = percent + 1;
    while (is_flag(*at))
        at++;
    at = skip_digits(at);
    if (*at == '.')
        at = skip_digits(at + 1);
    const char *modifier = at;
    at = skip_width(at, &conversion.width);
    if (at - percent < CONVERSION_MAX) {
        if (is_integer_letter(*at))
            conversion.kind = INTEGER;
        else if (at == modifier && is_number_letter(*at))
            conversion.kind = NUMBER;
    }
    conversion.is_unsigned = is_unsigned_letter(*at);
    conversion.end = at + 1;
    return conversion;
}

int64_t walk_integer(const struct conversion *conversion, struct walk *walk)
{
    bool is_unsigned = conversion->is_unsigned;
    int value;
    switch (conversion->width) {
    case WIDTH_LONG_LONG:
        return va_arg(walk->arguments, long long);
    case WIDTH_LONG:
        return va_arg(walk->arguments, long);
    case WIDTH_CHAR:
        value = va_arg(walk->arguments, int);
        return is_unsigned ? (int64_t)(unsigned char)value : (int64_t)(signed char)value;
    case WIDTH_SHORT:
        value = va_arg(walk->arguments, int);
        return is_unsigned ? (int64_t)(unsigned short)value : (int64_t)(short)value;
    case WIDTH_INT:
    default:
        value = va_arg(walk->arguments, int);
        return is_unsigned ? (int64_t)(unsigned)value : (int64_t)value;
    }
}

size_t walk_length(const char *at, size_t bytes, char type, size_t *ret_value)
{
    size_t value = 0, i = 1;
    if (bytes < 4 || at[0] != type)
        return 0;
    for (; i < bytes && i < 12 && at[i] >= '0' && at[i] <= '9'; i++)
        value = value * 10 + (size_t)(at[i] - '0');
    if (i == 1 || i + 2 > bytes || at[i] != '\r' || at[i + 1] != '\n')
        return 0;
    *ret_value = value;
    return i + 2;
}

const char *walk_bulk(const char *protocol, size_t bytes, size_t *position, size_t *ret_length)
{
    size_t length;
    size_t head = walk_length(protocol + *position, bytes - *position, '$', &length);
    if (!head || bytes - *position - head < 2 || length > bytes - *position - head - 2)
        return NULL;
    const char *text = protocol + *position + head;
    *position += head + length + 2;
    *ret_length = length;
    return text;
}
