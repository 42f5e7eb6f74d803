/* parse: numbers and words of settings. Strict: "5s", "10 ", "1e3", "0x10", "-1" are no numbers (OTel spec 1.60). */
#include "settings/settings_priv.h"

#include <string.h>

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool setting_words_equal(const char *a, size_t bytes, const char *b)
{
    for (size_t i = 0; i < bytes; i++)
        if (!b[i] || lower(a[i]) != lower(b[i]))
            return false;
    return b[bytes] == 0;
}

bool setting_parse_bool(const char *text, bool *ret_value)
{
    bool is_true = setting_words_equal(text, strlen(text), "true");
    if (!is_true && !setting_words_equal(text, strlen(text), "false"))
        return false;
    *ret_value = is_true;
    return true;
}

/* Digits at *text, which is moved behind them. */
static bool parse_digits(const char **text, uint64_t max, uint64_t *ret_value)
{
    const char *at = *text;
    uint64_t value = 0;
    if (!is_digit(*at))
        return false;
    for (; is_digit(*at); at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (value > (max - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *text = at;
    *ret_value = value;
    return true;
}

bool setting_parse_number(const char *text, uint64_t max, uint64_t *ret_value)
{
    uint64_t value;
    if (!parse_digits(&text, max, &value) || *text)
        return false;
    *ret_value = value;
    return true;
}

bool setting_parse_bytes(const char *text, uint64_t *ret_value)
{
    uint64_t value, factor = 1;
    if (!parse_digits(&text, INT64_MAX >> 20, &value))
        return false;
    if (*text == 'K')
        factor = 1ull << 10;
    else if (*text == 'M')
        factor = 1ull << 20;
    if (factor > 1)
        text++;
    if (*text)
        return false;
    *ret_value = value * factor;
    return true;
}

/* Not strtod(): that one takes " 1", "0x1p-3" and "nan", and the decimal comma of a locale. */
bool setting_parse_ratio(const char *text, double *ret_ratio)
{
    double value = 0, unit = 1;
    uint64_t exponent = 0;
    if (!is_digit(*text) && !(*text == '.' && is_digit(text[1])))
        return false;
    for (; is_digit(*text); text++)
        value = value * 10 + (*text - '0');
    if (*text == '.')
        for (text++; is_digit(*text); text++)
            value += (*text - '0') * (unit /= 10);
    if (lower(*text) == 'e' && text[1] == '-') {
        text += 2;
        if (!parse_digits(&text, 1000, &exponent))
            return false;
    }
    for (; exponent && value > 0; exponent--)
        value /= 10;
    if (*text || value > 1)
        return false;
    *ret_ratio = value;
    return true;
}

bool setting_next_element(const char **cursor, const char **ret_element, size_t *ret_bytes)
{
    const char *begin = *cursor;
    if (!begin)
        return false;
    const char *comma = strchr(begin, ',');
    const char *end = comma ? comma : begin + strlen(begin);
    *cursor = comma ? comma + 1 : NULL;
    while (begin < end && (*begin == ' ' || *begin == '\t'))
        begin++;
    while (end > begin && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *ret_element = begin;
    *ret_bytes = (size_t)(end - begin);
    return true;
}

bool setting_is_one_of(const char *word, size_t bytes, const char *words)
{
    const char *element;
    size_t n;
    while (setting_next_element(&words, &element, &n)) {
        if (n != bytes)
            continue;
        size_t i = 0;
        while (i < n && lower(element[i]) == lower(word[i]))
            i++;
        if (i == n)
            return true;
    }
    return false;
}
