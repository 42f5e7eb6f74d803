/*
 * queue_send: attempts. The name of a message's file says that a request with it is under way, and stays so where nobody knows whether it
 * arrived: the next attempt, of this exporter or another, then says that it may be a repetition.
 */
#include "outputs/alerts/queue_priv.h"

#include "base/clock.h"
#include "base/log.h"
#include "outputs/alerts/compose.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NEVER UINT64_MAX

static uint64_t next_random(struct queue *queue)
{
    queue->random ^= queue->random << 13;
    queue->random ^= queue->random >> 7;
    queue->random ^= queue->random << 17;
    return queue->random;
}

/* ---- after an attempt ---- */

/* As the server says, else 1, 2, 4 … with a fifth more or less. */
static void wait_before_next(struct lane *lane, const struct sent *sent)
{
    struct queue *queue = lane->queue;
    uint64_t now_ms = loop_now_ms(queue->loop), delay_ms = sent->retry_ms;
    lane->is_told_to_wait = sent->retry_ms > 0;
    if (!lane->is_told_to_wait) {
        uint32_t shift = lane->attempts < 20 ? lane->attempts++ : 20;
        delay_ms = queue->times.backoff << shift;
        if (delay_ms > queue->times.max_backoff)
            delay_ms = queue->times.max_backoff;
        delay_ms = delay_ms - delay_ms / 5 + next_random(queue) % (2 * delay_ms / 5 + 1);
    }
    lane->next_ms = now_ms + delay_ms;
    queue->counts.retries++;
}

/* Kept, also for settings that still name the old address. */
static void move_to(struct lane *lane, const char *address)
{
    struct queue *queue = lane->queue;
    struct target target = lane->target;
    struct move *move =
        queue->n_moves < MAX_MOVES ? &queue->moves[queue->n_moves++] : &queue->moves[MAX_MOVES - 1];
    *move = (struct move){.kind = target.kind};
    memcpy(move->from, target.address, sizeof(move->from));
    memcpy(move->to, address, sizeof(move->to));
    log_write(LOG_LEVEL_WARN, "alerts: %s chat %s is now %s: please change it in the settings",
              target.kind->name, move->from, move->to);
    memcpy(target.address, move->to, sizeof(target.address));
    lane->next_ms = 0;
    queue_state_save(queue);
    queue_retarget(lane, &target);
}

static void say_dead(struct lane *lane, const struct sent *sent)
{
    lane->dead_until_ns = clock_ns(CLOCK_REALTIME) + lane->queue->times.dead * 1000000;
    if (!lane->is_dead_said)
        log_write(LOG_LEVEL_ERROR,
                  "alerts: %s chat %s takes nothing: %s; what is for it is kept, and tried once an hour",
                  lane->target.kind->name, lane->target.address, sent->problem);
    lane->is_dead_said = true;
    queue_state_save(lane->queue);
}

static void say_refused(struct lane *lane, const struct sent *sent)
{
    struct queue *queue = lane->queue;
    if (senders_refuse(queue->senders, lane->target.account, loop_now_ms(queue->loop) + queue->times.dead))
        log_write(LOG_LEVEL_ERROR,
                  "alerts: %s refuses all messages: %s; they are kept, and tried once an hour",
                  lane->target.kind->name, sent->problem);
}

static void say_alive(struct lane *lane)
{
    bool was_refused = senders_accept(lane->queue->senders, lane->target.account);
    if (lane->is_dead_said || was_refused)
        log_write(LOG_LEVEL_INFO, "alerts: %s chat %s takes messages again", lane->target.kind->name,
                  lane->target.address);
    lane->is_dead_said = lane->is_told_to_wait = false;
    lane->dead_until_ns = lane->next_ms = lane->attempts = 0;
}

static void note_problem(struct lane *lane, const struct sent *sent)
{
    static struct log_limit limit;
    struct queue_counts *counts = &lane->queue->counts;
    memcpy(counts->last_error, sent->problem, sizeof(counts->last_error));
    counts->last_error[sizeof(counts->last_error) - 1] = 0;
    if (sent->outcome == SENT_RETRY || sent->outcome == SENT_BAD)
        log_write_limited(&limit, 60000, LOG_LEVEL_WARN, "alerts: %s chat %s: %s", lane->target.kind->name,
                          lane->target.address, sent->problem);
}

