/* queue_life: what an earlier exporter left, the beginning and end of a queue, and what others see of it. */
#include "outputs/alerts/queue_priv.h"

#include "base/clock.h"
#include "base/log.h"
#include <stdlib.h>
#include <string.h>

const struct alert_times alert_times_standard = {
    .backoff = 1000,
    .max_backoff = 300000,
    .dead = 3600000,
    .late = 60000,
    .edit = 30000,
    .expire = 86400000,
    .sweep = 60000,
    .redis = 100,
};

struct loading {
    struct stored *items;
    uint32_t n, max;
};

static void load_one(void *context, const struct stored *stored)
{
    struct loading *loading = context;
    if (loading->n == loading->max) {
        loading->max = loading->max ? loading->max * 2 : 64;
        loading->items = realloc(loading->items, loading->max * sizeof(*stored));
        if (!loading->items)
            abort();
    }
    loading->items[loading->n++] = *stored;
}

static int by_sequence(const void *a, const void *b)
{
    uint64_t left = ((const struct stored *)a)->sequence, right = ((const struct stored *)b)->sequence;
    return left < right ? -1 : left > right;
}

/*
 * The messages of an alert are written one after the other, before any is sent and before any other's: where one is missing at the end of all that
 * was ever numbered, the raising was cut off, and its record will be read again.
 */
static bool is_whole(uint64_t newest, const struct message *message)
{
    return !message->group || message->group + message->n_group - 1 <= newest;
}

/* False: it cannot be read. */
static bool load_item(struct queue *queue, uint64_t newest, const struct stored *stored)
{
    struct item *item = calloc(1, sizeof(*item));
    if (!item)
        abort();
    *item = (struct item){.stored = *stored, .may_repeat = stored->is_sending};
    struct message *message = queue_load(queue, item);
    bool is_readable = message != NULL;
    if (is_readable && is_whole(newest, message) &&
        queue->events.found(queue->events.context, message, stored->sequence)) {
        item->raised_unix_ns = message->raised_unix_ns;
        queue_map(queue, &message->target);
        queue->counts.bytes += stored->bytes;
        queue_insert(queue_lane(queue, &message->target), item);
    } else {
        if (is_readable)
            outbox_remove(queue->outbox, stored);
        free(item);
    }
    message_destroy(message);
    return is_readable;
}

static void load(struct queue *queue, uint64_t newest)
{
    struct loading loading = {.n = 0};
    uint32_t n_unreadable = 0;
    outbox_each(queue->outbox, load_one, &loading);
    if (loading.n)
        qsort(loading.items, loading.n, sizeof(*loading.items), by_sequence);
    if (loading.n && loading.items[loading.n - 1].sequence > newest)
        newest = loading.items[loading.n - 1].sequence;
    for (uint32_t i = 0; i < loading.n; i++)
        n_unreadable += !load_item(queue, newest, &loading.items[i]);
    if (newest > queue->sequence)
        queue->sequence = newest;
    if (n_unreadable)
        log_write(LOG_LEVEL_WARN, "%u alerts in %s cannot be read and stay there", n_unreadable,
                  outbox_path(queue->outbox));
    free(loading.items);
}

struct queue *queue_create(struct loop *loop, struct outbox *outbox, struct senders *senders,
                           const struct alert_times *times, const struct queue_events *events,
                           uint64_t newest)
{
    struct queue *queue = calloc(1, sizeof(*queue));
    if (!queue)
        abort();
    *queue = (struct queue){
        .loop = loop, .outbox = outbox, .senders = senders, .times = *times, .events = *events};
    queue->max_bytes = UINT64_MAX;
    queue->sequence = clock_ns(CLOCK_REALTIME) / 1000;
    queue->random = queue->sequence | 1;
    queue->client = http_client_create(loop);
    queue->timer = loop_timer_create(loop, queue_turn, queue);
    queue->next_sweep_ms = loop_now_ms(loop) + times->sweep;
    queue_state_load(queue);
    load(queue, newest);
    queue_wake(queue);
    return queue;
}

static void destroy_lane(struct lane *lane)
{
    queue_cancel(lane);
    for (uint32_t class = 0; class < N_ALERT_CLASSES; class ++)
        for (struct item *item = lane->first[class], *next; item; item = next) {
            next = item->next;
            queue_free_item(lane->queue, item);
        }
    for (struct edit *edit = lane->edits, *next; edit; edit = next) {
        next = edit->next;
        free(edit);
    }
    free(lane);
}

void queue_destroy(struct queue *queue)
{
    if (!queue)
        return;
    queue_state_save(queue);
    for (struct lane *lane = queue->lanes, *next; lane; lane = next) {
        next = lane->next;
        destroy_lane(lane);
    }
    loop_timer_destroy(queue->timer);
    http_client_destroy(queue->client);
    free(queue);
}

/* ---- what others see ---- */

static bool is_blocked(const struct lane *lane, bool *ret_is_refused)
{
    *ret_is_refused = senders_refused_until(lane->queue->senders, lane->target.account) > 0;
    if (lane->dead_until_ns)
        *ret_is_refused = true;
    bool is_refused;
    return *ret_is_refused || !senders_find(lane->queue->senders, &lane->target, &is_refused);
}

bool queue_is_blocked(const struct queue *queue, const struct target *target)
{
    const struct lane *lane = queue->lanes;
    bool is_refused;
    while (lane && !queue_is_same(&lane->target, target))
        lane = lane->next;
    return lane && is_blocked(lane, &is_refused);
}

bool queue_is_idle(const struct queue *queue)
{
    for (const struct lane *lane = queue->lanes; lane; lane = lane->next) {
        bool is_refused;
        if (lane->call || ((lane->n_items || lane->edits) && !is_blocked(lane, &is_refused)))
            return false;
    }
    return true;
}

void queue_get_counts(const struct queue *queue, struct queue_counts *ret_counts)
{
    *ret_counts = queue->counts;
    ret_counts->waiting = ret_counts->refused = 0;
    for (const struct lane *lane = queue->lanes; lane; lane = lane->next) {
        bool is_refused;
        ret_counts->waiting += lane->n_items;
        if (is_blocked(lane, &is_refused) && is_refused)
            ret_counts->refused += lane->n_items;
    }
}

void queue_each(struct queue *queue, uint32_t max,
                void (*found)(void *context, const struct message *message, const char *state), void *context)
{
    for (struct lane *lane = queue->lanes; lane; lane = lane->next) {
        bool is_refused, is_lane_blocked = is_blocked(lane, &is_refused);
        const char *state = is_refused ? "refused" : is_lane_blocked ? "no sender" : "waiting";
        for (uint32_t class = 0; class < N_ALERT_CLASSES; class ++)
            for (struct item *item = lane->first[class]; item && max; item = item->next) {
                struct message *message = queue_load(queue, item);
                if (message)
                    found(context, message, item == lane->sending ? "sending" : state);
                max -= message != NULL;
                message_destroy(message);
            }
    }
}
