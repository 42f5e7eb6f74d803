/* queue: see queue.h. Lanes, what is in them, and what time does to it. */
#include "outputs/alerts/queue_priv.h"

#include "base/clock.h"
#include "base/log.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- lanes ---- */

bool queue_is_same(const struct target *a, const struct target *b)
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
        if (queue_is_same(&(*place)->target, target))
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
void queue_insert(struct lane *lane, struct item *item)
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

void queue_free_item(struct queue *queue, struct item *item)
{
    queue->counts.bytes -= item->memory ? 0 : item->stored.bytes;
    queue->memory_bytes -= item->memory ? item->stored.bytes : 0;
    free(item->memory);
    free(item);
}

void queue_retarget(struct lane *lane, const struct target *target)
{
    struct lane *other = lane->queue->lanes;
    while (other && !queue_is_same(&other->target, target))
        other = other->next;
    if (!other || other == lane) {
        lane->target = *target;
        return;
    }
    for (uint32_t class = 0; class < N_ALERT_CLASSES; class ++)
        for (struct item *item; (item = lane->first[class]);) {
            detach(lane, item);
            queue_insert(other, item);
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
    queue_free_item(lane->queue, item);
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
    queue_insert(lane, item);
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
