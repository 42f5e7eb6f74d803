/* queue_priv: what the files of the queue share: queue.c (lanes and what is in them), queue_life.c, queue_send.c (attempts), queue_state.c (what outlives us). */
#ifndef OTELSHIM_ALERT_QUEUE_PRIV_H
#define OTELSHIM_ALERT_QUEUE_PRIV_H

#include "outputs/alerts/queue.h"

#define MAX_MOVES 64u
#define MEMORY_MAX_BYTES (1u << 20)

struct item {
    struct item *next;
    struct stored stored;
    char *memory; /* its bytes, where the disk did not take them */
    bool is_held, may_repeat;
    uint64_t raised_unix_ns;
};

struct edit {
    struct edit *next;
    char problem[17];
};

struct lane {
    struct lane *next;
    struct queue *queue;
    struct target target;
    struct item *first[N_ALERT_CLASSES], *last[N_ALERT_CLASSES];
    struct edit *edits;
    uint32_t n_items;
    /* under way */
    void *call;
    struct item *sending; /* of `message` */
    struct message *message;
    struct edit *editing;
    /* between attempts */
    uint64_t next_ms; /* loop time; 0: at once */
    uint32_t attempts;
    bool is_told_to_wait;   /* by the server: nobody goes earlier */
    uint64_t dead_until_ns; /* Unix time; 0: alive */
    bool is_dead_said;
    uint64_t n_folded, folded_unix_ns;
};

struct move {
    const struct destination_kind *kind;
    char from[96], to[96];
};

struct queue {
    struct loop *loop;
    struct http_client *client;
    struct outbox *outbox;
    struct senders *senders;
    struct alert_times times;
    struct queue_events events;
    struct lane *lanes;
    struct loop_timer *timer;
    struct move moves[MAX_MOVES];
    uint32_t n_moves;
    uint64_t sequence;
    uint64_t max_bytes, memory_bytes;
    uint64_t next_sweep_ms;
    struct queue_counts counts;
    uint64_t random;
};

bool queue_is_same(const struct target *a, const struct target *b);
void queue_insert(struct lane *lane, struct item *item); /* by its number */
void queue_free_item(struct queue *queue, struct item *item);
struct lane *queue_lane(struct queue *queue, const struct target *target);
/* All that waits on the lane goes there from now on. */
void queue_retarget(struct lane *lane, const struct target *target);
/* Off its lane and off the disk. */
void queue_forget(struct lane *lane, struct item *item);
struct message *queue_load(struct queue *queue, const struct item *item);
/* Writes it anew. */
void queue_rewrite(struct queue *queue, struct item *item, const struct message *message);
void queue_mark(struct queue *queue, struct item *item, bool is_sending);
/* Does what can be done now on every lane, and sets the timer. */
void queue_turn(void *queue);
/* Attempts of one lane; returns when it wants to be asked again (loop time, UINT64_MAX: never by itself). */
uint64_t queue_step(struct lane *lane);
void queue_cancel(struct lane *lane);

void queue_state_save(struct queue *queue);
void queue_state_load(struct queue *queue);

#endif
