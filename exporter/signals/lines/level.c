/* level: see level.h. */
#include "signals/lines/level.h"

#include <string.h>
#include <strings.h>

/* "critical" is what Python, loguru, spdlog and .NET say when it is over; "crit" and "alert" are syslog's. */
static const struct {
    const char *word;
    uint8_t severity;
} words[] = {
    {"trace", 1},      {"trc", 1},      {"trce", 1},        {"verbose", 1},       {"finest", 1},
    {"finer", 2},      {"debug", 5},    {"dbg", 5},         {"dbug", 5},          {"debug1", 5},
    {"debug2", 5},     {"debug3", 5},   {"debug4", 5},      {"debug5", 5},        {"fine", 5},
    {"config", 8},     {"info", 9},     {"inf", 9},         {"log", 9},           {"success", 9},
    {"note", 10},      {"notice", 10},  {"information", 9}, {"informational", 9}, {"warn", 13},
    {"wrn", 13},       {"warning", 13}, {"error", 17},      {"err", 17},          {"eror", 17},
    {"fail", 17},      {"severe", 17},  {"exception", 17},  {"crit", 18},         {"dpanic", 18},
    {"alert", 19},     {"fatal", 21},   {"ftl", 21},        {"critical", 21},     {"emerg", 21},
    {"emergency", 21}, {"panic", 21},
};

uint32_t level_of_word(const char *word, size_t bytes)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strlen(words[i].word) == bytes && strncasecmp(word, words[i].word, bytes) == 0)
            return words[i].severity;
    return 0;
}

uint32_t level_of_syslog(uint32_t level, const char **ret_word)
{
    static const struct {
        const char *word;
        uint8_t severity;
    } levels[8] = {{"emerg", 21},   {"alert", 19},  {"crit", 18}, {"err", 17},
                   {"warning", 13}, {"notice", 10}, {"info", 9},  {"debug", 5}};
    *ret_word = levels[level & 7].word;
    return levels[level & 7].severity;
}

uint32_t level_of_number(int64_t number)
{
    const char *word;
    if (number >= 0 && number < 8)
        return level_of_syslog((uint32_t)number, &word);
    if (number < 10 || number >= 70)
        return 0;
    static const uint8_t tens[] = {1, 5, 9, 13, 17, 21};
    return tens[number / 10 - 1];
}

uint32_t level_of_python(int64_t number)
{
    static const uint8_t tens[] = {5, 9, 13, 17, 21};
    return number < 1 ? 0 : number < 10 ? 1 : tens[number >= 50 ? 4 : number / 10 - 1];
}
