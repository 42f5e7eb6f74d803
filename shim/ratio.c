/* ratio: see ratio.h. */
#include "ratio.h"

#define RANDOM_BITS 56
#define DIGIT_BITS 4
#define KEPT_DIGITS 4 /* besides leading f or 0 */

static unsigned digit_of(uint64_t threshold, unsigned i)
{
    return threshold >> (RANDOM_BITS - DIGIT_BITS - DIGIT_BITS * i) & 0xf;
}

/* To the digits that the rule sends with a trace: two processes with one ratio then agree with others of the same rule. */
static uint64_t rounded(uint64_t threshold)
{
    unsigned n = 0, n_digits = RANDOM_BITS / DIGIT_BITS;
    while (n < n_digits && digit_of(threshold, n) == digit_of(threshold, 0) &&
           (digit_of(threshold, 0) == 0xf || digit_of(threshold, 0) == 0))
        n++;
    if (n + KEPT_DIGITS >= n_digits)
        return threshold;
    uint64_t unit = 1ull << (n_digits - n - KEPT_DIGITS) * DIGIT_BITS;
    return (threshold + unit / 2) & ~(unit - 1);
}

/*
 * Decimal fraction, maybe with a negative exponent: without floating-point parsing of libc, which depends on the locale.
 * T = (1 - ratio) * 2^56; 2^56 itself, which nothing reaches, for 0.
 */
bool ratio_parse(const char *text, uint64_t *ret_threshold)
{
    double whole = 0, fraction = 0, scale = 1;
    unsigned n_digits = 0;
    for (; *text >= '0' && *text <= '9'; text++, n_digits++)
        whole = whole * 10 + (*text - '0');
    if (*text == '.')
        for (text++; *text >= '0' && *text <= '9'; text++, n_digits++) {
            scale /= 10;
            fraction += scale * (*text - '0');
        }
    double ratio = whole + fraction;
    if ((*text == 'e' || *text == 'E') && text[1] == '-' && text[2]) {
        unsigned exponent = 0;
        for (text += 2; *text >= '0' && *text <= '9'; text++)
            exponent = exponent < 100 ? exponent * 10 + (unsigned)(*text - '0') : exponent;
        for (; exponent && ratio > 0; exponent--)
            ratio /= 10;
    }
    if (*text || !n_digits || ratio > 1)
        return false;
    uint64_t all = 1ull << RANDOM_BITS, exact = all - (uint64_t)(ratio * (double)all + 0.5);
    *ret_threshold = exact >> RANDOM_BITS ? exact : rounded(exact);
    return true;
}
