/* format: see format.h. */
#include "signals/logs/format.h"

#include "base/number_format.h"
#include "signals/spans/redact.h"
#include <stdio.h>
#include <string.h>

struct walk {
    const char *at, *end; /* of the format */
    const struct raw_fact *argument, *arguments_end;
    int error_number;
    struct redact_writer out;
};

/* As it stands in the format. */
struct conversion {
    struct number_format number;
    bool is_left, is_wide;
    const char *behind;
};

/* The next argument, if it is of one of these types; NULL: the format means another. */
static const struct raw_fact *take(struct walk *walk, bool wants_text, bool wants_double)
{
    while (walk->argument < walk->arguments_end && walk->argument->key != WIRE_LOG_ARGUMENT)
        walk->argument++;
    if (walk->argument == walk->arguments_end)
        return NULL;
    uint8_t type = walk->argument->type;
    bool is_text = type == WIRE_BYTES || type == WIRE_STRING;
    if (is_text != wants_text || (!is_text && (type == WIRE_DOUBLE) != wants_double))
        return NULL;
    return walk->argument++;
}

static bool is_one_of(char letter, const char *letters)
{
    return letter && strchr(letters, letter);
}

/* Digits, or a star that takes its number from the arguments. False: a star without its argument. */
static bool parse_number(struct walk *walk, const char **at, int64_t *ret_number)
{
    if (*at < walk->end && **at == '*') {
        const struct raw_fact *argument = take(walk, false, false);
        ++*at;
        *ret_number = argument ? (int32_t)argument->integer : 0;
        return argument != NULL;
    }
    *ret_number = 0;
    for (; *at < walk->end && **at >= '0' && **at <= '9'; ++*at)
        if (*ret_number < INT32_MAX / 10)
            *ret_number = *ret_number * 10 + (**at - '0');
    return true;
}

static const char *parse_length(const char *at, const char *end, struct conversion *conversion)
{
    uint8_t *bits = &conversion->number.bits;
    for (; at < end && is_one_of(*at, "hlqLjzt"); at++) {
        if (*at == 'h')
            *bits = *bits == 16 ? 8 : 16;
        else
            *bits = 64;
        conversion->is_wide |= *at == 'l';
    }
    return at;
}

/* `walk->at` is on the percent. False: no conversion of printf's, or one whose arguments are not here. */
static bool parse(struct walk *walk, struct conversion *ret_conversion)
{
    struct conversion conversion = {.number = {.bits = 32}};
    struct number_format *number = &conversion.number;
    const char *at = walk->at + 1;
    int64_t width, precision;
    for (; at < walk->end && is_one_of(*at, "#0-+ 'I"); at++)
        if (*at != '\'' && *at != 'I' &&
            !strchr(number->flags, *at)) /* those two are of the program's locale */
            number->flags[strlen(number->flags)] = *at;
    if (!parse_number(walk, &at, &width))
        return false;
    if (width < 0 && !strchr(number->flags, '-'))
        number->flags[strlen(number->flags)] = '-';
    number->width = (uint32_t)(width < 0 ? -width : width);
    conversion.is_left = strchr(number->flags, '-') != NULL;
    if (at < walk->end && *at == '.') {
        at++;
        if (!parse_number(walk, &at, &precision))
            return false;
        number->has_precision = precision >= 0;
        number->precision = (uint32_t)(precision < 0 ? 0 : precision);
    }
    at = parse_length(at, walk->end, &conversion);
    if (at == walk->end)
        return false;
    number->letter = *at;
    conversion.behind = at + 1;
    *ret_conversion = conversion;
    return true;
}

static void pad(struct walk *walk, const struct conversion *conversion, size_t n_bytes)
{
    for (size_t n = n_bytes; n < conversion->number.width && !walk->out.is_full; n++)
        redact_put_char(&walk->out, ' ');
}

/* A text in its field. */
static void put_text(struct walk *walk, const struct conversion *conversion, const char *text, size_t n_bytes)
{
    if (!conversion->is_left)
        pad(walk, conversion, n_bytes);
    redact_put(&walk->out, text, n_bytes);
    if (conversion->is_left)
        pad(walk, conversion, n_bytes);
}

