/* queue: see queue.h. Lanes, and what is in them. */
#include "outputs/alerts/queue_priv.h"

#include "base/clock.h"
#include "base/log.h"
#include <stdio.h>
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

/* ---- lanes ---- */

static bool is_same(const struct target *a, const struct target *b)
{
    return a->kind == b->kind && strcmp(a->address, b->address) == 0 && strcmp(a->account, b->account) == 0;
}

void queue_map(const struct queue *queue, struct target *target)
{
    for (uint32_t i = 0; i < queue->n_moves; i++)
        if (queue->moves[i].kind == target->kind && strcmp(queue->moves[i].from, target->address) == 0)
            memcpy(target->address, queue->moves[i].to, sizeof(target->address));
}

struct lane *queue_lane(struct queue *queue, const struct target *target)
{
    struct lane **place = &queue->lanes;
    for (; *place; place = &(*place)->next)
        if (is_same(&(*place)->target, target))
            return *place;
    struct lane *lane = calloc(1, sizeof(*lane));
    if (!lane)
        abort();
    lane->queue = queue;
    lane->target = *target;
    *place = lane;
    return lane;
}

/* By its number; nearly always at the end. */
static void insert(struct lane *lane, struct item *item)
{
    enum alert_class class = item->stored.class;
    struct item *before = lane->last[class];
    if (before && before->stored.sequence > item->stored.sequence) {
        before = NULL;
        for (struct item *at = lane->first[class]; at->stored.sequence < item->stored.sequence; at = at->next)
            before = at;
    }
    struct item **place = before ? &before->next : &lane->first[class];
    item->next = *place;
    *place = item;
    if (!item->next)
        lane->last[class] = item;
    lane->n_items++;
}

static void detach(struct lane *lane, struct item *item)
{
    enum alert_class class = item->stored.class;
    struct item *before = NULL;
    for (struct item *at = lane->first[class]; at && at != item; at = at->next)
        before = at;
    if (before)
        before->next = item->next;
    else
        lane->first[class] = item->next;
    if (lane->last[class] == item)
        lane->last[class] = before;
    lane->n_items--;
}

static void free_item(struct queue *queue, struct item *item)
{
    queue->counts.bytes -= item->memory ? 0 : item->stored.bytes;
    queue->memory_bytes -= item->memory ? item->stored.bytes : 0;
    free(item->memory);
    free(item);
}

void queue_retarget(struct lane *lane, const struct target *target)
{
    struct lane *other = lane->queue->lanes;
    while (other && !is_same(&other->target, target))
        other = other->next;
    if (!other || other == lane) {
        lane->target = *target;
        return;
    }
    for (uint32_t class = 0; class < N_ALERT_CLASSES; class ++)
        for (struct item *item; (item = lane->first[class]);) {
            detach(lane, item);
            insert(other, item);
        }
    while (lane->edits) {
        struct edit *edit = lane->edits;
        lane->edits = edit->next;
        edit->next = other->edits;
        other->edits = edit;
    }
    if (lane->n_folded && !other->n_folded)
        other->folded_unix_ns = lane->folded_unix_ns;
    other->n_folded += lane->n_folded;
    lane->n_folded = 0;
    queue_wake(lane->queue);
}

void queue_forget(struct lane *lane, struct item *item)
{
    if (!item->memory)
        outbox_remove(lane->queue->outbox, &item->stored);
    detach(lane, item);
    free_item(lane->queue, item);
}

/* ---- items ---- */

struct message *queue_load(struct queue *queue, const struct item *item)
{
    char *bytes = NULL;
    size_t n_bytes = 0;
    if (item->memory)
        return message_decode(item->memory, item->stored.bytes);
    if (outbox_read(queue->outbox, &item->stored, &bytes, &n_bytes) != 0)
        return NULL;
    struct message *message = message_decode(bytes, n_bytes);
    free(bytes);
    return message;
}

