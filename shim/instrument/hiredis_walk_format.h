/*
 * hiredis_walk_format: the pieces of a command, as hiredis finds them in a format and as they go over the wire.
 *
 * What hiredis reads of a format, 0.9 to 1.4 alike: %s, %b (pointer and size_t), %%, and %[#0-+ ][width][.precision]
 * with h hh l ll before d i o u x X, or with none before e E f F g G a A. Width and precision are digits, never *.
 * A conversion of 14 characters or more takes its argument and is then printed as text: here it ends the walk.
 *
 * Context: hot, async-signal-safe: pure functions on the caller's memory.
 */
#ifndef OTELSHIM_HIREDIS_WALK_FORMAT_H
#define OTELSHIM_HIREDIS_WALK_FORMAT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum conversion_kind { TEXT_STRING, TEXT_BYTES, INTEGER, NUMBER, PERCENT_SIGN, UNKNOWN };
enum conversion_width { WIDTH_CHAR, WIDTH_SHORT, WIDTH_INT, WIDTH_LONG, WIDTH_LONG_LONG };

struct conversion {
    enum conversion_kind kind;
    enum conversion_width width;
    bool is_unsigned;
    const char *end; /* past its last character */
};

/* The arguments not yet taken. A struct: a va_list that is a parameter has no address to hand on. */
struct walk {
    va_list arguments;
};

/* %[flags][width][.precision][h|hh|l|ll]letter */
struct conversion walk_number_conversion(const char *percent);

/* `percent` stands on a % that is not the format's last character. */
static inline struct conversion walk_conversion(const char *percent)
{
    switch (percent[1]) {
    case 's':
        return (struct conversion){.kind = TEXT_STRING, .end = percent + 2};
    case 'b':
        return (struct conversion){.kind = TEXT_BYTES, .end = percent + 2};
    case '%':
        return (struct conversion){.kind = PERCENT_SIGN, .end = percent + 2};
    default:
        return walk_number_conversion(percent);
    }
}

/* The value that is printed: narrowed as printf does, an unsigned one zero-extended. */
int64_t walk_integer(const struct conversion *conversion, struct walk *walk);

/* "<type><digits>\r\n" at the beginning of protocol text: its length, 0 where it is not there. */
size_t walk_length(const char *at, size_t bytes, char type, size_t *ret_value);

/* The bulk string at `*position`, which goes past it. NULL: there is none. */
const char *walk_bulk(const char *protocol, size_t bytes, size_t *position, size_t *ret_length);

#endif
