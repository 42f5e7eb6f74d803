/* alerts: see alerts.h. Raising: is it to be told, was it told of late, by whom. */
#include "outputs/alerts/alerts_priv.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/sha256.h"
#include "outputs/alerts/alert_fingerprint.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static void print_id(const char *service, const char *fingerprint, char ret_id[17])
{
    char text[300];
    int n = snprintf(text, sizeof(text), "%s\n%s", fingerprint, or_empty(service));
    sha256_print(text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1, ret_id, 16);
}

/* ---- telling ---- */

static bool is_quiet(const struct alerts *alerts, const struct alert *alert)
{
    bool is_low = alert->level <= ALERT_LEVEL_WARN && alert->class != ALERT_TRADE;
    return alert->is_silent || is_low || muting_is_on(alerts);
}

static struct message *compose(struct alerts *alerts, const struct settings *settings,
                               const struct alert *alert, const char *id,
                               const struct compose_options *options)
{
    struct message *message = message_create();
    message->raised_unix_ns = clock_ns(CLOCK_REALTIME);
    message->language = settings->alerts.language;
    snprintf(message->problem, sizeof(message->problem), "%s", or_empty(id));
    message_set_alert(message, alert);
    message->alert.is_silent = is_quiet(alerts, alert);
    compose_alert(&message->text, &message->alert, options);
    return message;
}

static struct compose_options options_of(const struct settings *settings)
{
    return (struct compose_options){.language = settings->alerts.language,
                                    .trace_url = settings->alerts.trace_url};
}

/* ---- of those that are never the same as another ---- */

static bool was_raised(struct alerts *alerts, const char *identity)
{
    for (uint32_t i = 0; i < MAX_IDENTITIES && i < alerts->n_identities; i++)
        if (strcmp(alerts->identities[i], identity) == 0)
            return true;
    return history_has_problem(alerts->history, identity);
}

static void raise_distinct(struct alerts *alerts, const struct settings *settings, const struct alert *alert)
{
    char identity[FINGERPRINT_DIGITS + 1];
    alert_fingerprint_print_identity(alert, identity);
    if (was_raised(alerts, identity))
        return;
    alerts_learn(alerts, settings);
    memcpy(alerts->identities[alerts->n_identities++ % MAX_IDENTITIES], identity, sizeof(identity));
    struct compose_options options = options_of(settings);
    struct message *message = compose(alerts, settings, alert, identity, &options);
    if (muting_holds(alerts, alert)) {
        alerts->counts.muted++;
        history_add(alerts->history, message, 0, "muted");
    } else {
        telling_tell(alerts, settings, message, NULL);
    }
    message_destroy(message);
}

/* ---- what Redis says ---- */

static struct asking *start_asking(struct alerts *alerts, const struct settings *settings, const char *id)
{
    struct asking *asking = calloc(1, sizeof(*asking));
    if (!asking || !(asking->url = strdup(settings->alerts.redis_url)))
        abort();
    asking->alerts = alerts;
    snprintf(asking->id, sizeof(asking->id), "%s", id);
    asking->next = alerts->asking;
    alerts->asking = asking;
    return asking;
}

static void end_asking(struct asking *asking)
{
    struct asking **place = &asking->alerts->asking;
    while (*place != asking)
        place = &(*place)->next;
    *place = asking->next;
    message_destroy(asking->message);
    free(asking->url);
    free(asking);
}

static void redis_answered(void *context, enum dedup_answer answer, uint64_t left_ms)
{
    struct asking *asking = context;
    struct alerts *alerts = asking->alerts;
    struct entry *entry = dedup_find(alerts->dedup, asking->id);
    for (uint32_t i = 0; i < asking->n; i++)
        if (answer == DEDUP_SEEN)
            queue_remove(alerts->queue, asking->sequences[i]);
        else
            queue_release(alerts->queue, asking->sequences[i]);
    if (answer == DEDUP_SEEN) {
        alerts->counts.suppressed++;
        history_add(alerts->history, asking->message, 0, "elsewhere");
        entry->is_elsewhere = true;
        entry->until_unix_ns = clock_ns(CLOCK_REALTIME) + left_ms * 1000000;
    } else if (answer == DEDUP_FIRST) {
        entry->redis_url = strdup(asking->url);
    }
    entry->is_asking = false;
    dedup_save(alerts->dedup, entry);
    end_asking(asking);
}

/* ---- of those that may be the same ---- */

static void begin_window(struct entry *entry, const struct settings *settings, const struct alert *alert,
                         const char *fingerprint, uint64_t now_ns)
{
    entry_describe(entry, alert);
    snprintf(entry->fingerprint, sizeof(entry->fingerprint), "%s", fingerprint);
    entry->language = settings->alerts.language;
    entry->told_unix_ns = entry->last_unix_ns = now_ns;
    entry->until_unix_ns = now_ns + settings->alerts.window_ns;
    entry->n = 1;
    entry->n_living = entry->n_sent = entry->n_lost = 0;
    entry->resolved_unix_ns = 0;
    entry->is_elsewhere = entry->is_muted = false;
    free(entry->redis_url);
    entry->redis_url = NULL;
}

