/*
 * alerts: what the settings say of alerts: where they go, which, how often.
 *
 * A chat, filter or class that is not understood is noted and left out; the others count. The token's bytes are in no note.
 */
#include "settings/alerts_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_ELEMENTS 64u

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

void alert_text_strip(const char **text, size_t *bytes)
{
    for (; *bytes && is_blank(**text); (*bytes)--)
        (*text)++;
    while (*bytes && is_blank((*text)[*bytes - 1]))
        (*bytes)--;
}

bool alert_text_is_made_of(const char *text, size_t bytes, const char *also)
{
    for (size_t i = 0; i < bytes; i++) {
        char c = text[i];
        bool is_digit = c >= '0' && c <= '9';
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!c || (!is_digit && !(also && (is_letter || strchr(also, c)))))
            return false;
    }
    return bytes > 0;
}

static bool flag_of(const struct settings *settings, enum setting setting)
{
    bool flag = false;
    setting_parse_bool(setting_value(settings, setting), &flag);
    return flag;
}

static uint64_t number_of(const struct settings *settings, enum setting setting)
{
    uint64_t number = 0;
    setting_parse_number(setting_value(settings, setting), INT32_MAX, &number);
    return number;
}

static const char *text_of(const struct settings *settings, enum setting setting)
{
    const char *value = setting_value(settings, setting);
    return *value ? value : NULL;
}

/* The place of a word among `words`, of which there are `n`; n: it is none of them. */
static uint32_t word_of(const char *word, size_t bytes, const char *const *words, uint32_t n)
{
    uint32_t i = 0;
    while (i < n && !setting_words_equal(word, bytes, words[i]))
        i++;
    return i;
}

static uint32_t value_word(const struct settings *settings, enum setting setting, const char *const *words,
                           uint32_t n)
{
    const char *value = setting_value(settings, setting);
    return word_of(value, strlen(value), words, n);
}

/* ---- lists ---- */

/* -100123, @name, either with /TOPIC. */
static bool is_chat(const char *text, size_t bytes)
{
    const char *slash = memchr(text, '/', bytes);
    size_t n = slash ? (size_t)(slash - text) : bytes;
    if (slash && (bytes - n > 11 || !alert_text_is_made_of(slash + 1, bytes - n - 1, NULL)))
        return false;
    if (n > 1 && n <= 64 && text[0] == '@')
        return alert_text_is_made_of(text + 1, n - 1, "_");
    size_t sign = n > 0 && text[0] == '-';
    return n - sign <= 19 && alert_text_is_made_of(text + sign, n - sign, NULL);
}

static struct text_list understand_list(struct settings *settings, enum setting setting,
                                        bool (*is_allowed)(const char *text, size_t bytes), const char *what)
{
    const char *cursor = settings->values[setting], *word;
    size_t bytes;
    struct text_list list = {.n = 0};
    const char **items = cursor ? arena_alloc(&settings->arena, MAX_ELEMENTS * sizeof(*items)) : NULL;
    while (items && setting_next_element(&cursor, &word, &bytes)) {
        if (!bytes)
            continue;
        if (list.n == MAX_ELEMENTS || (is_allowed && !is_allowed(word, bytes))) {
            settings_note_element(settings, setting, word, bytes, what);
            continue;
        }
        const char *item = arena_copy(&settings->arena, word, bytes);
        uint32_t i = 0;
        while (i < list.n && strcmp(items[i], item) != 0)
            i++;
        items[i] = item;
        list.n += i == list.n;
    }
    list.items = items;
    return list;
}

static void understand_chats(struct settings *settings, struct alert_settings *alerts)
{
    const enum setting error = SETTING_OTELSHIM_TELEGRAM_ERROR_CHATS,
                       trade = SETTING_OTELSHIM_TELEGRAM_TRADE_CHATS;
    struct text_list all = understand_list(settings, SETTING_OTELSHIM_TELEGRAM_CHATS, is_chat, "chat");
    alerts->error_chats = settings->values[error] ? understand_list(settings, error, is_chat, "chat") : all;
    alerts->trade_chats = settings->values[trade] ? understand_list(settings, trade, is_chat, "chat") : all;
    if (alerts->telegram_token && !alerts->error_chats.n && !alerts->trade_chats.n)
        settings_note(settings, "%s: %s; without one the token is of no use",
                      settings_name(SETTING_OTELSHIM_TELEGRAM_CHATS),
                      setting_row(SETTING_OTELSHIM_TELEGRAM_CHATS)->allowed);
}

/* ---- filters: OTELSHIM_ALERT_IGNORE, OTELSHIM_ALERT_SILENT ---- */

