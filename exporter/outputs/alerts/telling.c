/* telling: an alert becomes messages, one for each target, and what the queue says became of them. */
#include "outputs/alerts/alerts_priv.h"

#include "base/clock.h"
#include "outputs/alerts/alert_fingerprint.h"
#include <stdlib.h>
#include <string.h>

/* ---- to the queue ---- */

static uint32_t list_targets(struct alerts *alerts, const struct settings *settings, enum alert_class class,
                             struct target targets[MAX_TARGETS])
{
    uint32_t n = 0;
    for (uint32_t i = 0; destination_kinds[i] && n < MAX_TARGETS; i++) {
        uint32_t of_kind = destination_kinds[i]->list(settings, class, &targets[n], MAX_TARGETS - n);
        n += of_kind < MAX_TARGETS - n ? of_kind : MAX_TARGETS - n;
    }
    for (uint32_t i = 0; i < n; i++)
        queue_map(alerts->queue, &targets[i]);
    return n;
}

uint32_t telling_tell(struct alerts *alerts, const struct settings *settings, struct message *message,
                      struct asking *asking)
{
    struct target targets[MAX_TARGETS];
    uint32_t n = list_targets(alerts, settings, message->alert.class, targets);
    message->group = n > 1 ? queue_next_sequence(alerts->queue) : 0;
    message->n_group = n;
    for (uint32_t i = 0; i < n; i++) {
        message->target = targets[i];
        uint64_t sequence = queue_put(alerts->queue, message, asking != NULL, settings->alerts.store_bytes);
        if (asking && sequence)
            asking->sequences[asking->n++] = sequence;
    }
    if (n)
        queue_sync(alerts->queue);
    else
        history_add(alerts->history, message, 0, "kept");
    queue_wake(alerts->queue);
    return n;
}

/* ---- from the queue ---- */

/* The entry that the message told; NULL: it is gone, or tells of a later message by now. */
static struct entry *entry_of(struct alerts *alerts, const struct message *message)
{
    struct entry *entry = message->problem[0] ? dedup_find(alerts->dedup, message->problem) : NULL;
    return entry && entry->told_unix_ns == message->raised_unix_ns ? entry : NULL;
}

void telling_give_back(struct alerts *alerts, struct entry *entry)
{
    if (!entry->redis_url || entry->n_sent || entry->n_lost < entry->n_targets)
        return;
    if (clock_ns(CLOCK_REALTIME) < entry->until_unix_ns)
        dedup_redis_forget(alerts->redis, entry->redis_url, entry->fingerprint);
    free(entry->redis_url);
    entry->redis_url = NULL;
}

static void done(void *context, const struct message *message, uint64_t sequence, const struct sent *sent)
{
    struct alerts *alerts = context;
    struct entry *entry = entry_of(alerts, message);
    bool is_sent = sent->outcome == SENT;
    history_add(alerts->history, message, sequence, is_sent ? "sent" : "failed");
    alerts->counts.sent += is_sent;
    if (!entry)
        return;
    entry->n_sent += is_sent;
    entry->n_lost += !is_sent;
    const char *id = sent->message_id[0] ? sent->message_id : message->message_id;
    if (is_sent && id[0])
        living_add(alerts, entry, message, id);
    telling_give_back(alerts, entry);
}

static void blocked(void *context, const struct message *message)
{
    struct alerts *alerts = context;
    struct entry *entry = entry_of(alerts, message);
    if (!entry)
        return;
    entry->n_lost++;
    telling_give_back(alerts, entry);
}

/* It may have waited, and the same may have happened again: the text says how often. */
static void sending(void *context, struct message *message)
{
    struct alerts *alerts = context;
    const struct entry *entry = entry_of(alerts, message);
    message->n_shown = 1;
    if (!entry || entry->n < 2)
        return;
    message->n_shown = entry->n;
    compose_count(&message->text, message->language, entry->n, entry->last_unix_ns);
}

/*
 * After a kill between the message and its entry, the entry is made again: the record that raised it may be read again, and is then the
 * same.
 */
static void restore_entry(struct alerts *alerts, const struct message *message)
{
    if (!message->problem[0] || message->alert.is_distinct || dedup_find(alerts->dedup, message->problem))
        return;
    struct entry *entry = dedup_add(alerts->dedup, message->problem);
    const struct alert *alert = &message->alert;
    alert_fingerprint_print(alert, entry->fingerprint);
    entry_describe(entry, alert);
    entry->told_unix_ns = entry->last_unix_ns = message->raised_unix_ns;
    entry->until_unix_ns = message->raised_unix_ns + 300000000000u;
    entry->language = message->language;
    entry->n = 1;
    entry->n_targets = message->n_group;
    entry->base = message_encode(message, &entry->base_bytes);
    dedup_save(alerts->dedup, entry);
}

static bool found(void *context, const struct message *message, uint64_t sequence)
{
    struct alerts *alerts = context;
    if (history_has_sequence(alerts->history, sequence))
        return false; /* killed between the answer and the removal */
    if (message->alert.is_distinct && message->problem[0])
        memcpy(alerts->identities[alerts->n_identities++ % MAX_IDENTITIES], message->problem, 17);
    restore_entry(alerts, message);
    return true;
}

static void dropped(void *context, const struct message *message)
{
    struct alerts *alerts = context;
    alerts->counts.dropped++;
    history_add(alerts->history, message, 0, "dropped");
}

/* Alerts that found no room on the disk. */
static void folded(void *context, const struct target *target, uint64_t n, uint64_t since_unix_ns)
{
    struct alerts *alerts = context;
    struct message *message = message_create();
    char since[64];
    compose_time(since_unix_ns, since, sizeof(since));
    struct alert alert = {.class = ALERT_ERROR,
                          .level = ALERT_LEVEL_WARN,
                          .time_unix_ns = clock_ns(CLOCK_REALTIME),
                          .type = "AlertsNotKept",
                          .message =
                              arena_printf(&message->arena,
                                           "%llu alerts since %s found no room on the disk "
                                           "(OTELSHIM_ALERT_STORE_SIZE) and are told by their number only",
                                           (unsigned long long)n, since)};
    struct compose_options options = {.language = LANGUAGE_EN};
    message_set_alert(message, &alert);
    compose_alert(&message->text, &alert, &options);
    message->target = *target;
    message->raised_unix_ns = alert.time_unix_ns;
    queue_put(alerts->queue, message, false, UINT64_MAX);
    queue_sync(alerts->queue);
    message_destroy(message);
}

void telling_events(struct alerts *alerts, struct queue_events *ret_events)
{
    *ret_events = (struct queue_events){.done = done,
                                        .blocked = blocked,
                                        .sending = sending,
                                        .found = found,
                                        .edit = living_compose,
                                        .edited = living_edited,
                                        .folded = folded,
                                        .dropped = dropped,
                                        .context = alerts};
}
