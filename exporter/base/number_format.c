/* number_format: see number_format.h. */
#include "base/number_format.h"

#include <stdio.h>
#include <string.h>

bool number_format_is_double(char letter)
{
    return letter && strchr("eEfFgGaA", letter);
}

/* What printf makes of an integer of that width. */
static long long narrow(int64_t value, const struct number_format *format)
{
    bool is_signed = format->letter == 'd' || format->letter == 'i';
    switch (format->bits) {
    case 8:
        return is_signed ? (int64_t)(int8_t)value : (int64_t)(uint8_t)value;
    case 16:
        return is_signed ? (int64_t)(int16_t)value : (int64_t)(uint16_t)value;
    case 32:
        return is_signed ? (int64_t)(int32_t)value : (int64_t)(uint32_t)value;
    default:
        return value;
    }
}

static uint32_t bounded(uint32_t number, bool *ret_is_cut)
{
    if (number < NUMBER_FORMAT_BYTES)
        return number;
    *ret_is_cut = true;
    return NUMBER_FORMAT_BYTES - 1;
}

size_t number_format_print(const struct number_format *format, int64_t integer, double number,
                           char ret_text[NUMBER_FORMAT_BYTES], bool *ret_is_cut)
{
    char built[32];
    bool is_double = number_format_is_double(format->letter);
    int width = (int)bounded(format->width, ret_is_cut), n;
    int precision = format->has_precision ? (int)bounded(format->precision, ret_is_cut) : -1; /* none */
    n = snprintf(built, sizeof built, "%%%s*.*%s%c", format->flags, is_double ? "" : "ll", format->letter);
    if (n < 0 || (size_t)n >= sizeof built)
        return 0;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* built above out of letters that were checked */
    n = is_double ? snprintf(ret_text, NUMBER_FORMAT_BYTES, built, width, precision, number)
                  : snprintf(ret_text, NUMBER_FORMAT_BYTES, built, width, precision, narrow(integer, format));
#pragma GCC diagnostic pop
    if (n < 0)
        return 0;
    *ret_is_cut = *ret_is_cut || (size_t)n >= NUMBER_FORMAT_BYTES;
    return (size_t)n < NUMBER_FORMAT_BYTES ? (size_t)n : NUMBER_FORMAT_BYTES - 1;
}