/* What both messages and edits learn from an answer about their target. */
static void learn(struct lane *lane, const struct sent *sent)
{
    if (sent->outcome == SENT || sent->outcome == SENT_PART)
        say_alive(lane);
    else
        note_problem(lane, sent);
    if (sent->outcome == SENT_RETRY)
        wait_before_next(lane, sent);
    if (sent->outcome == SENT_DEAD)
        say_dead(lane, sent);
    if (sent->outcome == SENT_REFUSED)
        say_refused(lane, sent);
    if (sent->address[0] && strcmp(sent->address, lane->target.address) != 0)
        move_to(lane, sent->address);
}

static void finish_message(struct lane *lane, struct item *item, struct message *message,
                           const struct sent *sent)
{
    struct queue *queue = lane->queue;
    switch (sent->outcome) {
    case SENT:
    case SENT_BAD: /* in the history first: a kill right here must not have it sent again */
        queue->events.done(queue->events.context, message, item->stored.sequence, sent);
        queue_forget(lane, item);
        return;
    case SENT_PART:
        message->n_parts_sent = sent->n_parts_sent;
        if (sent->message_id[0])
            memcpy(message->message_id, sent->message_id, sizeof(message->message_id));
        item->may_repeat = false;
        queue_rewrite(queue, item, message);
        queue_mark(queue, item, false);
        return;
    default:
        item->may_repeat |= sent->is_unsure;
        if (!item->may_repeat)
            queue_mark(queue, item, false);
        if (sent->outcome != SENT_RETRY)
            queue->events.blocked(queue->events.context, message);
    }
}

static void message_done(void *context, const struct sent *sent)
{
    struct lane *lane = context;
    struct item *item = lane->sending;
    struct message *message = lane->message;
    lane->call = NULL;
    lane->sending = NULL;
    lane->message = NULL;
    finish_message(lane, item, message, sent);
    message_destroy(message);
    learn(lane, sent);
    queue_wake(lane->queue);
}

static void edit_done(void *context, const struct sent *sent)
{
    struct lane *lane = context;
    struct edit *edit = lane->editing;
    struct queue *queue = lane->queue;
    lane->call = NULL;
    lane->editing = NULL;
    message_destroy(lane->message);
    lane->message = NULL;
    bool again = sent->outcome == SENT_RETRY;
    if (!again)
        queue->events.edited(queue->events.context, edit->problem, &lane->target, sent);
    else
        queue_edit(queue, &lane->target, edit->problem);
    free(edit);
    learn(lane, sent);
    queue_wake(queue);
}

/* ---- an attempt ---- */

/* What one that is late, or was under way before, says of itself: at the end, so that parts that were sent stay as they are. */
static void add_marks(struct lane *lane, const struct item *item, struct message *message)
{
    uint64_t now_ns = clock_ns(CLOCK_REALTIME);
    uint64_t age_ns = now_ns > message->raised_unix_ns ? now_ns - message->raised_unix_ns : 0;
    if (!message->n_parts_sent)
        lane->queue->events.sending(lane->queue->events.context, message);
    if (!message->n_parts_sent && age_ns > lane->queue->times.late * 1000000) {
        message->alert.is_late = true;
        compose_late(&message->text, message->language, age_ns);
    }
    if (item->may_repeat) {
        message->alert.is_repetition = true;
        compose_repetition(&message->text, message->language);
    }
}