/* The first of its kind since alerts are muted. The first one after that is told, and says how many were not. */
static void note_muted(struct alerts *alerts, const struct settings *settings, const struct alert *alert,
                       const char *id, const char *fingerprint)
{
    struct entry *entry = dedup_find(alerts->dedup, id);
    uint64_t n_before = entry ? entry_untold(entry) : 0;
    uint64_t since_unix_ns = n_before ? entry->told_unix_ns : 0;
    struct compose_options options = options_of(settings);
    struct message *message = compose(alerts, settings, alert, id, &options);
    entry = entry ? entry : dedup_add(alerts->dedup, id);
    begin_window(entry, settings, alert, fingerprint, message->raised_unix_ns);
    entry->is_muted = true;
    entry->n += n_before;
    entry->told_unix_ns = since_unix_ns ? since_unix_ns : entry->told_unix_ns;
    free(entry->base);
    entry->base = NULL;
    alerts->counts.muted++;
    history_add(alerts->history, message, 0, "muted");
    dedup_save(alerts->dedup, entry);
    message_destroy(message);
}

/* The first of its kind, or of its window. On disk when this returns: the message before the entry, which without it would silence it. */
static void tell(struct alerts *alerts, const struct settings *settings, const struct alert *alert,
                 const char *id, const char *fingerprint)
{
    if (muting_holds(alerts, alert)) {
        note_muted(alerts, settings, alert, id, fingerprint);
        return;
    }
    struct entry *entry = dedup_find(alerts->dedup, id);
    struct compose_options options = options_of(settings);
    alerts_learn(alerts, settings);
    options.n_suppressed = entry ? entry_untold(entry) : 0;
    options.suppressed_unix_ns = entry ? entry->told_unix_ns : 0;
    entry = entry ? entry : dedup_add(alerts->dedup, id);
    struct message *message = compose(alerts, settings, alert, id, &options);
    begin_window(entry, settings, alert, fingerprint, message->raised_unix_ns);
    bool is_shared = settings->alerts.dedup != DEDUP_LOCAL && settings->alerts.window_ns;
    struct asking *asking = is_shared ? start_asking(alerts, settings, id) : NULL;
    entry->n_targets = telling_tell(alerts, settings, message, asking);
    free(entry->base);
    entry->base = NULL;
    if (entry->n_targets)
        entry->base = message_encode(message, &entry->base_bytes);
    entry->is_asking = is_shared;
    dedup_save(alerts->dedup, entry);
    if (!is_shared) {
        message_destroy(message);
        return;
    }
    asking->message = message;
    dedup_redis_ask(alerts->redis, asking->url, fingerprint, settings->alerts.window_ns / 1000000,
                    redis_answered, asking);
}

/* Within its window. */
static void count(struct alerts *alerts, struct entry *entry, uint64_t now_ns)
{
    if (entry->is_muted)
        alerts->counts.muted++;
    else
        alerts->counts.suppressed++;
    entry->n++;
    alerts->has_counted = true;
    entry->last_unix_ns = now_ns;
    entry->resolved_unix_ns = 0;
    living_touch(alerts, entry);
}

/* One that nobody was told of has no window but the silence. */
static bool is_in_window(const struct alerts *alerts, const struct entry *entry, uint64_t now_ns)
{
    if (entry && entry->is_muted)
        return muting_is_on(alerts);
    return entry && (entry->is_asking || now_ns < entry->until_unix_ns);
}

/* So many different ones that nobody could read them: they are one alert, told by their number. */
static void raise_flood(struct alerts *alerts, const struct settings *settings, const struct alert *alert,
                        uint64_t now_ns)
{
    static const char *const texts[] = {
        [LANGUAGE_EN] =
            "too many different alerts of this kind: from here on they are counted, not told one by one",
        [LANGUAGE_KO] = "서로 다른 알림이 너무 많아 이후로는 개수만 알립니다"};
    char fingerprint[FINGERPRINT_DIGITS + 1], id[17];
    const char *type = or_empty(alert->type);
    bool is_of_type = dedup_is_flooded(alerts->dedup, or_empty(alert->service), type);
    struct alert flood = {.class = alert->class,
                          .level = ALERT_LEVEL_ERROR,
                          .time_unix_ns = alert->time_unix_ns,
                          .type = is_of_type ? type : "TooManyAlerts",
                          .message = texts[settings->alerts.language],
                          .service = alert->service,
                          .version = alert->version,
                          .environment = alert->environment,
                          .host = alert->host,
                          .pid = alert->pid,
                          .is_silent = alert->is_silent};
    alerts->counts.folded++;
    alert_fingerprint_print(&flood, fingerprint);
    print_id(flood.service, fingerprint, id);
    struct entry *entry = dedup_find(alerts->dedup, id);
    if (is_in_window(alerts, entry, now_ns))
        count(alerts, entry, now_ns);
    else
        tell(alerts, settings, &flood, id, fingerprint);
}

