/* sampler: see sampler.h. */
#include "sampler.h"

#define RANDOM_BITS 56

/*
 * Decimal fraction with at most 15 digits behind the point, an exponent not allowed: kept without floating-point
 * parsing of libc, which depends on the locale. T = (1 - ratio) * 2^56.
 */
bool sampler_parse_ratio(const char *text, uint64_t *ret_threshold)
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
    if (*text || !n_digits || ratio > 1)
        return false;
    double threshold = (1 - ratio) * (double)(1ull << RANDOM_BITS);
    *ret_threshold = threshold <= 0 ? 0 : (uint64_t)(threshold + 0.5);
    return true;
}

bool sampler_is_sampled(const struct shim_settings *settings, const uint8_t trace_id[16])
{
    switch (settings->sampler) {
    case SAMPLER_ALWAYS_ON:
        return true;
    case SAMPLER_ALWAYS_OFF:
        return false;
    case SAMPLER_RATIO:
        break;
    }
    uint64_t randomness = 0;
    for (unsigned i = 9; i < 16; i++)
        randomness = randomness << 8 | trace_id[i];
    return randomness >= settings->ratio_threshold;
}
