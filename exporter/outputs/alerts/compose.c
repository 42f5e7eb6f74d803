/* compose: see compose.h. What may be long is cut to what is left of the whole: message, then context, then stack. */
#include "outputs/alerts/compose.h"

#include "base/utf8.h"
#include "base/version_text.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MAX_UNITS 900u
#define MESSAGE_CHARACTERS 300u
#define VALUE_CHARACTERS 120u
#define CONTEXT_UNITS 380u
#define STACK_LINES 5u
#define STACK_CHARACTERS 500u
#define TAIL_UNITS 150u /* kept for phases, trace and count */

enum label {
    LABEL_MESSAGE,
    LABEL_CONTEXT,
    LABEL_STACK,
    LABEL_TRACE,
    LABEL_ON,
    LABEL_MORE,
    LABEL_SUPPRESSED,
    LABEL_COUNT,
    LABEL_RESOLVED,
    LABEL_LATE,
    LABEL_REPETITION,
    N_LABELS
};

/* # is a number, @ a time. */
static const char *const labels[N_LABELS][2] = {
    [LABEL_MESSAGE] = {"Message", "메시지"},
    [LABEL_CONTEXT] = {"Context", "상세 정보"},
    [LABEL_STACK] = {"Stack Trace", "스택 트레이스"},
    [LABEL_TRACE] = {"Trace", "트레이스"},
    [LABEL_ON] = {" on ", " @ "},
    [LABEL_MORE] = {"and # more", "외 #개"},
    [LABEL_SUPPRESSED] = {"# more of these since @ were not told one by one",
                          "@ 이후 같은 알림 #건은 따로 보내지 않았습니다"},
    [LABEL_COUNT] = {"×# · last @", "×# · 마지막 @"},
    [LABEL_RESOLVED] = {"resolved after @", "@ 만에 해결됨"},
    [LABEL_LATE] = {"sent @ late", "@ 늦게 전송됨"},
    [LABEL_REPETITION] = {"(may be a repetition)", "(중복 전송일 수 있음)"},
};

static const char *const level_words[] = {[ALERT_LEVEL_INFO] = "INFO",
                                          [ALERT_LEVEL_WARN] = "WARNING",
                                          [ALERT_LEVEL_ERROR] = "ERROR",
                                          [ALERT_LEVEL_CRITICAL] = "CRITICAL"};
static const char *const level_emoji[] = {[ALERT_LEVEL_INFO] = "ℹ️",
                                          [ALERT_LEVEL_WARN] = "🟡",
                                          [ALERT_LEVEL_ERROR] = "⚠️",
                                          [ALERT_LEVEL_CRITICAL] = "🔴"};

static bool has(const char *text)
{
    return text && *text;
}

static const char *filled(struct arena *arena, enum label label, enum language language, uint64_t n,
                          const char *time)
{
    const char *from = labels[label][language];
    char *out = arena_alloc(arena, strlen(from) + 24 + strlen(time)), *at = out;
    for (; *from; from++) {
        if (*from == '#')
            at += sprintf(at, "%" PRIu64, n);
        else if (*from == '@')
            at = stpcpy(at, time);
        else
            *at++ = *from;
    }
    *at = 0;
    return out;
}

/* A block ends its line itself. */
static void begin_line(struct rich_text *rich)
{
    enum rich_style last = rich->n ? rich->runs[rich->n - 1].style : RICH_PRE;
    if (last != RICH_PRE && last != RICH_QUOTE)
        rich_add(rich, RICH_PLAIN, "\n");
}

void compose_time(uint64_t unix_ns, char *ret_text, size_t max_bytes)
{
    time_t seconds = (time_t)(unix_ns / 1000000000u);
    struct tm parts;
    if (!localtime_r(&seconds, &parts) || !strftime(ret_text, max_bytes, "%Y-%m-%d %H:%M:%S %Z", &parts))
        snprintf(ret_text, max_bytes, "%" PRIu64, unix_ns / 1000000000u);
}

/* "09:00:00", with the day where it was another one. */
static void print_clock(uint64_t unix_ns, uint64_t now_ns, char *ret_text, size_t max_bytes)
{
    time_t seconds = (time_t)(unix_ns / 1000000000u);
    bool is_near = now_ns < unix_ns + 12ull * 3600 * 1000000000u;
    struct tm parts;
    if (!localtime_r(&seconds, &parts) ||
        !strftime(ret_text, max_bytes, is_near ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &parts))
        snprintf(ret_text, max_bytes, "?");
}

