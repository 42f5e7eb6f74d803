/* judge: see judge.h. What a call means to its host, and which alerts become of it; what the families say is in judge_*.c. */
#include "signals/alerts/judge_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TOLD_ONE_BY_ONE 10u /* requests that may have happened, in a window: each is another order */

struct judge {
    struct streaks *streaks; /* NULL: it made no call yet */
    /* the host found last, and of what: its name is printed for another one only */
    struct host *host;
    uint64_t connection; /* of raw_source */
    char address[STREAKS_NAME_BYTES];
    int64_t port;
    uint64_t ambiguous_since_ns;
    uint32_t n_ambiguous;
};

struct judge *judge_create(void)
{
    struct judge *judge = calloc(1, sizeof(*judge));
    if (!judge)
        abort();
    return judge;
}

void judge_destroy(struct judge *judge)
{
    if (!judge)
        return;
    streaks_destroy(judge->streaks);
    free(judge);
}

/* ---- for the families ---- */

bool judge_is_korean(const struct trial *trial)
{
    return trial->settings->alerts.language == LANGUAGE_KO;
}

const char *judge_text(const struct trial *trial, const char *key)
{
    const struct attribute *item = attribute_find(&trial->span->attributes, key);
    return item && item->type == ATTRIBUTE_STRING && item->value.string.n_bytes ? item->value.string.bytes
                                                                                : NULL;
}

int64_t judge_number(const struct trial *trial, enum wire_attribute key, int64_t otherwise)
{
    const struct raw_fact *fact = raw_span_find(trial->raw, key);
    return fact && fact->type == WIRE_INT ? fact->integer : otherwise;
}

uint64_t judge_duration_ns(const struct trial *trial)
{
    const struct span *span = trial->span;
    return span->end_unix_ns > span->start_unix_ns ? span->end_unix_ns - span->start_unix_ns : 0;
}

const char *judge_print_duration(struct arena *arena, uint64_t ns)
{
    uint64_t ms = (ns + 500000) / 1000000;
    if (ms < 1)
        return arena_printf(arena, "%.1f ms", (double)ns / 1e6);
    if (ms < 1000)
        return arena_printf(arena, "%llu ms", (unsigned long long)ms);
    if (ms < 60000)
        return arena_printf(arena, "%.2f s", (double)ms / 1e3);
    return arena_printf(arena, "%llu min %02llu s", (unsigned long long)(ms / 60000),
                        (unsigned long long)(ms / 1000 % 60));
}

void judge_add(const struct trial *trial, struct alert *alert, const char *name, const char *value)
{
    if (!value || !*value || alert->n_context == JUDGE_MAX_CONTEXT)
        return;
    if (!alert->context)
        alert->context = arena_alloc(trial->arena, JUDGE_MAX_CONTEXT * sizeof(*alert->context));
    alert->context[alert->n_context++] = (struct alert_pair){name, value};
}

/* An id is of use only where the trace is exported. */
static bool has_trace(const struct trial *trial)
{
    return (trial->raw->span.flags & WIRE_SPAN_SAMPLED) || trial->raw->is_kept ||
           (trial->settings->keep_errors && trial->span->status == SPAN_ERROR);
}

void judge_begin_alert(const struct trial *trial, enum alert_class class, enum alert_level level,
                       struct alert *ret_alert)
{
    const struct span *span = trial->span;
    *ret_alert = (struct alert){.class = class, .level = level, .time_unix_ns = span->end_unix_ns};
    if (has_trace(trial)) {
        ret_alert->trace_id = text_print_hex(trial->arena, span->trace_id, sizeof(span->trace_id));
        ret_alert->span_id = text_print_hex(trial->arena, span->span_id, sizeof(span->span_id));
    }
}

/* ---- the call's own alerts ---- */

static bool is_http(const struct trial *trial)
{
    return trial->raw->instrumentation->family == WIRE_HTTP;
}

static void make_target(struct trial *trial)
{
    if (!trial->target && is_http(trial))
        judge_http_target(trial);
    else if (!trial->target)
        judge_database_target(trial);
}

static void describe(const struct trial *trial, struct alert *alert)
{
    if (is_http(trial))
        judge_http_describe(trial, alert);
    else
        judge_database_describe(trial, alert);
}

/* Into the verdict, unless the settings say otherwise. */
static bool tell(const struct trial *trial, struct verdict *verdict, struct alert *alert)
{
    if (verdict->n == JUDGE_MAX_ALERTS || !judge_admit(trial->settings, trial->span, alert))
        return false;
    verdict->alerts[verdict->n++] = *alert;
    return true;
}

/* A few are told one by one; of a flood, those that are alike are one problem. */
static bool is_one_of_few(struct judge *judge, const struct trial *trial)
{
    uint64_t now_ns = raw_span_end_mono_ns(trial->raw);
    if (judge->ambiguous_since_ns + trial->settings->alerts.window_ns <= now_ns) {
        judge->ambiguous_since_ns = now_ns;
        judge->n_ambiguous = 0;
    }
    return ++judge->n_ambiguous <= MAX_TOLD_ONE_BY_ONE;
}

