/* printf_format: see printf_format.h. */
#include "printf_format.h"

#include <stdint.h>
#include <string.h>
#include <wchar.h>

#define MAX_ARGUMENTS 64u
#define WIDE_BYTES 256u /* of a wide text, as UTF-8 */

enum length { LENGTH_CHAR, LENGTH_SHORT, LENGTH_INT, LENGTH_LONG, LENGTH_LONG_DOUBLE };

struct directive {
    const char *end; /* past its last character */
    int precision;   /* -1: none */
    enum length length;
    bool has_width_argument, has_precision_argument;
    char letter;
};

struct walk {
    va_list arguments; /* in a struct: a va_list that is a parameter has no address to hand on */
    struct facts *facts;
    uint32_t n;
    bool has_error;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_flag(char c)
{
    return c == '-' || c == '+' || c == ' ' || c == '#' || c == '0' || c == '\'' || c == 'I';
}

static const char *skip_number(const char *at, int *ret_number)
{
    int number = 0;
    for (; is_digit(*at); at++)
        number = number < 100000 ? number * 10 + (*at - '0') : number;
    *ret_number = number;
    return at;
}

static const char *parse_length(const char *at, enum length *ret_length)
{
    *ret_length = LENGTH_INT;
    switch (*at) {
    case 'h':
        *ret_length = at[1] == 'h' ? LENGTH_CHAR : LENGTH_SHORT;
        return at + (at[1] == 'h' ? 2 : 1);
    case 'l': /* long and long long are the same here */
        *ret_length = LENGTH_LONG;
        return at + (at[1] == 'l' ? 2 : 1);
    case 'q':
    case 'j':
    case 'z':
    case 'Z':
    case 't':
        *ret_length = LENGTH_LONG;
        return at + 1;
    case 'L':
        *ret_length = LENGTH_LONG_DOUBLE;
        return at + 1;
    default:
        return at;
    }
}
static_assert(sizeof(long) == 8 && sizeof(size_t) == 8, "one width for all that is longer than int");

/* `percent` stands on a %. False: the format ends there, or arguments are taken by number. */
static bool parse(const char *percent, struct directive *directive)
{
    const char *at = percent + 1;
    int width;
    *directive = (struct directive){.precision = -1};
    while (is_flag(*at))
        at++;
    directive->has_width_argument = *at == '*';
    at = *at == '*' ? at + 1 : skip_number(at, &width);
    if (*at == '$' || (directive->has_width_argument && is_digit(*at)))
        return false;
    if (*at == '.') {
        directive->has_precision_argument = at[1] == '*';
        at = at[1] == '*' ? at + 2 : skip_number(at + 1, &directive->precision);
        if (directive->has_precision_argument && is_digit(*at))
            return false;
    }
    at = parse_length(at, &directive->length);
    directive->letter = *at;
    directive->end = at + 1;
    return *at != 0;
}

static void add_int(struct walk *walk, int64_t value)
{
    walk->n++;
    facts_int(walk->facts, WIRE_LOG_ARGUMENT, value);
}

static void add_double(struct walk *walk, double value)
{
    walk->n++;
    facts_double(walk->facts, WIRE_LOG_ARGUMENT, value);
}

static void add_text(struct walk *walk, const char *text, int precision)
{
    size_t most = precision >= 0 && precision < UINT16_MAX ? (size_t)precision : UINT16_MAX;
    size_t bytes = strnlen(text ? text : "(null)", most);
    walk->n++;
    facts_string(walk->facts, WIRE_LOG_ARGUMENT, text ? text : "(null)", bytes);
}

static size_t print_utf8(char out[4], uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)((0xf0 << (4 - n)) | c);
    return n;
}