void queue_rewrite(struct queue *queue, struct item *item, const struct message *message)
{
    size_t n_bytes;
    char *bytes = message_encode(message, &n_bytes);
    if (item->memory) {
        queue->memory_bytes += n_bytes - item->stored.bytes;
        free(item->memory);
        item->memory = bytes;
        item->stored.bytes = n_bytes;
        return;
    }
    if (outbox_put(queue->outbox, &item->stored, bytes, n_bytes) == 0) {
        queue->counts.bytes += n_bytes - item->stored.bytes;
        item->stored.bytes = n_bytes;
    }
    free(bytes);
}

void queue_mark(struct queue *queue, struct item *item, bool is_sending)
{
    if (item->stored.is_sending == is_sending)
        return;
    if (item->memory || outbox_mark(queue->outbox, &item->stored, is_sending) == 0)
        item->stored.is_sending = is_sending;
    if (is_sending && !item->memory)
        outbox_sync(queue->outbox); /* the current may fail while the request is under way */
}

/* The oldest notices go, but for one that is being sent. False: there is none. */
static bool drop_info(struct queue *queue)
{
    struct item *oldest = NULL;
    struct lane *of = NULL;
    for (struct lane *lane = queue->lanes; lane; lane = lane->next)
        for (struct item *item = lane->first[ALERT_INFO]; item; item = item->next)
            if (item != lane->sending && (!oldest || item->stored.sequence < oldest->stored.sequence)) {
                oldest = item;
                of = lane;
            }
    if (!oldest)
        return false;
    struct message *message = queue_load(queue, oldest);
    if (message)
        queue->events.dropped(queue->events.context, message);
    message_destroy(message);
    queue_forget(of, oldest);
    return true;
}

static bool has_room(struct queue *queue, enum alert_class class, size_t n_bytes)
{
    uint64_t max = class <= ALERT_AMBIGUOUS ? 2 * queue->max_bytes : queue->max_bytes;
    while (queue->counts.bytes + n_bytes > max)
        if (!drop_info(queue))
            return false;
    return true;
}

static uint64_t fold(struct lane *lane)
{
    if (!lane->n_folded++)
        lane->folded_unix_ns = clock_ns(CLOCK_REALTIME);
    lane->queue->counts.folded++;
    return 0;
}

uint64_t queue_next_sequence(const struct queue *queue)
{
    return queue->sequence + 1;
}

uint64_t queue_put(struct queue *queue, const struct message *message, bool is_held, uint64_t max_bytes)
{
    static struct log_limit limit;
    struct lane *lane = queue_lane(queue, &message->target);
    size_t n_bytes;
    char *bytes = message_encode(message, &n_bytes);
    queue->max_bytes = max_bytes;
    struct item *item = calloc(1, sizeof(*item));
    if (!item)
        abort();
    *item = (struct item){
        .stored = {.class = message->alert.class, .sequence = ++queue->sequence, .bytes = n_bytes},
        .is_held = is_held,
        .raised_unix_ns = message->raised_unix_ns};
    int status = has_room(queue, message->alert.class, n_bytes)
                     ? outbox_put(queue->outbox, &item->stored, bytes, n_bytes)
                     : 1;
    if (status == 0) {
        queue->counts.bytes += n_bytes;
        free(bytes);
    } else if (status < 0 && queue->memory_bytes + n_bytes <= MEMORY_MAX_BYTES) {
        log_write_limited(&limit, 3600000, LOG_LEVEL_WARN,
                          "alerts cannot be written to disk and are kept in memory: %s",
                          strerrordesc_np(-status));
        queue->memory_bytes += n_bytes;
        item->memory = bytes;
    } else {
        free(bytes);
        free(item);
        return fold(lane);
    }
    insert(lane, item);
    bool is_urgent = item->stored.class <= ALERT_AMBIGUOUS && !lane->is_told_to_wait;
    if (is_urgent && lane->next_ms > loop_now_ms(queue->loop) + queue->times.backoff)
        lane->next_ms = loop_now_ms(queue->loop) + queue->times.backoff;
    return item->stored.sequence;
}

void queue_sync(struct queue *queue)
{
    outbox_sync(queue->outbox);
}