static void add_stack(const struct trial *trial, struct alert *alert)
{
    const struct call_stack *stack = trial->raw->stack;
    if (!stack)
        return;
    alert->stack = stack->lines;
    alert->n_stack = stack->n_lines;
}

/* False: nobody wants to hear of it, in whatever form. */
static bool tell_failure(struct judge *judge, struct trial *trial, struct verdict *verdict)
{
    struct alert alert;
    make_target(trial);
    if (trial->is_ambiguous) {
        judge_begin_alert(trial, ALERT_AMBIGUOUS, ALERT_LEVEL_CRITICAL, &alert);
        ambiguous_describe(trial, &alert);
        add_stack(trial, &alert);
        alert.is_distinct = is_one_of_few(judge, trial);
        if (tell(trial, verdict, &alert))
            return true;
    }
    if (!trial->is_alert)
        return false;
    judge_begin_alert(trial, ALERT_ERROR, trial->level, &alert);
    describe(trial, &alert);
    add_stack(trial, &alert);
    return tell(trial, verdict, &alert);
}

static void tell_slow(struct trial *trial, struct verdict *verdict)
{
    uint64_t limit_ns = trial->settings->alerts.slow_ns, took_ns = judge_duration_ns(trial);
    struct alert alert;
    if (!limit_ns || took_ns <= limit_ns || trial->is_waiting || trial->raw->kind == RAW_IN_FLIGHT)
        return;
    make_target(trial);
    judge_begin_alert(trial, ALERT_SLOW, ALERT_LEVEL_WARN, &alert);
    describe(trial, &alert);
    alert.type = "SlowCall";
    alert.message = arena_printf(
        trial->arena, judge_is_korean(trial) ? "%s: %s 걸림 (기준 %s)" : "%s took %s, more than %s",
        trial->target, judge_print_duration(trial->arena, took_ns),
        judge_print_duration(trial->arena, limit_ns));
    (void)tell(trial, verdict, &alert);
}

/* ---- its host's ---- */

/* Which trouble; said of the host's last call. */
struct trouble {
    const char *kind; /* names it together with the host: for whoever says that it is over */
    const char *type, *message;
    enum alert_level level;
};

static void tell_host(struct trial *trial, const char *host, const struct trouble *trouble,
                      struct verdict *verdict)
{
    struct alert last, alert;
    make_target(trial);
    judge_begin_alert(trial, ALERT_ERROR, trouble->level, &last);
    describe(trial, &last);
    judge_begin_alert(trial, ALERT_ERROR, trouble->level, &alert);
    alert.type = trouble->type;
    alert.message = trouble->message;
    alert.problem = arena_printf(trial->arena, "%s %s", trouble->kind, host);
    judge_add(trial, &alert, "host", host);
    judge_add(trial, &alert, "last", arena_printf(trial->arena, "%s: %s", last.type, last.message));
    judge_add(trial, &alert, "url", is_http(trial) ? judge_url(trial) : NULL);
    (void)tell(trial, verdict, &alert);
}

static void tell_news(struct trial *trial, const char *host, const struct host_news *news,
                      struct verdict *verdict)
{
    struct arena *arena = trial->arena;
    bool is_korean = judge_is_korean(trial);
    if (news->fails)
        tell_host(trial, host,
                  &(struct trouble){"host", "HostFailing",
                                    arena_printf(arena,
                                                 is_korean ? "%2$s: 연속 %1$u회 호출 실패"
                                                           : "%u calls in a row to %s failed",
                                                 news->in_a_row, host),
                                    ALERT_LEVEL_CRITICAL},
                  verdict);
    if (news->rejects)
        tell_host(trial, host,
                  &(struct trouble){
                      "credentials", "CredentialsRejected",
                      arena_printf(arena,
                                   is_korean ? "%s 이(가) 인증 정보를 거부함 (%u회): API 키가 만료되었나요?"
                                             : "credentials rejected by host %s (%u times): "
                                               "has the API key expired?",
                                   host, news->n_rejected),
                      ALERT_LEVEL_CRITICAL},
                  verdict);
    if (news->fails_often)
        tell_host(
            trial, host,
            &(struct trouble){"errors of", "HighErrorRate",
                              arena_printf(arena,
                                           is_korean ? "%3$s: 최근 5분간 호출 %2$u건 중 %1$u건 실패"
                                                     : "%u of %u calls to %s in the last 5 minutes failed",
                                           news->n_failed, news->n_calls, host),
                              ALERT_LEVEL_ERROR},
            verdict);
}

static void resolve(const struct trial *trial, const char *kind, const char *host, struct verdict *verdict)
{
    verdict->resolved[verdict->n_resolved++] = arena_printf(trial->arena, "%s %s", kind, host);
}

