/*
 * alerts_priv: what the files of the engine share: alerts.c (raising), telling.c (what becomes of a message), living.c (messages that
 * change in place), muting.c, alerts_print.c.
 */
#ifndef OTELSHIM_ALERTS_PRIV_H
#define OTELSHIM_ALERTS_PRIV_H

#include "outputs/alerts/alerts.h"
#include "outputs/alerts/compose.h"
#include "outputs/alerts/dedup.h"
#include "outputs/alerts/dedup_redis.h"
#include "outputs/alerts/history.h"
#include "outputs/alerts/queue.h"

#define MAX_TARGETS 16u
#define MAX_IDENTITIES 1024u

/* A question to Redis; the messages that wait for its answer. */
struct asking {
    struct asking *next;
    struct alerts *alerts;
    char id[17];
    char *url;
    uint64_t sequences[MAX_TARGETS];
    uint32_t n;
    struct message *message;
};

struct alerts {
    struct loop *loop;
    struct alert_times times;
    struct outbox *outbox;
    struct senders *senders;
    struct history *history;
    struct dedup *dedup;
    struct dedup_redis *redis;
    struct queue *queue;
    struct loop_timer *edit_timer, *sweep_timer;
    uint64_t edit_at_ms; /* loop time of edit_timer; UINT64_MAX: it does not run */
    struct asking *asking;
    char identities[MAX_IDENTITIES][17]; /* of alerts that are never the same as another; a ring */
    uint32_t n_identities;
    uint64_t muted_until_unix_ns;
    bool has_counted; /* something that is not on disk */
    struct alerts_counts counts;
};

/* As alerts_create(); with other times, for tests. */
int alerts_create_with(struct alerts **ret_alerts, struct loop *loop, const char *directory,
                       const struct alert_times *times);

/* telling.c */
void telling_events(struct alerts *alerts, struct queue_events *ret_events);
/*
 * Has `message` (alert and text are set) told to its class's targets. `asking` NULL: at once; else held, and *asking knows which. How many
 * targets there are.
 */
uint32_t telling_tell(struct alerts *alerts, const struct settings *settings, struct message *message,
                      struct asking *asking);
/* One more way to have it on another machine: the key of an entry whose telling failed for good. */
void telling_give_back(struct alerts *alerts, struct entry *entry);

/* muting.c */
bool muting_is_on(const struct alerts *alerts);
/* This one is listed, and nobody is told. */
bool muting_holds(const struct alerts *alerts, const struct alert *alert);
/* What was said before the exporter started. */
void muting_load(struct alerts *alerts);

/* living.c */
/* Something about the entry is not shown yet: has its messages changed when they may be. */
void living_touch(struct alerts *alerts, struct entry *entry);
void living_due(void *alerts);
/* What is not shown yet is shown now: the exporter leaves. */
void living_flush(struct alerts *alerts);
bool living_is_idle(const struct alerts *alerts);
/* A message of it was sent. */
void living_add(struct alerts *alerts, struct entry *entry, const struct message *message,
                const char *message_id);
bool living_compose(void *alerts, const char *id, const struct target *target, struct rich_text *text,
                    char ret_message_id[MESSAGE_ID_BYTES]);
void living_edited(void *alerts, const char *id, const struct target *target, const struct sent *sent);

#endif
