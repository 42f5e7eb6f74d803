/*
 * living: messages that change in place: how often it happened by now, and that it is over. One that cannot be changed any more (deleted, too
 * old) is left as it is.
 */
#include "outputs/alerts/alerts_priv.h"

#include "base/clock.h"
#include <stdlib.h>
#include <string.h>

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static bool is_stale(const struct entry *entry, const struct living *living)
{
    return living->n_shown != entry->n || living->is_resolved_shown != (entry->resolved_unix_ns > 0);
}

static struct living *find(struct entry *entry, const struct target *target)
{
    for (uint32_t i = 0; i < entry->n_living; i++) {
        struct living *living = &entry->living[i];
        if (living->target.kind == target->kind && strcmp(living->target.address, target->address) == 0)
            return living;
    }
    return NULL;
}

/* Queues what may be changed now; when the next one may, in loop time. */
static uint64_t edit_due(struct alerts *alerts, struct entry *entry, uint64_t now_ms, bool now_or_never)
{
    uint64_t next_ms = UINT64_MAX;
    for (uint32_t i = 0; i < entry->n_living; i++) {
        struct living *living = &entry->living[i];
        if (!is_stale(entry, living))
            continue;
        if (now_or_never || living->next_edit_ms <= now_ms) {
            living->next_edit_ms = now_ms + alerts->times.edit;
            queue_edit(alerts->queue, &living->target, entry->id);
        }
        next_ms = living->next_edit_ms < next_ms ? living->next_edit_ms : next_ms;
    }
    return next_ms;
}

void living_due(void *context)
{
    struct alerts *alerts = context;
    uint64_t now_ms = loop_now_ms(alerts->loop), next_ms = UINT64_MAX;
    for (struct entry *entry = NULL; (entry = dedup_next(alerts->dedup, entry));) {
        uint64_t at_ms = edit_due(alerts, entry, now_ms, false);
        next_ms = at_ms < next_ms ? at_ms : next_ms;
    }
    alerts->edit_at_ms = next_ms;
    if (next_ms != UINT64_MAX)
        loop_timer_start(alerts->edit_timer, next_ms > now_ms ? next_ms - now_ms : 1);
}

/* A storm comes here for each of its alerts: the timer is looked at, not set anew. */
void living_touch(struct alerts *alerts, struct entry *entry)
{
    entry->is_changed = true;
    uint64_t now_ms = loop_now_ms(alerts->loop), next_ms = UINT64_MAX;
    for (uint32_t i = 0; i < entry->n_living; i++)
        if (is_stale(entry, &entry->living[i]) && entry->living[i].next_edit_ms < next_ms)
            next_ms = entry->living[i].next_edit_ms;
    if (next_ms >= alerts->edit_at_ms)
        return;
    alerts->edit_at_ms = next_ms;
    loop_timer_start(alerts->edit_timer, next_ms > now_ms ? next_ms - now_ms : 0);
}

bool living_is_idle(const struct alerts *alerts)
{
    for (struct entry *entry = NULL; (entry = dedup_next(alerts->dedup, entry));)
        for (uint32_t i = 0; i < entry->n_living; i++)
            if (is_stale(entry, &entry->living[i]) &&
                !queue_is_blocked(alerts->queue, &entry->living[i].target))
                return false;
    return true;
}

void living_flush(struct alerts *alerts)
{
    for (struct entry *entry = NULL; (entry = dedup_next(alerts->dedup, entry));)
        edit_due(alerts, entry, loop_now_ms(alerts->loop), true);
}

void living_add(struct alerts *alerts, struct entry *entry, const struct message *message,
                const char *message_id)
{
    struct living *living = find(entry, &message->target);
    if (!living && entry->n_living < DEDUP_MAX_LIVING)
        living = &entry->living[entry->n_living++];
    if (!living)
        return;
    *living = (struct living){.target = message->target,
                              .n_shown = message->n_shown,
                              .next_edit_ms = loop_now_ms(alerts->loop) + alerts->times.edit};
    snprintf(living->message_id, sizeof(living->message_id), "%s", message_id);
    dedup_save(alerts->dedup, entry);
    living_touch(alerts, entry);
}

