/* lines: see lines.h. Which format a line is of. */
#include "signals/lines/lines.h"

#include "signals/lines/lines_priv.h"
#include "signals/lines/pattern.h"
#include <ctype.h>
#include <string.h>

#define ESCAPE '\x1b'
#define BELL '\x07'

static const struct format {
    const char *name;
    uint32_t severity;
    const char *pattern;
} formats[] = {
#define FORMAT(name, severity, pattern) {name, severity, pattern},
#include "signals/lines/formats.h"
#undef FORMAT
};

#define N_FORMATS (sizeof(formats) / sizeof(formats[0]))

/* "error: 0.3 %" is a number that somebody prints, no error. */
static bool is_measure(const struct line_reading *reading)
{
    for (size_t i = 0; i < reading->n_message; i++)
        if (!isdigit((unsigned char)reading->message[i]) && !strchr(" .,%+-", reading->message[i]))
            return false;
    return true;
}

static bool fits(const struct format *format, const char *text, size_t bytes,
                 bool (*rest)(const char *, size_t, struct line_reading *), struct line_reading *ret_reading)
{
    struct line_reading reading = *ret_reading;
    if (!pattern_fits(format->pattern, text, bytes, rest, &reading))
        return false;
    bool is_undated = format->pattern[0] == '%' && strchr("lLn", format->pattern[1]);
    if (is_undated && reading.n_message && is_measure(&reading))
        return false;
    if (format->severity) {
        reading.severity = format->severity;
        reading.message = NULL; /* its words belong to what is said */
    }
    if (!reading.format)
        reading.format = format->name;
    *ret_reading = reading;
    return true;
}

static bool has_date(const struct format *format)
{
    const char *at = format->pattern + strspn(format->pattern, "[");
    return at[0] == '%' && at[1] == 't';
}

/* Behind a date: a row without one. */
static bool rest_fits(const char *text, size_t bytes, struct line_reading *ret_reading)
{
    for (size_t i = 0; i < N_FORMATS; i++)
        if (!has_date(&formats[i]) && fits(&formats[i], text, bytes, NULL, ret_reading))
            return true;
    return false;
}

static void read_row(const char *text, size_t bytes, struct line_reading *ret_reading)
{
    for (size_t i = 0; i < N_FORMATS; i++)
        if (fits(&formats[i], text, bytes, rest_fits, ret_reading))
            return;
}

void line_read(struct arena *arena, const char *text, size_t bytes, struct line_reading *ret_reading)
{
    memset(ret_reading, 0, sizeof(*ret_reading));
    if (!line_json_read(arena, text, bytes, ret_reading) &&
        !line_logfmt_read(arena, text, bytes, ret_reading))
        read_row(text, bytes, ret_reading);
}

uint32_t line_severity(const char *text, size_t bytes)
{
    struct line_reading reading = {.format = NULL};
    if (bytes && *text != '{')
        read_row(text, bytes, &reading);
    return reading.severity;
}

/* Bytes of an escape sequence (ECMA-48): CSI …, OSC … BEL or ST, or two bytes. */
static size_t escape_bytes(const char *text, size_t bytes)
{
    size_t n = 2;
    if (bytes < 2)
        return bytes;
    if (text[1] == '[') {
        while (n < bytes && (unsigned char)text[n] >= 0x20 && (unsigned char)text[n] < 0x40)
            n++;
        return n < bytes ? n + 1 : n;
    }
    if (text[1] != ']')
        return n;
    while (n < bytes && text[n] != BELL && text[n] != ESCAPE && text[n] != '\n')
        n++;
    return n + (n < bytes && text[n] == BELL);
}

size_t line_clean(char *out, const char *text, size_t bytes)
{
    size_t n = 0;
    for (size_t i = 0; i < bytes;) {
        bool is_return = text[i] == '\r' && (i + 1 == bytes || text[i + 1] == '\n');
        if (text[i] == ESCAPE) {
            i += escape_bytes(text + i, bytes - i);
            continue;
        }
        if (!is_return) {
            out[n] = ' ';
            if (text[i])
                out[n] = text[i];
            n++;
        }
        i++;
    }
    return n;
}