static bool put_string(struct walk *walk, const struct conversion *conversion)
{
    const struct raw_fact *argument = take(walk, true, false);
    if (!argument)
        return false;
    const struct number_format *number = &conversion->number;
    bool is_shorter = number->has_precision && number->precision < argument->n_bytes;
    put_text(walk, conversion, argument->bytes ? argument->bytes : "",
             is_shorter ? number->precision : argument->n_bytes);
    if (argument->is_cut && !is_shorter && !(number->has_precision && number->precision == argument->n_bytes))
        redact_put_text(&walk->out, REDACT_MARK);
    return true;
}

/* UTF-8 of a wide character. */
static size_t encode(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint8_t first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)(first[n] | code);
    return n;
}

static bool put_character(struct walk *walk, const struct conversion *conversion)
{
    const struct raw_fact *argument = take(walk, false, false);
    if (!argument)
        return false;
    bool is_wide = conversion->is_wide || conversion->number.letter == 'C';
    char text[4] = {(char)argument->integer};
    bool is_character = argument->integer >= 0 && argument->integer <= 0x10ffff;
    put_text(walk, conversion, text, is_wide && is_character ? encode((uint32_t)argument->integer, text) : 1);
    return true;
}

static bool put_pointer(struct walk *walk, const struct conversion *conversion)
{
    char text[24];
    const struct raw_fact *argument = take(walk, false, false);
    if (!argument)
        return false;
    int n = argument->integer ? snprintf(text, sizeof(text), "%#llx", (unsigned long long)argument->integer)
                              : snprintf(text, sizeof(text), "(nil)");
    put_text(walk, conversion, text, (size_t)n);
    return true;
}

static void put_error(struct walk *walk, const struct conversion *conversion)
{
    char unknown[40];
    const char *text = strchr(conversion->number.flags, '#') ? strerrorname_np(walk->error_number)
                                                             : strerrordesc_np(walk->error_number);
    if (!text) {
        snprintf(unknown, sizeof(unknown), "Unknown error %d", walk->error_number);
        text = unknown;
    }
    size_t n = strlen(text);
    const struct number_format *number = &conversion->number;
    put_text(walk, conversion, text, number->has_precision && number->precision < n ? number->precision : n);
}

static bool put_number(struct walk *walk, const struct conversion *conversion)
{
    char text[NUMBER_FORMAT_BYTES];
    bool is_cut = false, is_double = number_format_is_double(conversion->number.letter);
    if (!is_double && !is_one_of(conversion->number.letter, "diouxX"))
        return false;
    const struct raw_fact *argument = take(walk, false, is_double);
    if (!argument)
        return false;
    redact_put(&walk->out, text,
               number_format_print(&conversion->number, argument->integer, argument->number, text, &is_cut));
    if (is_cut)
        redact_put_text(&walk->out, REDACT_MARK);
    return true;
}

/* False: the walk ends at this percent. */
static bool put_conversion(struct walk *walk)
{
    struct conversion conversion;
    if (!parse(walk, &conversion))
        return false;
    bool is_put = true;
    switch (conversion.number.letter) {
    case '%':
        redact_put_char(&walk->out, '%');
        break;
    case 's':
    case 'S':
        is_put = put_string(walk, &conversion);
        break;
    case 'c':
    case 'C':
        is_put = put_character(walk, &conversion);
        break;
    case 'p':
        is_put = put_pointer(walk, &conversion);
        break;
    case 'n':
        is_put = take(walk, false, false) != NULL;
        break;
    case 'm':
        put_error(walk, &conversion);
        break;
    default:
        is_put = put_number(walk, &conversion);
        break;
    }
    if (is_put)
        walk->at = conversion.behind;
    return is_put;
}

size_t format_assemble(const struct raw_fact *format, const struct raw_fact *arguments, uint32_t n_arguments,
                       int error_number, char *out, size_t max)
{
    struct walk walk = {.at = format->bytes,
                        .end = format->bytes + format->n_bytes,
                        .argument = arguments,
                        .arguments_end = arguments + n_arguments,
                        .error_number = error_number};
    redact_begin(&walk.out, out, max);
    while (walk.at < walk.end && !walk.out.is_full) {
        const char *percent = memchr(walk.at, '%', (size_t)(walk.end - walk.at));
        const char *stop = percent ? percent : walk.end;
        redact_put(&walk.out, walk.at, (size_t)(stop - walk.at));
        walk.at = stop;
        if (percent && !put_conversion(&walk)) {
            redact_put(&walk.out, walk.at, (size_t)(walk.end - walk.at));
            break;
        }
    }
    return redact_end(&walk.out, format->is_cut);
}
