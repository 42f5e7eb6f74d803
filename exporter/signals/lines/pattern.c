/* pattern: see pattern.h. */
#include "signals/lines/pattern.h"

#include "signals/lines/level.h"
#include "signals/lines/moment.h"
#include <ctype.h>
#include <string.h>

#define MAX_NAME 120u /* what stands in front of a message is short */
#define MAX_LEVEL 16u

struct matcher {
    const char *at, *end;
    struct line_reading reading;
};

static size_t left(const struct matcher *matcher)
{
    return (size_t)(matcher->end - matcher->at);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void skip_blanks(struct matcher *matcher)
{
    while (left(matcher) && is_blank(*matcher->at))
        matcher->at++;
}

static void set_level(struct matcher *matcher, uint32_t severity, const char *word, size_t n_word)
{
    matcher->reading.severity = severity;
    matcher->reading.word = word;
    matcher->reading.n_word = n_word;
}

/* It may be padded: "[error    ]", but for a blank that the pattern itself asks for. */
static bool level(struct matcher *matcher, bool is_capital, char next)
{
    if (next != ' ')
        skip_blanks(matcher);
    size_t n = 0;
    while (n < left(matcher) && n <= MAX_LEVEL && isalnum((unsigned char)matcher->at[n])) {
        if (is_capital && islower((unsigned char)matcher->at[n]))
            return false;
        n++;
    }
    uint32_t severity = n ? level_of_word(matcher->at, n) : 0;
    if (!severity)
        return false;
    set_level(matcher, severity, matcher->at, n);
    matcher->at += n;
    if (next != ' ' && next)
        skip_blanks(matcher);
    return true;
}

/* glog's letter, which a digit follows. */
static bool letter(struct matcher *matcher)
{
    static const char letters[] = "VDIWEF";
    static const uint8_t severities[] = {1, 5, 9, 13, 17, 21};
    const char *found = left(matcher) > 1 ? memchr(letters, *matcher->at, sizeof(letters) - 1) : NULL;
    if (!found || !isdigit((unsigned char)matcher->at[1]))
        return false;
    set_level(matcher, severities[found - letters], matcher->at, 1);
    matcher->at++;
    return true;
}

static bool digits(struct matcher *matcher)
{
    size_t n = 0;
    while (n < left(matcher) && isdigit((unsigned char)matcher->at[n]))
        n++;
    matcher->at += n;
    return n > 0;
}

/* syslog's <3>, with or without a facility. */
static bool priority(struct matcher *matcher)
{
    const char *word;
    uint32_t value = 0;
    size_t n = 0;
    for (; n < left(matcher) && n < 3 && isdigit((unsigned char)matcher->at[n]); n++)
        value = 10 * value + (uint32_t)(matcher->at[n] - '0');
    if (!n || value > 191)
        return false;
    uint32_t severity = level_of_syslog(value & 7, &word);
    set_level(matcher, severity, word, strlen(word));
    matcher->at += n;
    return true;
}

/* Up to `next`, the byte that follows in the pattern. */
static bool name(struct matcher *matcher, bool may_have_blanks, char next)
{
    size_t n = 0;
    for (; n < left(matcher) && n < MAX_NAME; n++) {
        char c = matcher->at[n];
        if (c == next || (next == ' ' && is_blank(c)) || c == '\n')
            break;
        if (!may_have_blanks && is_blank(c))
            return false;
    }
    matcher->at += n;
    return n > 0 || may_have_blanks;
}

static bool message(struct matcher *matcher)
{
    skip_blanks(matcher);
    matcher->reading.message = matcher->at;
    matcher->reading.n_message = left(matcher);
    matcher->at = matcher->end;
    return true;
}

static bool moment(struct matcher *matcher)
{
    size_t n = moment_read(matcher->at, left(matcher), &matcher->reading.time_unix_ns);
    matcher->at += n;
    return n > 0;
}

static bool element(struct matcher *matcher, char kind, char next)
{
    switch (kind) {
    case 't':
        return moment(matcher);
    case 'l':
    case 'L':
        return level(matcher, kind == 'L', next);
    case 'c':
        return letter(matcher);
    case 'p':
        return priority(matcher);
    case 'd':
        return digits(matcher);
    case 'n':
    case 'x':
        return name(matcher, kind == 'x', next);
    default:
        return message(matcher);
    }
}

static bool literal(struct matcher *matcher, char c)
{
    const char *before = matcher->at;
    if (c != ' ')
        return left(matcher) && *matcher->at++ == c;
    skip_blanks(matcher);
    return matcher->at > before;
}

static bool rest_fits(struct matcher *matcher,
                      bool (*rest)(const char *text, size_t bytes, struct line_reading *ret_reading))
{
    uint64_t time_unix_ns = matcher->reading.time_unix_ns;
    if (!rest(matcher->at, left(matcher), &matcher->reading))
        return false;
    matcher->reading.time_unix_ns = time_unix_ns;
    return true;
}

bool pattern_fits(const char *pattern, const char *text, size_t bytes,
                  bool (*rest)(const char *text, size_t bytes, struct line_reading *ret_reading),
                  struct line_reading *ret_reading)
{
    struct matcher matcher = {.at = text, .end = text + bytes, .reading = *ret_reading};
    for (const char *at = pattern; *at; at++) {
        bool fits;
        if (*at != '%')
            fits = literal(&matcher, *at);
        else if (*++at == 'r')
            fits = rest_fits(&matcher, rest);
        else
            fits = element(&matcher, *at, at[1]);
        if (!fits)
            return false;
    }
    *ret_reading = matcher.reading;
    return true;
}