/* True: the call is for the same host as the one before. Remembers. */
static bool is_same_host(struct judge *judge, const struct trial *trial)
{
    uint64_t connection = is_http(trial) ? 0 : trial->raw->source.connection;
    if (connection && connection == judge->connection)
        return true;
    const struct attribute *port = attribute_find(&trial->span->attributes, "server.port");
    const char *address = judge_text(trial, "server.address");
    int64_t number = port && port->type == ATTRIBUTE_INT ? port->value.integer : 0;
    size_t bytes = address ? strlen(address) : 0;
    bool is_same = is_http(trial) && !judge->connection && bytes < sizeof(judge->address) && judge->host &&
                   number == judge->port && strcmp(judge->address, address ? address : "") == 0;
    judge->connection = connection;
    judge->port = number;
    judge->address[0] = 0;
    if (bytes < sizeof(judge->address) && is_http(trial))
        memcpy(judge->address, address ? address : "", bytes + 1);
    return is_same;
}

static struct host *find_host(struct judge *judge, const struct trial *trial)
{
    char name[STREAKS_NAME_BYTES];
    if (is_same_host(judge, trial))
        return judge->host;
    size_t bytes = is_http(trial) ? judge_http_host(trial, name, sizeof(name))
                                  : judge_database_host(trial, name, sizeof(name));
    if (!judge->streaks)
        judge->streaks = streaks_create();
    judge->host = bytes ? streaks_find(judge->streaks, name, bytes) : NULL;
    return judge->host;
}

/* Of what was asked for, numbers left out: orders differ in theirs. */
static uint64_t hash_path(const struct trial *trial)
{
    const char *text = is_http(trial) ? judge_text(trial, "url.full") : trial->span->name;
    uint64_t hash = 14695981039346656037ull; /* FNV-1a */
    for (; text && *text && *text != '?' && *text != '#'; text++)
        if (*text < '0' || *text > '9')
            hash = (hash ^ (unsigned char)*text) * 1099511628211ull;
    return hash;
}

static bool has_rejected(const struct trial *trial, const struct host *host)
{
    return trial->event == HOST_REJECTED || streaks_has_rejected(host);
}

static void judge_host(struct judge *judge, struct trial *trial, struct host_news *ret_news,
                       const char **ret_host)
{
    struct host *host = find_host(judge, trial);
    *ret_news = (struct host_news){.fails = false};
    *ret_host = NULL;
    if (!host)
        return;
    const struct alert_settings *settings = &trial->settings->alerts;
    struct host_limits limits = {settings->streak, settings->error_rate};
    struct host_call call = {.event = trial->event,
                             .end_ns = raw_span_end_mono_ns(trial->raw),
                             .path = has_rejected(trial, host) ? hash_path(trial) : 0};
    streaks_note(host, &call, &limits, ret_news);
    trial->in_a_row = ret_news->in_a_row;
    *ret_host = streaks_name(host);
}

/* ---- one call ---- */

/* A failure that the settings have ignored says nothing of its host: a stand-in for the alert that it would be is asked for. */
static bool is_ignored(struct trial *trial)
{
    struct alert alert;
    if (!trial->settings->alerts.ignore.n)
        return false;
    make_target(trial);
    judge_begin_alert(trial, ALERT_ERROR, ALERT_LEVEL_CRITICAL, &alert);
    describe(trial, &alert);
    return judge_is_ignored(trial->settings, trial->span, &alert);
}

void judge_span(struct judge *judge, const struct settings *settings, const struct raw_span *raw,
                const struct span *span, struct arena *arena, struct verdict *ret_verdict)
{
    struct trial trial = {
        .settings = settings, .raw = raw, .span = span, .arena = arena, .level = ALERT_LEVEL_ERROR};
    struct host_news news = {.fails = false};
    const char *host = NULL;
    ret_verdict->n = ret_verdict->n_resolved = 0;
    if (!settings->alerts.is_on || raw->kind == RAW_ROOT || !raw->instrumentation)
        return;
    if (raw->instrumentation->family == WIRE_HTTP)
        judge_http(&trial);
    else if (raw->instrumentation->family == WIRE_DATABASE)
        judge_database(&trial);
    else
        return;
    bool is_fine = trial.event == HOST_SERVED && !trial.is_alert && !trial.is_ambiguous;
    if (!is_fine && is_ignored(&trial))
        return;
    if (trial.has_event)
        judge_host(judge, &trial, &news, &host);
    if (trial.is_alert || trial.is_ambiguous)
        (void)tell_failure(judge, &trial, ret_verdict);
    tell_slow(&trial, ret_verdict);
    if (news.fails || news.rejects || news.fails_often)
        tell_news(&trial, host, &news, ret_verdict);
    if (news.is_back)
        resolve(&trial, "host", host, ret_verdict);
    if (news.accepts)
        resolve(&trial, "credentials", host, ret_verdict);
    if (news.is_rarely_again)
        resolve(&trial, "errors of", host, ret_verdict);
}
