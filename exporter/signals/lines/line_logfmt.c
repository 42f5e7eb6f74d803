/* line_logfmt: a line of key=value: Go's slog and logrus, structlog's KeyValueRenderer. It says a level or a message, or it is none. */
#include "signals/lines/lines_priv.h"

#include <ctype.h>
#include <string.h>

#define MAX_KEY 64u

struct cursor {
    const char *at, *end;
    char *out; /* values: never more than what was read of the line */
};

static bool is_key_byte(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("_.-@", c));
}

static size_t left(const struct cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

/* NULL: no key=value stands here. */
static const char *read_key(struct cursor *cursor, struct arena *arena)
{
    size_t n = 0;
    while (n < left(cursor) && n < MAX_KEY && is_key_byte(cursor->at[n]))
        n++;
    if (!n || n == left(cursor) || cursor->at[n] != '=' || isdigit((unsigned char)*cursor->at))
        return NULL;
    const char *key = arena_copy(arena, cursor->at, n);
    cursor->at += n + 1;
    return key;
}

static char unescaped(char c)
{
    if (c == 'n')
        return '\n';
    if (c == 't')
        return '\t';
    return c;
}

/* In quotes, \" and the like undone, or up to the next blank. */
static const char *read_value(struct cursor *cursor, size_t *ret_bytes)
{
    char quote = 0;
    char *value = cursor->out;
    size_t n = 0;
    if (left(cursor) && (*cursor->at == '"' || *cursor->at == '\''))
        quote = *cursor->at++;
    for (; left(cursor); cursor->at++) {
        char c = *cursor->at;
        if (quote ? c == quote : c == ' ' || c == '\t')
            break;
        if (quote && c == '\\' && left(cursor) > 1) {
            cursor->at++;
            c = unescaped(*cursor->at);
        }
        value[n++] = c;
    }
    cursor->at += quote && left(cursor);
    value[n] = 0;
    cursor->out = value + n + 1;
    *ret_bytes = n;
    return value;
}

bool line_logfmt_read(struct arena *arena, const char *text, size_t bytes, struct line_reading *ret_reading)
{
    struct line_reading reading = {.format = "logfmt", .is_structured = true};
    const char *line_end = memchr(text, '\n', bytes);
    if (line_end || bytes > LINE_MAX_BYTES || !memchr(text, '=', bytes < MAX_KEY ? bytes : MAX_KEY))
        return false;
    struct cursor cursor = {text, text + bytes, arena_alloc(arena, bytes + 1)};
    while (left(&cursor)) {
        const char *key = read_key(&cursor, arena);
        if (!key)
            return false;
        size_t n;
        const char *value = read_value(&cursor, &n);
        if (!field_take_text(&reading, key, value, n) && reading.fields.n < LINE_MAX_FIELDS)
            attribute_set_text(&reading.fields, arena, key, value, n);
        while (left(&cursor) && (*cursor.at == ' ' || *cursor.at == '\t'))
            cursor.at++;
    }
    if (!reading.severity && !reading.message)
        return false;
    *ret_reading = reading;
    return true;
}