static bool parse_part(struct settings *settings, const char *text, size_t bytes, struct alert_filter *filter)
{
    static const char *const subjects[] = {
        [ALERT_HOST] = "host", [ALERT_URL] = "url",       [ALERT_STATEMENT] = "statement",
        [ALERT_TYPE] = "type", [ALERT_STATUS] = "status", [ALERT_MESSAGE] = "message"};
    const uint32_t n_subjects = sizeof(subjects) / sizeof(subjects[0]);
    const char *equals = memchr(text, '=', bytes);
    if (!equals || filter->n == sizeof(filter->parts) / sizeof(filter->parts[0]))
        return false;
    const char *name = text, *glob = equals + 1;
    size_t n_name = (size_t)(equals - text), n_glob = bytes - n_name - 1;
    alert_text_strip(&name, &n_name);
    alert_text_strip(&glob, &n_glob);
    uint32_t subject = word_of(name, n_name, subjects, n_subjects);
    if (subject == n_subjects || !n_glob)
        return false;
    filter->parts[filter->n].subject = (enum alert_subject)subject;
    filter->parts[filter->n++].glob = arena_copy(&settings->arena, glob, n_glob);
    return true;
}

/* host=api.x and status=404 */
static bool parse_filter(struct settings *settings, const char *text, size_t bytes,
                         struct alert_filter *filter)
{
    static const char and[] = " and ";
    filter->n = 0;
    for (;;) {
        const char *next = memmem(text, bytes, and, sizeof(and) - 1);
        size_t n = next ? (size_t)(next - text) : bytes;
        if (!parse_part(settings, text, n, filter))
            return false;
        if (!next)
            return true;
        text += n + sizeof(and) - 1;
        bytes -= n + sizeof(and) - 1;
    }
}

static struct alert_filters understand_filters(struct settings *settings, enum setting setting)
{
    const char *cursor = settings->values[setting], *word;
    size_t bytes;
    struct alert_filters filters = {.n = 0};
    struct alert_filter *items = cursor ? arena_alloc(&settings->arena, MAX_ELEMENTS * sizeof(*items)) : NULL;
    while (items && setting_next_element(&cursor, &word, &bytes)) {
        if (!bytes)
            continue;
        if (filters.n < MAX_ELEMENTS && parse_filter(settings, word, bytes, &items[filters.n]))
            filters.n++;
        else
            settings_note_element(settings, setting, word, bytes, "filter");
    }
    filters.items = items;
    return filters;
}

/* ---- OTELSHIM_ALERT_CLASSES ---- */

static bool parse_class(const char *text, size_t bytes, struct alert_settings *alerts)
{
    static const char *const classes[N_ALERT_CLASSES] = {
        [ALERT_CRASH] = "crash", [ALERT_AMBIGUOUS] = "ambiguous",
        [ALERT_ERROR] = "error", [ALERT_SLOW] = "slow",
        [ALERT_LOG] = "log",     [ALERT_TRADE] = "trade",
        [ALERT_INFO] = "info"};
    static const char *const sounds[] = {[ALERT_ON] = "on", [ALERT_SILENT] = "silent", [ALERT_OFF] = "off"};
    const char *equals = memchr(text, '=', bytes);
    if (!equals)
        return false;
    const char *name = text, *word = equals + 1;
    size_t n_name = (size_t)(equals - text), n_word = bytes - n_name - 1;
    alert_text_strip(&name, &n_name);
    alert_text_strip(&word, &n_word);
    uint32_t class = word_of(name, n_name, classes, N_ALERT_CLASSES),
             sound = word_of(word, n_word, sounds, 3);
    if (class == N_ALERT_CLASSES || sound == 3)
        return false;
    alerts->sounds[class] = (enum alert_sound)sound;
    return true;
}

static void understand_classes(struct settings *settings, struct alert_settings *alerts)
{
    const enum setting setting = SETTING_OTELSHIM_ALERT_CLASSES;
    const char *cursor = settings->values[setting], *word;
    size_t bytes;
    while (setting_next_element(&cursor, &word, &bytes))
        if (bytes && !parse_class(word, bytes, alerts))
            settings_note_element(settings, setting, word, bytes, "word");
}

/* ---- servers ---- */

/* As it is, if it begins with one of `schemes` (comma-separated) and has no blank in it; else noted and NULL. */
static const char *understand_url(struct settings *settings, enum setting setting, const char *schemes)
{
    const char *value = settings->values[setting], *cursor = schemes, *scheme;
    size_t bytes;
    if (!value)
        return NULL;
    size_t n = strlen(value);
    while (setting_next_element(&cursor, &scheme, &bytes))
        if (n > bytes && strncasecmp(value, scheme, bytes) == 0 && !value[strcspn(value, " \t\r\n\"<>\\")])
            return value;
    settings_note_value(settings, setting, setting_row(setting)->allowed);
    return NULL;
}

