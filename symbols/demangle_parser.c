/* demangle_parser: see demangle_parser.h. */
#include "demangle_parser.h"

#include <string.h>

#define MAX_STEPS 20000u
#define MAX_PUNYCODE 256u

/* ---- letters ---- */

void parser_fail(struct parser *parser)
{
    parser->out.is_failed = true;
    parser->at = parser->n;
}

void parser_print(struct parser *parser, const char *text)
{
    if (!parser->is_skipping)
        demangled_add(&parser->out, text, strlen(text));
}

void parser_print_number(struct parser *parser, uint64_t number)
{
    char digits[21];
    size_t at = sizeof(digits) - 1;
    digits[at] = 0;
    do
        digits[--at] = (char)('0' + number % 10);
    while (number /= 10);
    parser_print(parser, digits + at);
}

char parser_peek(const struct parser *parser)
{
    if (parser->at >= parser->n)
        return 0;
    return parser->text[parser->at];
}

char parser_take(struct parser *parser)
{
    char c = parser_peek(parser);
    if (c)
        parser->at++;
    else
        parser_fail(parser);
    return c;
}

bool parser_take_if(struct parser *parser, char c)
{
    if (parser_peek(parser) != c)
        return false;
    parser->at++;
    return true;
}

bool parser_is_more(struct parser *parser)
{
    return !parser->out.is_failed && !parser_take_if(parser, 'E');
}

bool parser_enter(struct parser *parser)
{
    if (++parser->depth <= PARSER_MAX_DEPTH && ++parser->steps <= MAX_STEPS && !parser->out.is_failed)
        return true;
    parser_fail(parser);
    return false;
}

uint64_t parser_take_base_62(struct parser *parser)
{
    uint64_t number = 0;
    if (parser_take_if(parser, '_'))
        return 0;
    while (!parser->out.is_failed && !parser_take_if(parser, '_')) {
        char c = parser_take(parser);
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'z' ? c - 'a' + 10
                    : c >= 'A' && c <= 'Z' ? c - 'A' + 36
                                           : -1;
        if (digit < 0 || number > UINT64_MAX / 62 - 1) {
            parser_fail(parser);
            return 0;
        }
        number = number * 62 + (uint64_t)digit;
    }
    return number + 1;
}

uint64_t parser_take_optional_base_62(struct parser *parser, char tag)
{
    return parser_take_if(parser, tag) ? parser_take_base_62(parser) + 1 : 0;
}

/* ---- identifiers ---- */

struct identifier parser_take_undisambiguated(struct parser *parser)
{
    struct identifier identifier = {.is_punycode = parser_take_if(parser, 'u')};
    size_t n = 0;
    if (parser_peek(parser) < '0' || parser_peek(parser) > '9') {
        parser_fail(parser);
        return identifier;
    }
    if (!parser_take_if(parser, '0'))
        while (parser_peek(parser) >= '0' && parser_peek(parser) <= '9' && n <= parser->n)
            n = 10 * n + (size_t)(parser_take(parser) - '0');
    parser_take_if(parser, '_');
    if (n > parser->n - parser->at) {
        parser_fail(parser);
        return identifier;
    }
    identifier.text = parser->text + parser->at;
    identifier.n = n;
    parser->at += n;
    return identifier;
}

static uint32_t adapt_bias(uint32_t delta, uint32_t n_points, bool is_first)
{
    uint32_t k = 0;
    delta /= is_first ? 700 : 2;
    delta += delta / n_points;
    for (; delta > 455; k += 36)
        delta /= 35;
    return k + 36 * delta / (delta + 38);
}

/* RFC 3492, with '_' where it has '-'. Returns how many code points; 0: it is none. */
static uint32_t decode_punycode(const struct identifier *identifier, uint32_t points[MAX_PUNYCODE])
{
    size_t at = identifier->n, n_basic = 0;
    uint32_t n = 0, point = 128, bias = 72, i = 0;
    while (at > 0 && identifier->text[at - 1] != '_')
        at--;
    n_basic = at ? at - 1 : 0;
    if (n_basic >= MAX_PUNYCODE)
        return 0;
    for (; n < n_basic; n++)
        points[n] = (uint8_t)identifier->text[n];
    while (at < identifier->n) {
        uint32_t before = i, weight = 1;
        for (uint32_t k = 36;; k += 36) {
            int c = at < identifier->n ? identifier->text[at++] : 0;
            uint32_t digit = c >= 'a' && c <= 'z'   ? (uint32_t)(c - 'a')
                             : c >= '0' && c <= '9' ? (uint32_t)(c - '0') + 26
                                                    : 99;
            uint32_t threshold = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
            if (digit > 35 || digit > (UINT32_MAX - i) / weight)
                return 0;
            i += digit * weight;
            if (digit < threshold)
                break;
            if (weight > UINT32_MAX / (36 - threshold))
                return 0;
            weight *= 36 - threshold;
        }
        if (n + 1 >= MAX_PUNYCODE || i / (n + 1) > 0x10ffff)
            return 0;
        bias = adapt_bias(i - before, n + 1, before == 0);
        point += i / (n + 1);
        i %= n + 1;
        memmove(points + i + 1, points + i, (n - i) * sizeof(*points));
        points[i++] = point;
        n++;
    }
    return n;
}

void parser_print_identifier(struct parser *parser, const struct identifier *identifier)
{
    uint32_t points[MAX_PUNYCODE];
    if (parser->is_skipping || parser->out.is_failed)
        return;
    if (!identifier->is_punycode) {
        demangled_add(&parser->out, identifier->text, identifier->n);
        return;
    }
    uint32_t n = decode_punycode(identifier, points);
    if (n == 0)
        parser_fail(parser);
    for (uint32_t i = 0; i < n; i++)
        demangled_add_character(&parser->out, points[i]);
}

/* ---- lifetimes, back references ---- */

void parser_print_lifetime(struct parser *parser, uint64_t number)
{
    char name[] = "'a";
    if (number == 0) {
        parser_print(parser, "'_");
        return;
    }
    if (number > parser->n_bound) {
        parser_fail(parser);
        return;
    }
    uint64_t depth = parser->n_bound - number;
    name[1] = (char)(depth < 26 ? 'a' + depth : '_');
    parser_print(parser, name);
    if (depth >= 26)
        parser_print_number(parser, depth);
}

uint64_t parser_print_binder(struct parser *parser)
{
    uint64_t n = parser_take_optional_base_62(parser, 'G');
    if (n == 0)
        return 0;
    if (n > PARSER_MAX_DEPTH) {
        parser_fail(parser);
        return 0;
    }
    parser_print(parser, "for<");
    for (uint64_t i = 0; i < n; i++) {
        parser->n_bound++;
        parser_print(parser, i ? ", " : "");
        parser_print_lifetime(parser, 1);
    }
    parser_print(parser, "> ");
    return n;
}

size_t parser_follow(struct parser *parser)
{
    size_t own = parser->at - 1;
    uint64_t target = parser_take_base_62(parser);
    size_t back = parser->at;
    if (target >= own)
        parser_fail(parser);
    if (!parser->out.is_failed && !parser->is_skipping)
        parser->at = target;
    return back;
}
