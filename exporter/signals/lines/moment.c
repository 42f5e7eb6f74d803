/* moment: see moment.h. */
#include "signals/lines/moment.h"

#include "signals/lines/level.h"
#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#define NS_PER_S 1000000000ull
#define MAX_ZONE_LETTERS 5u

struct reader {
    const char *at, *end;
    struct tm tm;
    uint32_t ns;
    int offset_s;
    bool has_zone;
};

static size_t left(const struct reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

static bool is_next(struct reader *reader, char c)
{
    return left(reader) > 0 && *reader->at == c;
}

static bool skip(struct reader *reader, char c)
{
    bool is_there = is_next(reader, c);
    reader->at += is_there;
    return is_there;
}

/* Exactly so many digits, in [min, max]. */
static bool number(struct reader *reader, unsigned digits, int min, int max, int *ret)
{
    int value = 0;
    if (left(reader) < digits)
        return false;
    for (unsigned i = 0; i < digits; i++) {
        if (!isdigit((unsigned char)reader->at[i]))
            return false;
        value = 10 * value + (reader->at[i] - '0');
    }
    if (value < min || value > max)
        return false;
    reader->at += digits;
    *ret = value;
    return true;
}

/* 2025-11-09, 2025/11/09, 20251109 */
static bool date(struct reader *reader)
{
    if (!number(reader, 4, 1970, 2200, &reader->tm.tm_year))
        return false;
    char separator = 0;
    if (is_next(reader, '-') || is_next(reader, '/'))
        separator = *reader->at++;
    if (!number(reader, 2, 1, 12, &reader->tm.tm_mon) || (separator && !skip(reader, separator)) ||
        !number(reader, 2, 1, 31, &reader->tm.tm_mday))
        return false;
    reader->tm.tm_year -= 1900;
    reader->tm.tm_mon--;
    return true;
}

/* 15:30:42, 15:30:42.123456, 15:30:42,123 */
static bool time_of_day(struct reader *reader)
{
    if (!number(reader, 2, 0, 23, &reader->tm.tm_hour) || !skip(reader, ':') ||
        !number(reader, 2, 0, 59, &reader->tm.tm_min) || !skip(reader, ':') ||
        !number(reader, 2, 0, 60, &reader->tm.tm_sec))
        return false;
    if (left(reader) < 2 || !*reader->at || !strchr(".,:", *reader->at) ||
        !isdigit((unsigned char)reader->at[1]))
        return true;
    uint32_t scale = NS_PER_S / 10;
    for (reader->at++; left(reader) && isdigit((unsigned char)*reader->at); reader->at++, scale /= 10)
        reader->ns += (uint32_t)(*reader->at - '0') * scale;
    return true;
}

/* +09:00, +0900, +09 */
static bool offset(struct reader *reader)
{
    int sign = is_next(reader, '-') ? -1 : 1, hours, minutes = 0;
    reader->at++;
    if (!number(reader, 2, 0, 14, &hours))
        return false;
    if (skip(reader, ':') || (left(reader) && isdigit((unsigned char)*reader->at)))
        if (!number(reader, 2, 0, 59, &minutes))
            return false;
    reader->offset_s = sign * (hours * 3600 + minutes * 60);
    return true;
}

/* Z, an offset, UTC; the name of another zone is left out, as it may mean several. It may stand behind a blank. */
static void zone(struct reader *reader)
{
    struct reader ahead = *reader;
    skip(&ahead, ' ');
    size_t n = 0;
    while (n < left(&ahead) && n < MAX_ZONE_LETTERS && isupper((unsigned char)ahead.at[n]))
        n++;
    bool is_word = n > 0 && (n == left(&ahead) || !isalnum((unsigned char)ahead.at[n]));
    if (is_word) {
        bool is_utc = (n == 1 && *ahead.at == 'Z') || (n == 3 && memcmp(ahead.at, "UTC", 3) == 0) ||
                      (n == 3 && memcmp(ahead.at, "GMT", 3) == 0);
        if (!is_utc && (n < 3 || level_of_word(ahead.at, n)))
            return;
        ahead.at += n;
        ahead.has_zone = is_utc;
    } else if (is_next(&ahead, '+') || (is_next(&ahead, '-') && left(&ahead) > 1)) {
        if (!offset(&ahead))
            return;
        ahead.has_zone = true;
    } else {
        return;
    }
    *reader = ahead;
}

/* Sun Nov 09 15:30:42.123456 2025 */
static bool spelled_out(struct reader *reader)
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    if (left(reader) < 8 || !isupper((unsigned char)*reader->at) || !isupper((unsigned char)reader->at[4]))
        return false;
    const char *day = memmem(days, sizeof(days) - 1, reader->at, 3);
    const char *month = memmem(months, sizeof(months) - 1, reader->at + 4, 3);
    if (!day || !month || (day - days) % 3 || (month - months) % 3 || reader->at[3] != ' ' ||
        reader->at[7] != ' ')
        return false;
    reader->at += 8;
    skip(reader, ' ');
    return (number(reader, 2, 1, 31, &reader->tm.tm_mday) || number(reader, 1, 1, 9, &reader->tm.tm_mday)) &&
           skip(reader, ' ') && time_of_day(reader) && skip(reader, ' ') &&
           number(reader, 4, 1970, 2200, &reader->tm.tm_year);
}

size_t moment_read(const char *text, size_t bytes, uint64_t *ret_unix_ns)
{
    struct reader reader = {.at = text, .end = text + bytes}, alone = reader, spelled = reader;
    *ret_unix_ns = 0;
    if (time_of_day(&alone))
        return (size_t)(alone.at - text);
    if (spelled_out(&spelled))
        return (size_t)(spelled.at - text);
    if (!date(&reader) || !(skip(&reader, 'T') || skip(&reader, ' ')) || !time_of_day(&reader))
        return 0;
    zone(&reader);
    if (reader.has_zone) {
        time_t seconds = timegm(&reader.tm) - reader.offset_s;
        *ret_unix_ns = seconds > 0 ? (uint64_t)seconds * NS_PER_S + reader.ns : 0;
    }
    return (size_t)(reader.at - text);
}