static void send_message(struct lane *lane, const struct settings *settings, struct item *item)
{
    struct queue *queue = lane->queue;
    struct message *message = queue_load(queue, item);
    if (!message) { /* somebody removed it */
        queue_forget(lane, item);
        queue_wake(queue);
        return;
    }
    add_marks(lane, item, message);
    queue_mark(queue, item, true);
    const char *file = message->alert.file;
    struct outgoing outgoing = {.text = &message->text,
                                .alert = &message->alert,
                                .document = file && access(file, R_OK) == 0 ? file : NULL,
                                .is_silent = message->alert.is_silent,
                                .replies_to = message->replies_to[0] ? message->replies_to : NULL,
                                .n_parts_sent = message->n_parts_sent};
    lane->sending = item;
    lane->message = message;
    lane->call =
        lane->target.kind->send(queue->client, settings, &lane->target, &outgoing, message_done, lane);
}

static void send_edit(struct lane *lane, const struct settings *settings)
{
    struct queue *queue = lane->queue;
    struct edit *edit = lane->edits;
    lane->edits = edit->next;
    lane->message = message_create();
    if (!queue->events.edit(queue->events.context, edit->problem, &lane->target, &lane->message->text,
                            lane->message->message_id)) {
        message_destroy(lane->message);
        lane->message = NULL;
        free(edit);
        queue_wake(queue);
        return;
    }
    struct outgoing outgoing = {
        .text = &lane->message->text, .is_silent = true, .edits = lane->message->message_id};
    lane->editing = edit;
    lane->call = lane->target.kind->send(queue->client, settings, &lane->target, &outgoing, edit_done, lane);
}

/* A held one is waited for: it takes no more than a moment, and nobody behind it goes first. */
static struct item *first_item(const struct lane *lane)
{
    for (uint32_t class = 0; class < N_ALERT_CLASSES; class ++)
        if (lane->first[class])
            return lane->first[class]->is_held ? NULL : lane->first[class];
    return NULL;
}

/* Another account has the chat now; also under the address that it had when somebody wrote the settings. */
static bool rehome(struct lane *lane)
{
    struct queue *queue = lane->queue;
    struct target target = lane->target;
    bool is_found = senders_rehome(queue->senders, &target);
    for (uint32_t i = 0; i < queue->n_moves && !is_found; i++)
        if (strcmp(queue->moves[i].to, lane->target.address) == 0) {
            memcpy(target.address, queue->moves[i].from, sizeof(target.address));
            is_found = senders_rehome(queue->senders, &target);
        }
    if (!is_found)
        return false;
    memcpy(target.address, lane->target.address, sizeof(target.address));
    lane->dead_until_ns = lane->next_ms = 0;
    queue_retarget(lane, &target);
    return true;
}

uint64_t queue_step(struct lane *lane)
{
    struct queue *queue = lane->queue;
    uint64_t now_ms = loop_now_ms(queue->loop);
    bool is_refused;
    if (lane->call || (!lane->n_items && !lane->edits))
        return NEVER;
    const struct settings *settings = senders_find(queue->senders, &lane->target, &is_refused);
    uint64_t refused_ms = senders_refused_until(queue->senders, lane->target.account);
    if (!settings || refused_ms > now_ms)
        return rehome(lane) ? now_ms : settings ? refused_ms : NEVER;
    if (lane->dead_until_ns) {
        uint64_t now_ns = clock_ns(CLOCK_REALTIME), dead_ns = queue->times.dead * 1000000;
        uint64_t until_ns = lane->dead_until_ns < now_ns + dead_ns ? lane->dead_until_ns : now_ns + dead_ns;
        if (until_ns > now_ns)
            return now_ms + (until_ns - now_ns) / 1000000 + 1;
    }
    if (now_ms < lane->next_ms)
        return lane->next_ms;
    uint64_t wait_ms = lane->target.kind->wait_ms(&lane->target, now_ms);
    if (wait_ms)
        return now_ms + wait_ms;
    struct item *item = first_item(lane);
    if (item)
        send_message(lane, settings, item);
    else if (!lane->n_items)
        send_edit(lane, settings);
    return NEVER; /* what comes of it wakes the queue */
}

void queue_cancel(struct lane *lane)
{
    if (lane->call)
        lane->target.kind->cancel(lane->call);
    message_destroy(lane->message);
    free(lane->editing);
    lane->call = NULL;
    lane->message = NULL;
    lane->editing = NULL;
}
