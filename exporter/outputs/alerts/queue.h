/*
 * queue: messages on their way: on disk before the first attempt, in order, one at a time to each target.
 *
 * A lane per target. Within it crash goes before ambiguous, error, slow, log, trade, info, and the first raised goes first. What is not
 * taken is tried again after 1, 2, 4 … 300 s, or as the server says; a chat that will have nothing, or an account that may send nothing, after an
 * hour. A kill in between loses nothing; where a request was under way the next attempt says that it may be a repetition.
 *
 * Bound: only ALERT_INFO is dropped for want of room, or after a day; other alerts that find no room on the disk are counted, and told
 * by number when there is room again. Crashes and ambiguous requests may take twice the room.
 *
 * Context: loop. Errors: none for the caller; what the disk does not take is kept in memory (1 MiB).
 */
#ifndef OTELSHIM_ALERT_QUEUE_H
#define OTELSHIM_ALERT_QUEUE_H

#include "outputs/alerts/message.h"
#include "outputs/alerts/outbox.h"
#include "outputs/alerts/senders.h"

struct queue;

/* All in milliseconds; tests have others. */
struct alert_times {
    uint64_t backoff, max_backoff; /* between attempts: the first, the longest */
    uint64_t dead;                 /* until a chat or account that refused is tried again */
    uint64_t late;                 /* after so long a message says that it is late */
    uint64_t edit;                 /* between two changes of a living message */
    uint64_t expire;               /* of ALERT_INFO */
    uint64_t sweep;
    uint64_t redis; /* how long the shared table may take to answer */
};
extern const struct alert_times alert_times_standard;

struct queue_events {
    /* Sent, or never will be: `sent->outcome` is SENT or SENT_BAD. It leaves the disk when this returns. */
    void (*done)(void *context, const struct message *message, uint64_t sequence, const struct sent *sent);
    /* Nobody takes it for now (SENT_DEAD, SENT_REFUSED). */
    void (*blocked)(void *context, const struct message *message);
    /* About to be sent for the first time: a line may be added to its text. */
    void (*sending)(void *context, struct message *message);
    /* Found on disk. False: it was sent, or is not whole, and goes. */
    bool (*found)(void *context, const struct message *message, uint64_t sequence);
    /* The living message of that entry as it is now, and its id at the target; false: there is nothing to change. */
    bool (*edit)(void *context, const char *problem, const struct target *target, struct rich_text *text,
                 char ret_message_id[MESSAGE_ID_BYTES]);
    /* It was, or cannot be (SENT_BAD). */
    void (*edited)(void *context, const char *problem, const struct target *target, const struct sent *sent);
    /* There is room again: so many alerts are to be told of by number. */
    void (*folded)(void *context, const struct target *target, uint64_t n, uint64_t since_unix_ns);
    /* Dropped, being ALERT_INFO. */
    void (*dropped)(void *context, const struct message *message);
    void *context;
};

/* `newest`: the highest number that is known of messages that are gone. */
struct queue *queue_create(struct loop *loop, struct outbox *outbox, struct senders *senders,
                           const struct alert_times *times, const struct queue_events *events,
                           uint64_t newest);
/* What waits stays on disk. NULL is fine. */
void queue_destroy(struct queue *queue);

/* The number that the next message gets. */
uint64_t queue_next_sequence(const struct queue *queue);
/*
 * Takes a message (its content is copied). Held: not sent before queue_release(). Returns its number, 0: no room, it is counted (folded).
 * On the medium after queue_sync().
 */
uint64_t queue_put(struct queue *queue, const struct message *message, bool is_held, uint64_t max_bytes);
void queue_sync(struct queue *queue);
void queue_release(struct queue *queue, uint64_t sequence);
/* Those that were not tried yet. */
void queue_remove(struct queue *queue, uint64_t sequence);
/* Have the living message of that entry changed, after whatever else waits. */
void queue_edit(struct queue *queue, const struct target *target, const char *problem);
/* A sender was learnt, or time has passed. */
void queue_wake(struct queue *queue);
/* The same, before it returns. */
void queue_turn_now(struct queue *queue);
/* Where messages for `target` go by what the destination said of it. */
void queue_map(const struct queue *queue, struct target *target);

bool queue_is_idle(const struct queue *queue);
/* Nothing can be sent to it for now. */
bool queue_is_blocked(const struct queue *queue, const struct target *target);

struct queue_counts {
    uint64_t waiting, refused, bytes, folded, retries;
    char last_error[200];
};
void queue_get_counts(const struct queue *queue, struct queue_counts *ret_counts);
/* The first `max` of what waits, by lane and order. */
void queue_each(struct queue *queue, uint32_t max,
                void (*found)(void *context, const struct message *message, const char *state),
                void *context);

#endif
