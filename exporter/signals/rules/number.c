/* number: see number.h. */
#include "signals/rules/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DIGITS 12

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ---- reading ---- */

/* Commas only where thousands have them. *ret_n_groups: how many there were. */
static size_t copy_whole(const char *text, char *out, size_t max, unsigned *ret_n_groups)
{
    size_t n = 0, n_digits = 0;
    *ret_n_groups = 0;
    for (; (is_digit(*text) || *text == ',') && n + 1 < max; text++) {
        if (*text != ',') {
            out[n++] = *text;
            n_digits++;
            continue;
        }
        bool is_group = is_digit(text[1]) && is_digit(text[2]) && is_digit(text[3]) && !is_digit(text[4]);
        if (!is_group || n_digits == 0 || (*ret_n_groups == 0 && n_digits > 3))
            break;
        ++*ret_n_groups;
    }
    out[n] = 0;
    return n_digits ? n_digits + *ret_n_groups : 0;
}

bool number_parse(const char *text, double *ret_value)
{
    char copy[400];
    size_t n = 0;
    unsigned n_groups;
    text += strspn(text, " \t\r\n");
    if (*text == '-' || *text == '+')
        copy[n++] = *text++;
    size_t whole = copy_whole(text, copy + n, sizeof(copy) - n, &n_groups);
    n = strlen(copy);
    text += whole;
    size_t rest = strspn(text, "0123456789.eE+-");
    if ((whole == 0 && *text != '.') || n + rest >= sizeof(copy))
        return false;
    memcpy(copy + n, text, rest);
    copy[n + rest] = 0;
    text += rest;
    char *end;
    double value = strtod(copy, &end);
    if (*end || end == copy || text[strspn(text, " \t\r\n")] || !isfinite(value))
        return false;
    *ret_value = value;
    return true;
}

/* ---- writing ---- */

struct format {
    bool has_sign, has_commas;
    int digits; /* -1: not said */
    char kind;
};

static bool parse_format(const char *text, size_t bytes, struct format *ret_format)
{
    size_t at = 0;
    *ret_format = (struct format){.digits = -1};
    if (at < bytes && text[at] == '+')
        ret_format->has_sign = ++at > 0;
    if (at < bytes && text[at] == ',')
        ret_format->has_commas = ++at > 0;
    if (at + 1 < bytes && text[at] == '.' && is_digit(text[at + 1])) {
        ret_format->digits = 0;
        for (at++; at < bytes && is_digit(text[at]) && ret_format->digits <= MAX_DIGITS; at++)
            ret_format->digits = ret_format->digits * 10 + (text[at] - '0');
    }
    if (at + 1 != bytes || ret_format->digits > MAX_DIGITS || !strchr("fgd%", text[at]))
        return false;
    ret_format->kind = text[at];
    return true;
}

bool number_is_format(const char *format, size_t bytes)
{
    struct format parsed;
    return parse_format(format, bytes, &parsed);
}

static void insert_commas(char *text, size_t max)
{
    char *digits = text + (*text == '-' || *text == '+');
    size_t n_digits = strspn(digits, "0123456789"), n = strlen(text);
    for (size_t left = n_digits; left > 3 && n + 1 < max;) {
        left -= 3;
        memmove(digits + left + 1, digits + left, strlen(digits + left) + 1);
        digits[left] = ',';
        n++;
    }
}

/* The shortest that reads back as the same number. */
static void print_exactly(double value, char *out, size_t max)
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, max, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            return;
    }
}

void number_print(double value, const char *format, size_t bytes, char ret_text[NUMBER_MAX_BYTES])
{
    struct format parsed;
    size_t n = 0;
    if (!parse_format(format, bytes, &parsed))
        parsed = (struct format){.digits = -1, .kind = 'g'};
    if (parsed.kind == '%')
        value *= 100;
    if (parsed.has_sign && !signbit(value))
        ret_text[n++] = '+';
    if (parsed.kind == 'g' && parsed.digits < 0)
        print_exactly(value, ret_text + n, NUMBER_MAX_BYTES - n);
    else if (parsed.kind == 'g')
        snprintf(ret_text + n, NUMBER_MAX_BYTES - n, "%.*g", parsed.digits ? parsed.digits : 1, value);
    else
        snprintf(ret_text + n, NUMBER_MAX_BYTES - n, "%.*f",
                 parsed.digits >= 0   ? parsed.digits
                 : parsed.kind == 'f' ? 6
                                      : 0,
                 value);
    if (parsed.has_commas)
        insert_commas(ret_text, NUMBER_MAX_BYTES);
    n = strlen(ret_text);
    if (parsed.kind == '%' && n + 1 < NUMBER_MAX_BYTES)
        memcpy(ret_text + n, "%", 2);
}
