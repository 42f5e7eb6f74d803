/* terminal: see terminal.h. No locale is loaded: the table of wide characters is the part of EAW that occurs. */
#include "base/terminal.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const char *variable(const char *name)
{
    const char *value = getenv(name); /* NOLINT(concurrency-mt-unsafe): nobody here calls setenv */
    return value && *value ? value : NULL;
}

bool terminal_has_colour(int fd)
{
    if (variable("NO_COLOR"))
        return false;
    const char *force = variable("CLICOLOR_FORCE"), *term = variable("TERM");
    if (force && strcmp(force, "0") != 0)
        return true;
    return isatty(fd) && term && strcmp(term, "dumb") != 0;
}

bool terminal_is_utf8(void)
{
    const char *locale = variable("LC_ALL"), *term = variable("TERM");
    if (!locale)
        locale = variable("LC_CTYPE");
    if (!locale)
        locale = variable("LANG");
    return locale && (strcasestr(locale, "UTF-8") || strcasestr(locale, "UTF8")) &&
           !(term && strcmp(term, "linux") == 0);
}

uint32_t terminal_columns(int fd)
{
    const char *text = variable("COLUMNS");
    unsigned long columns = text ? strtoul(text, NULL, 10) : 0;
    struct winsize size;
    if (columns == 0 && ioctl(fd, TIOCGWINSZ, &size) == 0)
        columns = size.ws_col;
    if (columns == 0 || columns > 1000)
        return TERMINAL_DEFAULT_COLUMNS;
    return (uint32_t)columns;
}

/* `bytes` receives the character's length. Text is valid UTF-8. */
static uint32_t code_point(const char *text, size_t *bytes)
{
    const unsigned char *at = (const unsigned char *)text;
    uint32_t lead = at[0];
    size_t n = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint32_t value = n == 1 ? lead : lead & (0x7fu >> n);
    *bytes = 1;
    for (; *bytes < n && (at[*bytes] & 0xc0) == 0x80; ++*bytes)
        value = value << 6 | (at[*bytes] & 0x3fu);
    return value;
}

static bool is_dangerous(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || (point >= 0x200b && point <= 0x200f) ||
           (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069) || point == 0xfeff;
}

size_t terminal_copy_text(char *out, size_t max_bytes, const char *text, bool is_utf8)
{
    size_t used = 0, left = strlen(text);
    bool was_space = false;
    while (left > 0) {
        size_t n;
        uint32_t point = code_point(text, &n);
        bool is_valid = utf8_valid_bytes(text, n) == n;
        bool is_space = point == ' ' || (point >= '\t' && point <= '\r');
        bool is_bad = !is_valid || (!is_space && (is_dangerous(point) || (point > 0x7e && !is_utf8)));
        size_t need = is_bad || is_space ? 1 : n;
        if (used + need >= max_bytes)
            break;
        if (is_space && !was_space)
            out[used++] = ' ';
        else if (is_bad)
            out[used++] = '?';
        else if (!is_space) {
            memcpy(out + used, text, n);
            used += n;
        }
        was_space = is_space;
        text += n;
        left -= n;
    }
    out[used] = 0;
    return used;
}

static uint32_t columns_of(uint32_t point)
{
    static const struct {
        uint32_t first, last;
        uint8_t columns;
    } ranges[] = {
        {0x300, 0x36f, 0},     {0x1100, 0x115f, 2},   {0x1160, 0x11ff, 0},   {0x20d0, 0x20ff, 0},
        {0x2e80, 0x303e, 2},   {0x3041, 0xa4cf, 2},   {0xa960, 0xa97f, 2},   {0xac00, 0xd7a3, 2},
        {0xf900, 0xfaff, 2},   {0xfe00, 0xfe0f, 0},   {0xfe30, 0xfe6f, 2},   {0xff00, 0xff60, 2},
        {0xffe0, 0xffe6, 2},   {0x1f300, 0x1f64f, 2}, {0x1f680, 0x1f6ff, 2}, {0x1f900, 0x1f9ff, 2},
        {0x20000, 0x3fffd, 2},
    };
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if (point >= ranges[i].first && point <= ranges[i].last)
            return ranges[i].columns;
    return 1;
}

size_t terminal_text_fit(const char *text, uint32_t columns)
{
    size_t used = 0;
    while (text[used]) {
        size_t n;
        uint32_t take = columns_of(code_point(text + used, &n));
        if (take > columns)
            break;
        columns -= take;
        used += n;
    }
    return used;
}

uint32_t terminal_text_columns(const char *text)
{
    uint32_t columns = 0;
    while (*text) {
        size_t n;
        columns += columns_of(code_point(text, &n));
        text += n;
    }
    return columns;
}