bool living_compose(void *context, const char *id, const struct target *target, struct rich_text *text,
                    char ret_message_id[MESSAGE_ID_BYTES])
{
    struct alerts *alerts = context;
    struct entry *entry = dedup_find(alerts->dedup, id);
    struct living *living = entry ? find(entry, target) : NULL;
    if (!living || !is_stale(entry, living) || !entry->base)
        return false;
    struct message *message = message_decode(entry->base, entry->base_bytes);
    if (!message)
        return false;
    for (uint32_t i = 0; i < message->text.n; i++)
        rich_add_run(text, &message->text.runs[i]);
    message_destroy(message);
    if (entry->n > 1)
        compose_count(text, entry->language, entry->n, entry->last_unix_ns);
    if (entry->resolved_unix_ns)
        compose_resolved(text, entry->language, entry->resolved_unix_ns - entry->told_unix_ns);
    living->n_composed = entry->n;
    living->is_resolved_composed = entry->resolved_unix_ns > 0;
    memcpy(ret_message_id, living->message_id, MESSAGE_ID_BYTES);
    return true;
}

void living_edited(void *context, const char *id, const struct target *target, const struct sent *sent)
{
    struct alerts *alerts = context;
    struct entry *entry = dedup_find(alerts->dedup, id);
    struct living *living = entry ? find(entry, target) : NULL;
    if (!living)
        return;
    if (sent->outcome == SENT || sent->outcome == SENT_PART) {
        alerts->counts.edited++;
        living->n_shown = living->n_composed;
        living->is_resolved_shown = living->is_resolved_composed;
        living->next_edit_ms = loop_now_ms(alerts->loop) + alerts->times.edit;
    } else {
        *living = entry->living[--entry->n_living];
    }
    dedup_save(alerts->dedup, entry);
    living_touch(alerts, entry);
}

/* ---- the end of a problem ---- */

static void tell_resolved(struct alerts *alerts, const struct entry *entry)
{
    for (uint32_t i = 0; i < entry->n_living; i++) {
        struct message *message = message_create();
        struct alert alert = {.class = entry->class,
                              .level = ALERT_LEVEL_INFO,
                              .time_unix_ns = entry->resolved_unix_ns,
                              .type = entry->type,
                              .message = entry->problem,
                              .service = entry->service,
                              .is_silent = true};
        message_set_alert(message, &alert);
        message->target = entry->living[i].target;
        message->language = entry->language;
        message->raised_unix_ns = entry->resolved_unix_ns;
        snprintf(message->replies_to, sizeof(message->replies_to), "%s", entry->living[i].message_id);
        compose_resolved(&message->text, entry->language, entry->resolved_unix_ns - entry->told_unix_ns);
        rich_add_format(&message->text, RICH_PLAIN, " · %s", entry->problem);
        queue_put(alerts->queue, message, false, UINT64_MAX);
        message_destroy(message);
    }
    queue_sync(alerts->queue);
    queue_wake(alerts->queue);
}

void alerts_resolve(struct alerts *alerts, const struct settings *settings, const char *service,
                    const char *problem)
{
    for (struct entry *entry = NULL; (entry = dedup_next(alerts->dedup, entry));) {
        bool is_it = strncmp(entry->service, or_empty(service), sizeof(entry->service) - 1) == 0 &&
                     strncmp(entry->problem, problem, sizeof(entry->problem) - 1) == 0;
        if (!is_it || entry->resolved_unix_ns || !entry->problem[0])
            continue;
        entry->resolved_unix_ns = clock_ns(CLOCK_REALTIME);
        if (settings->alerts.says_resolved)
            tell_resolved(alerts, entry);
        living_touch(alerts, entry);
        dedup_save(alerts->dedup, entry);
    }
}