static struct item *find(struct queue *queue, uint64_t sequence, struct lane **ret_lane)
{
    for (struct lane *lane = queue->lanes; lane; lane = lane->next)
        for (uint32_t class = 0; class < N_ALERT_CLASSES; class ++)
            for (struct item *item = lane->first[class]; item; item = item->next)
                if (item->stored.sequence == sequence) {
                    *ret_lane = lane;
                    return item;
                }
    return NULL;
}

void queue_release(struct queue *queue, uint64_t sequence)
{
    struct lane *lane;
    struct item *item = find(queue, sequence, &lane);
    if (item)
        item->is_held = false;
    queue_wake(queue);
}

void queue_remove(struct queue *queue, uint64_t sequence)
{
    struct lane *lane;
    struct item *item = find(queue, sequence, &lane);
    if (item && item != lane->sending && !item->stored.is_sending)
        queue_forget(lane, item);
}

void queue_edit(struct queue *queue, const struct target *target, const char *problem)
{
    struct lane *lane = queue_lane(queue, target);
    struct edit **place = &lane->edits;
    for (; *place; place = &(*place)->next)
        if (strcmp((*place)->problem, problem) == 0)
            return;
    struct edit *edit = calloc(1, sizeof(*edit));
    if (!edit)
        abort();
    snprintf(edit->problem, sizeof(edit->problem), "%s", problem);
    *place = edit;
    queue_wake(queue);
}

void queue_wake(struct queue *queue)
{
    loop_timer_start(queue->timer, 0);
}

/* ---- time ---- */

static void expire(struct queue *queue)
{
    uint64_t now_ns = clock_ns(CLOCK_REALTIME), age_ns = queue->times.expire * 1000000;
    for (struct lane *lane = queue->lanes; lane; lane = lane->next)
        for (struct item *item = lane->first[ALERT_INFO], *next; item; item = next) {
            next = item->next;
            if (item == lane->sending || item->raised_unix_ns + age_ns > now_ns)
                continue;
            struct message *message = queue_load(queue, item);
            if (message)
                queue->events.dropped(queue->events.context, message);
            message_destroy(message);
            queue_forget(lane, item);
        }
}

/* Alerts that found no room are told of by number as soon as half of it is free. */
static void tell_folded(struct queue *queue)
{
    if (queue->counts.bytes > queue->max_bytes / 2 || queue->memory_bytes > MEMORY_MAX_BYTES / 2)
        return;
    for (struct lane *lane = queue->lanes; lane; lane = lane->next) {
        uint64_t n = lane->n_folded;
        lane->n_folded = 0;
        if (n)
            queue->events.folded(queue->events.context, &lane->target, n, lane->folded_unix_ns);
        lane->n_folded += lane->n_folded ? n - 1 : 0; /* that one found no room either */
    }
}

void queue_turn(void *context)
{
    struct queue *queue = context;
    uint64_t now_ms = loop_now_ms(queue->loop), next_ms = UINT64_MAX;
    if (now_ms >= queue->next_sweep_ms) {
        queue->next_sweep_ms = now_ms + queue->times.sweep;
        expire(queue);
        queue_state_save(queue);
    }
    tell_folded(queue);
    for (struct lane *lane = queue->lanes; lane; lane = lane->next) {
        uint64_t at_ms = queue_step(lane);
        next_ms = at_ms < next_ms ? at_ms : next_ms;
    }
    if (queue->next_sweep_ms < next_ms)
        next_ms = queue->next_sweep_ms;
    loop_timer_start(queue->timer, next_ms > now_ms ? next_ms - now_ms : 0);
}

void queue_turn_now(struct queue *queue)
{
    queue_turn(queue);
}

/* ---- life ---- */

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
        insert(queue_lane(queue, &message->target), item);
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
            free_item(lane->queue, item);
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
    while (lane && !is_same(&lane->target, target))
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

struct queue_counts queue_get_counts(const struct queue *queue)
{
    struct queue_counts counts = queue->counts;
    counts.waiting = counts.refused = 0;
    for (const struct lane *lane = queue->lanes; lane; lane = lane->next) {
        bool is_refused;
        counts.waiting += lane->n_items;
        if (is_blocked(lane, &is_refused) && is_refused)
            counts.refused += lane->n_items;
    }
    return counts;
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
