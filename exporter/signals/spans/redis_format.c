/* The walk over a format follows hiredis' redisvFormatCommand(), its oddities included, in 0.14 and 1.x alike. */
#include "signals/spans/redis.h"

#include "base/number_format.h"
#include <string.h>

#define CONVERSION_MAX_BYTES 14 /* hiredis does not print a conversion that is longer */

struct split {
    const char *at, *end; /* of the format */
    const struct redis_format_argument *arg, *arg_end;
    char *scratch;
    size_t used, max;
    size_t begin;    /* of the current argument in scratch */
    bool is_touched; /* there is a current argument, perhaps an empty one */
    bool is_cut;     /* something of the current argument is missing */
    bool is_whole;
    /* A lone %s or %b is not copied: the current argument is this one, when not NULL. */
    const struct redis_argument *alone;
};

static void put(struct split *split, const char *bytes, size_t n_bytes)
{
    size_t room = split->max - split->used;
    if (n_bytes > room) {
        n_bytes = room;
        split->is_cut = true;
    }
    if (n_bytes)
        memcpy(split->scratch + split->used, bytes, n_bytes);
    split->used += n_bytes;
}

/* Something comes behind a lone argument: it has to be copied after all. */
static void copy_alone(struct split *split)
{
    const struct redis_argument *alone = split->alone;
    split->alone = NULL;
    if (!alone)
        return;
    put(split, alone->bytes, alone->n_bytes);
    split->is_cut = split->is_cut || alone->cut;
}

static void put_bytes(struct split *split, const struct redis_argument *bytes)
{
    if (!split->is_touched) {
        split->alone = bytes;
        return;
    }
    copy_alone(split);
    put(split, bytes->bytes, bytes->n_bytes);
    split->is_cut = split->is_cut || bytes->cut;
}

/* A conversion as printf has it, and how hiredis fetches its argument. */
struct conversion {
    struct number_format number;
    bool is_double, is_printed;
    const char *behind;
};

static bool is_one_of(char letter, const char *letters)
{
    return letter && strchr(letters, letter);
}

static uint32_t parse_number(const char **at, const char *end)
{
    uint32_t number = 0;
    for (; *at < end && **at >= '0' && **at <= '9'; ++*at)
        if (number < NUMBER_FORMAT_BYTES * 10)
            number = number * 10 + (uint32_t)(**at - '0');
    return number;
}

/* `at` is on the percent. False: hiredis would refuse the format, or the format is cut here. */
static bool parse_conversion(const char *at, const char *end, struct conversion *ret_conversion)
{
    struct conversion conversion = {.number = {.bits = 32}};
    struct number_format *number = &conversion.number;
    const char *begin = at++;
    for (; at < end && is_one_of(*at, "#0-+ "); at++)
        if (!strchr(number->flags, *at))
            number->flags[strlen(number->flags)] = *at;
    number->width = parse_number(&at, end);
    if (at < end && *at == '.') {
        at++;
        number->has_precision = true;
        number->precision = parse_number(&at, end);
    }
    bool may_be_double = true;
    for (unsigned n = 0; n < 2 && at < end && (*at == 'h' || *at == 'l'); n++, at++) {
        if (n == 1 && at[-1] != *at)
            return false;
        number->bits = *at == 'l' ? 64 : n == 0 ? 16 : 8;
        may_be_double = false;
    }
    if (at == end)
        return false;
    conversion.is_double = may_be_double && number_format_is_double(*at);
    if (!conversion.is_double && !is_one_of(*at, "diouxX"))
        return false;
    number->letter = *at;
    conversion.is_printed = at + 1 - begin < CONVERSION_MAX_BYTES;
    conversion.behind = at + 1;
    *ret_conversion = conversion;
    return true;
}

/* %d and %lld without flags, as most are. */
static void put_plain(struct split *split, int64_t value)
{
    char text[24], *at = text + sizeof text;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        *--at = (char)('0' + rest % 10);
    } while (rest /= 10);
    if (value < 0)
        *--at = '-';
    put(split, at, (size_t)(text + sizeof text - at));
}

static void put_number(struct split *split, const struct conversion *conversion,
                       const struct redis_format_argument *arg)
{
    char text[NUMBER_FORMAT_BYTES];
    const struct number_format *number = &conversion->number;
    bool is_plain = !*number->flags && !number->width && !number->has_precision;
    if (is_plain && number->bits >= 32 && (number->letter == 'd' || number->letter == 'i')) {
        put_plain(split, number->bits == 32 ? (int32_t)arg->integer : arg->integer);
        return;
    }
    put(split, text, number_format_print(number, arg->integer, arg->number, text, &split->is_cut));
}

/* `at` is on a percent that is not the last character. False: the walk ends here. */
static bool take_conversion(struct split *split)
{
    struct conversion conversion = {0};
    char letter = split->at[1];
    if (letter == '%') {
        copy_alone(split);
        put(split, "%", 1);
        split->at += 2;
        return split->is_touched = true;
    }
    bool is_bytes = letter == 's' || letter == 'b';
    if (!is_bytes && !parse_conversion(split->at, split->end, &conversion))
        return false;
    enum redis_format_type wanted = is_bytes               ? REDIS_FORMAT_BYTES
                                    : conversion.is_double ? REDIS_FORMAT_DOUBLE
                                                           : REDIS_FORMAT_INT;
    if (split->arg == split->arg_end || split->arg->type != wanted)
        return false;
    const struct redis_format_argument *arg = split->arg++;
    if (is_bytes) {
        put_bytes(split, &arg->bytes);
        split->at += 2;
    } else if (conversion.is_printed) {
        copy_alone(split);
        put_number(split, &conversion, arg);
        split->at = conversion.behind;
    } else { /* hiredis fetches the argument, prints nothing, and goes on with the third character */
        copy_alone(split);
        split->at += 2;
    }
    return split->is_touched = true;
}

static struct redis_argument end_argument(struct split *split)
{
    struct redis_argument argument = {split->scratch + split->begin, (uint32_t)(split->used - split->begin),
                                      split->is_cut};
    if (split->alone)
        argument = *split->alone;
    split->begin = split->used;
    split->alone = NULL;
    split->is_touched = split->is_cut = false;
    return argument;
}

uint32_t redis_format_split(const struct redis_format *format, struct redis_scratch scratch,
                            struct redis_argument *out, uint32_t max_out, bool *ret_is_whole)
{
    struct split split = {
        .at = format->format.bytes,
        .end = format->format.bytes + format->format.n_bytes,
        .arg = format->args,
        .arg_end = format->args + format->n_args,
        .scratch = scratch.bytes,
        .max = scratch.max,
        .is_whole = !format->format.cut,
    };
    uint32_t n_out = 0;
    bool goes_on = true;
    while (goes_on && split.at < split.end && n_out < max_out) {
        if (*split.at == '%' && split.end - split.at >= 2) {
            goes_on = take_conversion(&split);
        } else if (*split.at == ' ') {
            if (split.is_touched)
                out[n_out++] = end_argument(&split);
            split.at++;
        } else {
            const char *begin = split.at++;
            while (split.at < split.end && *split.at != ' ' && *split.at != '%')
                split.at++;
            copy_alone(&split);
            put(&split, begin, (size_t)(split.at - begin));
            split.is_touched = true;
        }
    }
    bool is_at_end = goes_on && split.at == split.end;
    split.is_whole = split.is_whole && is_at_end;
    if (split.is_touched && n_out < max_out) {
        out[n_out++] = end_argument(&split);
        if (!split.is_whole)
            out[n_out - 1].cut = true;
    }
    *ret_is_whole = split.is_whole;
    return n_out;
}