static void understand_telegram(struct settings *settings, struct alert_settings *alerts)
{
    const enum setting api = SETTING_OTELSHIM_TELEGRAM_API_URL;
    const char *url = endpoint_url(&settings->arena, setting_value(settings, api), NULL, "https://");
    if (!url || url[strcspn(url, "?#@")]) {
        settings_note_value(settings, api, setting_row(api)->allowed);
        url = setting_row(api)->standard;
    }
    size_t bytes = strlen(url);
    while (bytes && url[bytes - 1] == '/')
        bytes--;
    alerts->telegram_api_url = arena_copy(&settings->arena, url, bytes);
    alerts->telegram_proxy = understand_url(settings, SETTING_OTELSHIM_TELEGRAM_PROXY,
                                            "http://, https://, socks5h://, socks5://, socks4a://");
    alerts->telegram_certificate = text_of(settings, SETTING_OTELSHIM_TELEGRAM_CERTIFICATE);
}

static void understand_dedup(struct settings *settings, struct alert_settings *alerts)
{
    static const char *const words[] = {
        [DEDUP_LOCAL] = "local", [DEDUP_REDIS] = "redis", [DEDUP_REDIS_PYTHON] = "redis-python"};
    const enum setting setting = SETTING_OTELSHIM_ALERT_DEDUP;
    alerts->window_ns = number_of(settings, SETTING_OTELSHIM_ALERT_WINDOW) * 1000000;
    alerts->dedup = (enum alert_dedup)value_word(settings, setting, words, DEDUP_REDIS_PYTHON);
    if (alerts->dedup == DEDUP_LOCAL)
        return; /* a REDIS_URL may be there for the program itself, in any form */
    alerts->redis_url = understand_url(settings, SETTING_OTELSHIM_REDIS_URL, "redis://, unix://");
    if (alerts->redis_url)
        return;
    alerts->dedup = DEDUP_LOCAL;
    if (!settings->values[SETTING_OTELSHIM_REDIS_URL])
        settings_note(settings, "%s=\"%s\": OTELSHIM_REDIS_URL says where the Redis is; using local",
                      settings->names[setting], settings->values[setting]);
}

static const char *understand_trace_url(struct settings *settings)
{
    const enum setting setting = SETTING_OTELSHIM_ALERT_TRACE_URL;
    const char *url = understand_url(settings, setting, "http://, https://");
    if (!url || strstr(url, "{trace_id}"))
        return url;
    settings_note_value(settings, setting, setting_row(setting)->allowed);
    return NULL;
}

void settings_understand_alerts(struct settings *settings, uint32_t uid)
{
    static const char *const levels[] = {[ALERT_LEVEL_INFO] = "info",
                                         [ALERT_LEVEL_WARN] = "warn",
                                         [ALERT_LEVEL_ERROR] = "error",
                                         [ALERT_LEVEL_CRITICAL] = "critical"};
    static const char *const languages[] = {[LANGUAGE_EN] = "en", [LANGUAGE_KO] = "ko"};
    static const char *const formats[] = {
        [WEBHOOK_JSON] = "json", [WEBHOOK_SLACK] = "slack", [WEBHOOK_DISCORD] = "discord"};
    struct alert_settings *alerts = &settings->alerts;
    alerts->is_on =
        flag_of(settings, SETTING_OTELSHIM_ALERTS) && !flag_of(settings, SETTING_OTEL_SDK_DISABLED);
    alerts->telegram_token = alert_token_understand(settings, uid);
    understand_chats(settings, alerts);
    understand_telegram(settings, alerts);
    alerts->webhook_url = understand_url(settings, SETTING_OTELSHIM_WEBHOOK_URL, "http://, https://");
    alerts->webhook_format =
        (enum webhook_format)value_word(settings, SETTING_OTELSHIM_WEBHOOK_FORMAT, formats, WEBHOOK_DISCORD);
    understand_classes(settings, alerts);
    alerts->min_level =
        (enum alert_level)value_word(settings, SETTING_OTELSHIM_ALERT_LEVEL, levels, ALERT_LEVEL_CRITICAL);
    alerts->ignore = understand_filters(settings, SETTING_OTELSHIM_ALERT_IGNORE);
    alerts->silent = understand_filters(settings, SETTING_OTELSHIM_ALERT_SILENT);
    understand_dedup(settings, alerts);
    alerts->slow_ns = number_of(settings, SETTING_OTELSHIM_ALERT_SLOW) * 1000000;
    alerts->streak = (uint32_t)number_of(settings, SETTING_OTELSHIM_ALERT_STREAK);
    setting_parse_ratio(setting_value(settings, SETTING_OTELSHIM_ALERT_ERROR_RATE), &alerts->error_rate);
    alerts->says_resolved = flag_of(settings, SETTING_OTELSHIM_ALERT_RESOLVED);
    alerts->trace_url = understand_trace_url(settings);
    setting_parse_bytes(setting_value(settings, SETTING_OTELSHIM_ALERT_STORE_SIZE), &alerts->store_bytes);
    alerts->language = (enum language)value_word(settings, SETTING_OTELSHIM_LANG, languages, LANGUAGE_KO);
    alerts->templates = text_of(settings, SETTING_OTELSHIM_TEMPLATES);
    alerts->rules = understand_list(settings, SETTING_OTELSHIM_RULES, NULL, "file");
}