/* The precision counts bytes of what is printed. */
static void add_wide(struct walk *walk, const wchar_t *text, int precision)
{
    char out[WIDE_BYTES];
    size_t bytes = 0, most = sizeof(out) - 4;
    if (precision >= 0 && (size_t)precision < most)
        most = (size_t)precision;
    if (!text)
        text = L"(null)";
    for (size_t i = 0; bytes < most && text[i]; i++) {
        char one[4];
        uint32_t c = (uint32_t)text[i] <= 0x10ffff ? (uint32_t)text[i] : 0xfffd;
        size_t n = print_utf8(one, c);
        if (bytes + n > most)
            break;
        memcpy(out + bytes, one, n);
        bytes += n;
    }
    walk->n++;
    facts_string(walk->facts, WIRE_LOG_ARGUMENT, out, bytes);
}

/* As printf narrows it. */
static int64_t take_integer(struct walk *walk, const struct directive *directive)
{
    bool is_signed = directive->letter == 'd' || directive->letter == 'i';
    if (directive->length == LENGTH_LONG || directive->length == LENGTH_LONG_DOUBLE)
        return va_arg(walk->arguments, long);
    int value = va_arg(walk->arguments, int);
    if (directive->length == LENGTH_CHAR)
        return is_signed ? (int64_t)(signed char)value : (int64_t)(unsigned char)value;
    if (directive->length == LENGTH_SHORT)
        return is_signed ? (int64_t)(short)value : (int64_t)(unsigned short)value;
    return is_signed ? (int64_t)value : (int64_t)(unsigned)value;
}

/* The argument of the conversion itself. False: it is not known what it takes. */
static bool add_value(struct walk *walk, const struct directive *directive)
{
    switch (directive->letter) {
    case 'd':
    case 'i':
    case 'o':
    case 'u':
    case 'x':
    case 'X':
        add_int(walk, take_integer(walk, directive));
        return true;
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
    case 'a':
    case 'A':
        add_double(walk, directive->length == LENGTH_LONG_DOUBLE
                             ? (double)va_arg(walk->arguments, long double)
                             : va_arg(walk->arguments, double));
        return true;
    case 'c':
        add_int(walk, va_arg(walk->arguments, int));
        return true;
    case 's':
        if (directive->length == LENGTH_LONG)
            add_wide(walk, va_arg(walk->arguments, const wchar_t *), directive->precision);
        else
            add_text(walk, va_arg(walk->arguments, const char *), directive->precision);
        return true;
    case 'S':
        add_wide(walk, va_arg(walk->arguments, const wchar_t *), directive->precision);
        return true;
    case 'p':
        add_int(walk, (int64_t)(intptr_t)va_arg(walk->arguments, void *));
        return true;
    case 'n':
        (void)va_arg(walk->arguments, void *);
        add_int(walk, 0);
        return true;
    case 'm':
        walk->has_error = true;
        return true;
    case '%':
        return true;
    default:
        return false;
    }
}

static bool add_directive(struct walk *walk, struct directive *directive)
{
    if (directive->has_width_argument)
        add_int(walk, va_arg(walk->arguments, int));
    if (directive->has_precision_argument) {
        directive->precision = va_arg(walk->arguments, int); /* negative: as if there were none */
        add_int(walk, directive->precision);
    }
    return add_value(walk, directive);
}

/* The directive at `percent`; what comes behind it, or NULL: the walk ends there. Most are the first two, as they stand. */
static const char *copy_directive(struct walk *walk, const char *percent)
{
    struct directive directive;
    if (percent[1] == 's') {
        add_text(walk, va_arg(walk->arguments, const char *), -1);
        return percent + 2;
    }
    if (percent[1] == 'd') {
        add_int(walk, va_arg(walk->arguments, int));
        return percent + 2;
    }
    return parse(percent, &directive) && add_directive(walk, &directive) ? directive.end : NULL;
}

static void walk_format(struct walk *walk, const char *format)
{
    const char *at = format;
    while (at && walk->n < MAX_ARGUMENTS && (at = strchr(at, '%')))
        at = copy_directive(walk, at);
}

bool printf_copy(struct facts *facts, const char *format, va_list arguments)
{
    struct walk walk = {.facts = facts};
    facts_text(facts, WIRE_LOG_FORMAT, format);
    va_copy(walk.arguments, arguments);
    walk_format(&walk, format);
    va_end(walk.arguments);
    return walk.has_error;
}
