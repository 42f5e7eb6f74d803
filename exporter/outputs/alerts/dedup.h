/*
 * dedup: what was told of late, so that the same is told once in a window: in memory, each entry also as a file of the directory.
 *
 * An entry is one fingerprint of one service. Within its window further alerts only count; the first one after it is told, and says how many
 * were not. Bound: 512 entries, and so many different ones of a service, and of one type of it, in a window; what is beyond is told as
 * one alert of its own, by number.
 *
 * Context: loop. Ownership: entries live until the next dedup_add() or dedup_sweep(), those that are asked for (`is_asking`) until that is over.
 */
#ifndef OTELSHIM_ALERT_DEDUP_H
#define OTELSHIM_ALERT_DEDUP_H

#include "base/table.h"
#include "outputs/alerts/message.h"
#include "outputs/alerts/outbox.h"

#define DEDUP_MAX_ENTRIES 512u
#define DEDUP_MAX_LIVING 16u

/* A message that can be changed in place. */
struct living {
    struct target target;
    char message_id[MESSAGE_ID_BYTES];
    uint64_t n_shown, n_composed; /* how many it says; will say, once the edit is through */
    bool is_resolved_shown, is_resolved_composed;
    uint64_t next_edit_ms; /* loop time */
};

struct entry {
    UT_hash_handle hh;
    char id[17];          /* service and fingerprint */
    char fingerprint[17]; /* what a person, and Redis, know it by */
    char service[64], type[80], summary[160], problem[128];
    enum alert_class class;
    enum language language;
    uint64_t told_unix_ns, until_unix_ns; /* the window */
    uint64_t last_unix_ns;                /* the last one */
    uint64_t n;                           /* so many since it was told, that one included */
    uint64_t resolved_unix_ns;            /* 0: it is not over */
    bool is_asking;                       /* Redis is being asked whether another machine told it */
    bool is_elsewhere;                    /* it did */
    bool is_muted;                        /* nobody was told: it came while alerts were muted */
    bool is_changed;                      /* not on disk yet */
    struct living living[DEDUP_MAX_LIVING];
    uint32_t n_living;
    char *base; /* the message as it was told, encoded, for edits; NULL: none */
    size_t base_bytes;
    char *redis_url; /* the key is there, and ours; NULL: not */
    uint32_t n_targets, n_sent,
        n_lost; /* of this telling: not sent for good, or to nobody who takes anything */
};

struct dedup;

struct dedup *dedup_create(struct outbox *outbox);
/* Writes what changed. */
void dedup_destroy(struct dedup *dedup);

struct entry *dedup_find(struct dedup *dedup, const char *id);
/* An empty one, in place of the oldest where there are too many. */
struct entry *dedup_add(struct dedup *dedup, const char *id);
/* Sets what the entry says of itself. */
void entry_describe(struct entry *entry, const struct alert *alert);
void dedup_save(struct dedup *dedup, struct entry *entry);
/* Forgets what has been quiet for a day; writes what changed. */
void dedup_sweep(struct dedup *dedup, uint64_t now_unix_ns);
/* The next entry after `entry`; NULL: the first. NULL at the end. */
struct entry *dedup_next(struct dedup *dedup, const struct entry *entry);
uint32_t dedup_count(const struct dedup *dedup);

/* May one more different alert of this service and type be told in this window? Counts it. */
bool dedup_admit(struct dedup *dedup, const char *service, const char *type, uint64_t now_unix_ns,
                 uint64_t window_ns);
/* Is it the type of which there are too many, not the service? */
bool dedup_is_flooded(const struct dedup *dedup, const char *service, const char *type);
#define DEDUP_MAX_OF_TYPE 20u
#define DEDUP_MAX_OF_SERVICE 60u

/* How many were not told since the last message. */
static inline uint64_t entry_untold(const struct entry *entry)
{
    return entry->is_elsewhere || entry->is_muted ? entry->n : entry->n ? entry->n - 1 : 0;
}

#endif