/* "45 s", "12 min", "3 h 20 min" */
static void print_duration(uint64_t ns, enum language language, char *ret_text, size_t max_bytes)
{
    bool is_ko = language == LANGUAGE_KO;
    uint64_t s = ns / 1000000000u;
    if (s < 120)
        snprintf(ret_text, max_bytes, "%" PRIu64 "%s", s, is_ko ? "초" : " s");
    else if (s < 7200)
        snprintf(ret_text, max_bytes, "%" PRIu64 "%s", s / 60, is_ko ? "분" : " min");
    else
        snprintf(ret_text, max_bytes, "%" PRIu64 "%s %" PRIu64 "%s", s / 3600, is_ko ? "시간" : " h",
                 s / 60 % 60, is_ko ? "분" : " min");
}

/* At most so many characters of it, valid UTF-8. */
static const char *cut(struct arena *arena, const char *text, size_t max_characters)
{
    const char *valid = text_valid(arena, text);
    size_t bytes = strlen(valid), n = utf8_bytes_of(valid, bytes, max_characters);
    return n == bytes ? valid : arena_printf(arena, "%.*s…", (int)n, valid);
}

static const char *shown_version(struct arena *arena, const char *version)
{
    return version_is_hash(version) ? arena_printf(arena, "%.*s", VERSION_SHOWN_DIGITS, version)
                                    : cut(arena, version, 30);
}

static size_t units_of(const struct rich_text *rich)
{
    size_t units = 0;
    for (uint32_t i = 0; i < rich->n; i++)
        units += rich_utf16_units(rich->runs[i].text) + 1;
    return units;
}

static void add_head(struct rich_text *rich, const struct alert *alert, enum language language)
{
    const char *const *words = labels[LABEL_ON];
    rich_add_format(rich, RICH_PLAIN, "%s ", level_emoji[alert->level]);
    if (has(alert->title))
        rich_add(rich, RICH_BOLD, cut(rich->arena, alert->title, 120));
    else
        rich_add_format(rich, RICH_BOLD, "%s: %s", level_words[alert->level],
                        cut(rich->arena, has(alert->type) ? alert->type : "?", 80));
    if (has(alert->service))
        rich_add_format(rich, RICH_PLAIN, " · %s", cut(rich->arena, alert->service, 60));
    if (has(alert->service) && has(alert->version))
        rich_add_format(rich, RICH_PLAIN, " %s", shown_version(rich->arena, alert->version));
    if (has(alert->host))
        rich_add_format(rich, RICH_PLAIN, "%s%s", words[language], cut(rich->arena, alert->host, 60));
    if (has(alert->environment))
        rich_add_format(rich, RICH_PLAIN, " (%s)", cut(rich->arena, alert->environment, 30));
}

static void add_time(struct rich_text *rich, const struct alert *alert)
{
    char text[64];
    if (alert->time_unix_ns) {
        compose_time(alert->time_unix_ns, text, sizeof(text));
        rich_add(rich, RICH_PLAIN, "\n🕒 ");
        rich_add_time(rich, text, alert->time_unix_ns / 1000000000u);
    }
    if (alert->pid)
        rich_add_format(rich, RICH_PLAIN, "%spid %u", alert->time_unix_ns ? " · " : "\n", alert->pid);
}

static void add_context(struct rich_text *rich, const struct alert *alert, enum language language)
{
    size_t used = units_of(rich), max = used + CONTEXT_UNITS;
    if (max > MAX_UNITS - TAIL_UNITS)
        max = MAX_UNITS - TAIL_UNITS;
    if (!alert->n_context)
        return;
    begin_line(rich);
    rich_add_format(rich, RICH_BOLD, "%s:", labels[LABEL_CONTEXT][language]);
    for (uint32_t i = 0; i < alert->n_context; i++) {
        const struct alert_pair *pair = &alert->context[i];
        const char *name = cut(rich->arena, pair->name ? pair->name : "?", 60);
        const char *value = cut(rich->arena, has(pair->value) ? pair->value : "-", VALUE_CHARACTERS);
        if (units_of(rich) + rich_utf16_units(name) + rich_utf16_units(value) + 8 > max) {
            rich_add_format(rich, RICH_ITALIC, "\n  • %s",
                            filled(rich->arena, LABEL_MORE, language, alert->n_context - i, ""));
            return;
        }
        rich_add_format(rich, RICH_PLAIN, "\n  • %s: ", name);
        rich_add(rich, RICH_CODE, value);
    }
}

