/* field: what fields of structured lines are called by those who write them: structlog, zap, zerolog, pino, bunyan, slog, logrus, Serilog, ECS, GELF. */
#include "signals/lines/level.h"
#include "signals/lines/lines_priv.h"
#include "signals/lines/moment.h"

#include <ctype.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#define NS_PER_S 1e9
#define MS_FROM 1e11 /* beyond it a time since 1970 is in ms, then us, then ns */

enum meaning { OTHER, LEVEL, PYTHON_LEVEL, MESSAGE, TIME, TRACE, SPAN };

/* Of the messages of one line the first row's counts. */
static const struct {
    const char *key;
    enum meaning meaning;
} keys[] = {
    {"message", MESSAGE},
    {"msg", MESSAGE},
    {"@message", MESSAGE},
    {"@m", MESSAGE},
    {"@mt", MESSAGE},
    {"short_message", MESSAGE},
    {"event", MESSAGE},
    {"level", LEVEL},
    {"lvl", LEVEL},
    {"severity", LEVEL},
    {"levelname", LEVEL},
    {"level_name", LEVEL},
    {"log.level", LEVEL},
    {"loglevel", LEVEL},
    {"@level", LEVEL},
    {"@l", LEVEL},
    {"severity_text", LEVEL},
    {"LogLevel", LEVEL},
    {"levelno", PYTHON_LEVEL},
    {"timestamp", TIME},
    {"time", TIME},
    {"ts", TIME},
    {"@timestamp", TIME},
    {"@t", TIME},
    {"datetime", TIME},
    {"asctime", TIME},
    {"trace_id", TRACE},
    {"traceId", TRACE},
    {"trace.id", TRACE},
    {"traceid", TRACE},
    {"traceID", TRACE},
    {"@tr", TRACE},
    {"otelTraceID", TRACE},
    {"span_id", SPAN},
    {"spanId", SPAN},
    {"span.id", SPAN},
    {"spanid", SPAN},
    {"spanID", SPAN},
    {"@sp", SPAN},
    {"otelSpanID", SPAN},
};

static enum meaning meaning_of(const char *key)
{
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (strcmp(keys[i].key, key) == 0)
            return keys[i].meaning;
    return OTHER;
}

static bool read_hex(const char *text, size_t bytes, uint8_t *ret_id, size_t n_id)
{
    uint8_t id[16], any = 0;
    if (bytes != 2 * n_id)
        return false;
    for (size_t i = 0; i < bytes; i++) {
        char c = (char)tolower((unsigned char)text[i]);
        if (!isxdigit((unsigned char)c))
            return false;
        uint8_t digit = (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
        id[i / 2] = (uint8_t)(i % 2 ? id[i / 2] << 4 | digit : digit);
        any |= digit;
    }
    if (any)
        memcpy(ret_id, id, n_id);
    return any != 0;
}

static bool take_level(struct line_reading *reading, const char *text, size_t bytes)
{
    uint32_t severity = level_of_word(text, bytes);
    if (!severity)
        return false;
    reading->severity = severity;
    reading->word = text;
    reading->n_word = bytes;
    return true;
}

static bool take_time(struct line_reading *reading, const char *text, size_t bytes)
{
    uint64_t time_unix_ns;
    if (moment_read(text, bytes, &time_unix_ns) != bytes || !time_unix_ns)
        return false;
    reading->time_unix_ns = time_unix_ns;
    return true;
}

bool field_take_text(struct line_reading *reading, const char *key, const char *text, size_t bytes)
{
    switch (meaning_of(key)) {
    case LEVEL:
        return !reading->severity && take_level(reading, text, bytes);
    case MESSAGE:
        if (reading->message)
            return false;
        reading->message = text;
        reading->n_message = bytes;
        return true;
    case TIME:
        return !reading->time_unix_ns && take_time(reading, text, bytes);
    case TRACE:
        return !reading->has_trace &&
               (reading->has_trace = read_hex(text, bytes, reading->trace_id, sizeof(reading->trace_id)));
    case SPAN:
        return !reading->has_span &&
               (reading->has_span = read_hex(text, bytes, reading->span_id, sizeof(reading->span_id)));
    case OTHER:
    case PYTHON_LEVEL:
        break;
    }
    return false;
}

static bool take_number_time(struct line_reading *reading, double number)
{
    double ns = number * NS_PER_S;
    for (double from = MS_FROM; number > from && from < 1e18; from *= 1e3)
        ns /= 1e3;
    if (!(ns > NS_PER_S * 86400 * 365) || !(ns < 9e18))
        return false;
    reading->time_unix_ns = (uint64_t)ns;
    return true;
}

bool field_take_number(struct line_reading *reading, const char *key, double number)
{
    enum meaning meaning = meaning_of(key);
    if (!isfinite(number))
        return false;
    if (meaning == TIME)
        return !reading->time_unix_ns && take_number_time(reading, number);
    if ((meaning != LEVEL && meaning != PYTHON_LEVEL) || reading->severity || number < 0 || number > 100)
        return false;
    reading->severity =
        meaning == PYTHON_LEVEL ? level_of_python((int64_t)number) : level_of_number((int64_t)number);
    return reading->severity != 0;
}
