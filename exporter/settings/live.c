/*
 * live: the settings that act in the program, but that a file may change while it runs, as the word that the shim asks
 * (WIRE_LIVE_* in wire.h). What the program's own environment says is not changed by files.
 */
#include "settings/settings_priv.h"

#include <stdio.h>
#include <string.h>
#include <wire.h>

#define RANDOM_BITS 56
#define LIVE_BITS 24
#define DIGIT_BITS 4
#define KEPT_DIGITS 4 /* besides leading f or 0: OTel's probability rule */

bool settings_is_live(enum setting setting)
{
    return setting == SETTING_OTELSHIM || setting == SETTING_OTEL_TRACES_SAMPLER ||
           setting == SETTING_OTEL_TRACES_SAMPLER_ARG || setting == SETTING_OTELSHIM_KEEP;
}

bool setting_is_listed(const char *names, enum setting setting)
{
    const char *cursor = names, *name;
    size_t bytes;
    while (setting_next_element(&cursor, &name, &bytes))
        if (setting_words_equal(name, bytes, settings_name(setting)))
            return true;
    return false;
}

static bool is_from_file(const struct settings *settings, enum setting setting)
{
    return settings->values[setting] && settings->origins[setting] > ORIGIN_ENVIRONMENT;
}

/* The shim rounds what it was started with in the same way; here 24 bits of it are left. */
static uint32_t threshold_of(double ratio)
{
    uint64_t all = 1ull << RANDOM_BITS, threshold = all - (uint64_t)(ratio * (double)all + 0.5);
    unsigned n = 0, n_digits = RANDOM_BITS / DIGIT_BITS, top = RANDOM_BITS - DIGIT_BITS;
    uint64_t first = threshold >> top & 0xf;
    while ((first == 0 || first == 0xf) && n < n_digits &&
           (threshold >> (top - n * DIGIT_BITS) & 0xf) == first)
        n++;
    if (n + KEPT_DIGITS < n_digits) {
        uint64_t unit = 1ull << (n_digits - n - KEPT_DIGITS) * DIGIT_BITS;
        threshold = (threshold + unit / 2) & ~(unit - 1);
    }
    uint64_t half = 1ull << (RANDOM_BITS - LIVE_BITS - 1);
    uint64_t live = (threshold + half) >> (RANDOM_BITS - LIVE_BITS);
    return live < WIRE_LIVE_THRESHOLD ? (uint32_t)live : WIRE_LIVE_THRESHOLD;
}

static uint32_t sampler_word(const struct settings *settings)
{
    const char *name = settings->values[SETTING_OTEL_TRACES_SAMPLER];
    const char *argument = settings->values[SETTING_OTEL_TRACES_SAMPLER_ARG];
    static const char based[] = "parentbased_";
    uint32_t word = WIRE_LIVE_SAMPLER;
    double ratio = 1;
    name = name ? name : setting_row(SETTING_OTEL_TRACES_SAMPLER)->standard;
    if (strncasecmp(name, based, sizeof(based) - 1) == 0) {
        word |= WIRE_LIVE_PARENT;
        name += sizeof(based) - 1;
    }
    bool is_ratio = strcasecmp(name, "traceidratio") == 0;
    if (is_ratio && argument)
        setting_parse_ratio(argument, &ratio);
    if (strcasecmp(name, "always_off") == 0 || ratio <= 0)
        return word | WIRE_LIVE_NEVER;
    return word | threshold_of(ratio);
}

/* Named by a file now, or by one when the program was started, and not by its own environment. */
static bool is_sampler_live(struct settings *settings, const char *from_files)
{
    const enum setting sampler = SETTING_OTEL_TRACES_SAMPLER, argument = SETTING_OTEL_TRACES_SAMPLER_ARG;
    if (settings->values[sampler] && !is_from_file(settings, sampler)) {
        if (is_from_file(settings, argument))
            settings_note(settings, "%s in a file has no effect: the program's environment has %s",
                          settings_name(argument), settings_name(sampler));
        return false;
    }
    return is_from_file(settings, sampler) || setting_is_listed(from_files, sampler) ||
           setting_is_listed(from_files, argument);
}

void settings_understand_live(struct settings *settings, const char *from_files)
{
    uint32_t word = 0;
    if (is_from_file(settings, SETTING_OTELSHIM) && strcmp(settings->values[SETTING_OTELSHIM], "0") == 0)
        word |= WIRE_LIVE_OFF;
    if (is_sampler_live(settings, from_files))
        word |= sampler_word(settings);
    if (is_from_file(settings, SETTING_OTELSHIM_KEEP))
        word |= WIRE_LIVE_KEEP;
    else if (!settings->values[SETTING_OTELSHIM_KEEP] && setting_is_listed(from_files, SETTING_OTELSHIM_KEEP))
        word |= WIRE_LIVE_NO_KEEP;
    settings->live = word ? word | WIRE_LIVE_VALID : 0;
}

void settings_print_live(const struct settings *settings, char *ret_text, size_t max_bytes)
{
    const char *sampler = settings->values[SETTING_OTEL_TRACES_SAMPLER];
    const char *argument = settings->values[SETTING_OTEL_TRACES_SAMPLER_ARG];
    const char *keep = settings->values[SETTING_OTELSHIM_KEEP];
    bool has_sampler = settings->live & WIRE_LIVE_SAMPLER;
    bool has_keep = settings->live & (WIRE_LIVE_KEEP | WIRE_LIVE_NO_KEEP);
    sampler = sampler ? sampler : setting_row(SETTING_OTEL_TRACES_SAMPLER)->standard;
    bool is_ratio = strstr(sampler, "ratio") && argument;
    ret_text[0] = 0;
    if (settings->live & WIRE_LIVE_OFF) {
        snprintf(ret_text, max_bytes, "off");
        return;
    }
    snprintf(ret_text, max_bytes, "%s%s%s%s%s%s%s", has_sampler ? "sampler " : "", has_sampler ? sampler : "",
             has_sampler && is_ratio ? " " : "", has_sampler && is_ratio ? argument : "",
             has_sampler && has_keep ? ", " : "", has_keep ? "keep " : "",
             !has_keep ? ""
             : keep    ? keep
                       : "nothing");
}