static void raise_common(struct alerts *alerts, const struct settings *settings, const struct alert *alert)
{
    char fingerprint[FINGERPRINT_DIGITS + 1], id[17];
    uint64_t now_ns = clock_ns(CLOCK_REALTIME);
    if (settings->alerts.dedup == DEDUP_REDIS_PYTHON)
        alert_fingerprint_print_python(alert, fingerprint);
    else
        alert_fingerprint_print(alert, fingerprint);
    print_id(alert->service, fingerprint, id);
    struct entry *entry = dedup_find(alerts->dedup, id);
    bool is_weighty = alert->class <= ALERT_AMBIGUOUS;
    if (is_in_window(alerts, entry, now_ns))
        count(alerts, entry, now_ns);
    else if (is_weighty || dedup_admit(alerts->dedup, or_empty(alert->service), or_empty(alert->type), now_ns,
                                       settings->alerts.window_ns))
        tell(alerts, settings, alert, id, fingerprint);
    else
        raise_flood(alerts, settings, alert, now_ns);
}

void alerts_raise(struct alerts *alerts, const struct settings *settings, const struct alert *alert)
{
    alerts->counts.raised++;
    if (!settings->alerts.is_on) {
        alerts->counts.ignored++;
        return;
    }
    if (alert->is_distinct)
        raise_distinct(alerts, settings, alert);
    else
        raise_common(alerts, settings, alert);
}

void alerts_learn(struct alerts *alerts, const struct settings *settings)
{
    if (settings->alerts.is_on && senders_learn(alerts->senders, settings))
        queue_wake(alerts->queue);
}

void alerts_save(struct alerts *alerts)
{
    if (!alerts || !alerts->has_counted)
        return;
    for (struct entry *entry = NULL; (entry = dedup_next(alerts->dedup, entry));)
        if (entry->is_changed)
            dedup_save(alerts->dedup, entry);
    alerts->has_counted = false;
}

/* ---- life ---- */

static void sweep(void *context)
{
    struct alerts *alerts = context;
    dedup_sweep(alerts->dedup, clock_ns(CLOCK_REALTIME));
    loop_timer_start(alerts->sweep_timer, alerts->times.sweep);
}

int alerts_create_with(struct alerts **ret_alerts, struct loop *loop, const char *directory,
                       const struct alert_times *times)
{
    struct alerts *alerts = calloc(1, sizeof(*alerts));
    struct queue_events events;
    if (!alerts)
        abort();
    alerts->loop = loop;
    alerts->times = *times;
    alerts->edit_at_ms = UINT64_MAX;
    int status = outbox_open(&alerts->outbox, directory);
    alerts->senders = senders_create();
    alerts->history = history_create(alerts->outbox);
    alerts->dedup = dedup_create(alerts->outbox);
    alerts->redis = dedup_redis_create(loop, times->redis);
    alerts->edit_timer = loop_timer_create(loop, living_due, alerts);
    alerts->sweep_timer = loop_timer_create(loop, sweep, alerts);
    telling_events(alerts, &events);
    alerts->queue =
        queue_create(loop, alerts->outbox, alerts->senders, times, &events, history_newest(alerts->history));
    muting_load(alerts);
    loop_timer_start(alerts->sweep_timer, times->sweep);
    living_due(alerts);
    *ret_alerts = alerts;
    return status;
}

int alerts_create(struct alerts **ret_alerts, struct loop *loop, const char *directory)
{
    return alerts_create_with(ret_alerts, loop, directory, &alert_times_standard);
}

void alerts_destroy(struct alerts *alerts)
{
    if (!alerts)
        return;
    dedup_redis_destroy(alerts->redis);
    for (struct asking *asking = alerts->asking, *next; asking; asking = next) {
        next = asking->next;
        end_asking(asking);
    }
    queue_destroy(alerts->queue);
    loop_timer_destroy(alerts->edit_timer);
    loop_timer_destroy(alerts->sweep_timer);
    dedup_destroy(alerts->dedup);
    history_destroy(alerts->history);
    senders_destroy(alerts->senders);
    outbox_close(alerts->outbox);
    free(alerts);
}

void alerts_flush(struct alerts *alerts)
{
    living_flush(alerts);
    queue_turn_now(alerts->queue);
}

bool alerts_is_idle(const struct alerts *alerts)
{
    return !alerts->asking && queue_is_idle(alerts->queue) && living_is_idle(alerts);
}

void alerts_get_counts(const struct alerts *alerts, struct alerts_counts *ret_counts)
{
    struct queue_counts queue;
    queue_get_counts(alerts->queue, &queue);
    *ret_counts = alerts->counts;
    ret_counts->waiting = queue.waiting;
    ret_counts->refused = queue.refused;
    ret_counts->folded += queue.folded;
    memcpy(ret_counts->last_error, queue.last_error, sizeof(ret_counts->last_error));
}