static void add_stack(struct rich_text *rich, const struct alert *alert, enum language language)
{
    size_t used = units_of(rich) + TAIL_UNITS;
    size_t left = used < MAX_UNITS ? MAX_UNITS - used : 0;
    if (left > STACK_CHARACTERS)
        left = STACK_CHARACTERS;
    char text[STACK_CHARACTERS * 4 + 8];
    size_t n = 0;
    for (uint32_t i = 0; i < alert->n_stack && i < STACK_LINES && left > 20; i++) {
        const char *line = cut(rich->arena, alert->stack[i] ? alert->stack[i] : "?", left - 2);
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i ? "\n" : "", line);
        size_t units = rich_utf16_units(line) + 1;
        left -= units < left ? units : left;
    }
    if (!n)
        return;
    begin_line(rich);
    rich_add_format(rich, RICH_BOLD, "%s:", labels[LABEL_STACK][language]);
    rich_add(rich, RICH_QUOTE, text);
}

/* The URL of a trace: {trace_id} and {span_id} filled in. */
static const char *trace_url(struct arena *arena, const char *url, const struct alert *alert)
{
    static const char trace[] = "{trace_id}", span[] = "{span_id}";
    const char *at = strstr(url, trace);
    if (!at)
        return url;
    const char *rest = at + sizeof(trace) - 1;
    url = arena_printf(arena, "%.*s%s%s", (int)(at - url), url, alert->trace_id, rest);
    at = strstr(url, span);
    if (!at)
        return url;
    return arena_printf(arena, "%.*s%s%s", (int)(at - url), url, has(alert->span_id) ? alert->span_id : "",
                        at + sizeof(span) - 1);
}

static void add_trace(struct rich_text *rich, const struct alert *alert,
                      const struct compose_options *options)
{
    if (!has(alert->trace_id))
        return;
    begin_line(rich);
    rich_add_format(rich, RICH_BOLD, "%s:", labels[LABEL_TRACE][options->language]);
    rich_add(rich, RICH_PLAIN, " ");
    if (has(options->trace_url))
        rich_add_link(rich, alert->trace_id, trace_url(rich->arena, options->trace_url, alert));
    else
        rich_add(rich, RICH_CODE, alert->trace_id);
}

void compose_alert(struct rich_text *rich, const struct alert *alert, const struct compose_options *options)
{
    if (has(alert->body)) {
        rich_parse(rich, alert->body);
        return;
    }
    add_head(rich, alert, options->language);
    add_time(rich, alert);
    if (has(alert->message)) {
        rich_add(rich, RICH_PLAIN, "\n");
        rich_add_format(rich, RICH_BOLD, "%s:", labels[LABEL_MESSAGE][options->language]);
        rich_add(rich, RICH_PRE, cut(rich->arena, alert->message, MESSAGE_CHARACTERS));
    }
    add_context(rich, alert, options->language);
    if (has(alert->phases)) {
        begin_line(rich);
        rich_add(rich, RICH_PLAIN, cut(rich->arena, alert->phases, 120));
    }
    add_stack(rich, alert, options->language);
    add_trace(rich, alert, options);
    if (!options->n_suppressed)
        return;
    char since[32];
    print_clock(options->suppressed_unix_ns, alert->time_unix_ns, since, sizeof(since));
    begin_line(rich);
    rich_add(rich, RICH_ITALIC,
             filled(rich->arena, LABEL_SUPPRESSED, options->language, options->n_suppressed, since));
}

void compose_count(struct rich_text *rich, enum language language, uint64_t n, uint64_t last_unix_ns)
{
    char last[32];
    print_clock(last_unix_ns, last_unix_ns, last, sizeof(last));
    begin_line(rich);
    rich_add_format(rich, RICH_BOLD, "🔁 %s", filled(rich->arena, LABEL_COUNT, language, n, last));
}

/* A line with a duration in it. */
static void add_duration(struct rich_text *rich, enum rich_style style, const char *emoji, enum label label,
                         enum language language, uint64_t ns)
{
    char text[48];
    print_duration(ns, language, text, sizeof(text));
    begin_line(rich);
    rich_add_format(rich, style, "%s %s", emoji, filled(rich->arena, label, language, 0, text));
}

void compose_resolved(struct rich_text *rich, enum language language, uint64_t after_ns)
{
    add_duration(rich, RICH_BOLD, "✅", LABEL_RESOLVED, language, after_ns);
}

void compose_late(struct rich_text *rich, enum language language, uint64_t after_ns)
{
    add_duration(rich, RICH_ITALIC, "⏳", LABEL_LATE, language, after_ns);
}

void compose_repetition(struct rich_text *rich, enum language language)
{
    begin_line(rich);
    rich_add(rich, RICH_ITALIC, labels[LABEL_REPETITION][language]);
}
