/* sequence: calls of a context that belong together: pipelines, transactions, subscriptions. */
#include "world.h"
#include <stdio.h>
#include <string.h>

/* What the reader has already: how much that is depends on the network, so all is taken before it is told. */
static void get_read(struct world *w, struct sync *sync)
{
    int is_flushed = 0;
    while (!sync->c->err && !is_flushed)
        if (redisBufferWrite(sync->c, &is_flushed) != REDIS_OK)
            break;
    while (sync->n_pending && !sync->c->err) {
        void *reply = NULL;
        if (redisGetReplyFromReader(sync->c, &reply) != REDIS_OK)
            break;
        if (reply) {
            say(&w->base, "read: ");
            sync_take_reply(w, sync, reply);
        } else if (redisBufferRead(sync->c) != REDIS_OK) {
            break;
        }
    }
    if (sync->n_pending)
        sync_resolve_all(w, sync, sync->c->err ? "ANY" : "ERROR");
}

static void pipeline(struct world *w, struct sync *sync)
{
    uint32_t n = 1 + roll(&w->base, one_in(&w->base, 8) ? 60 : 8);
    for (uint32_t i = 0; i < n && sync->n_pending < MAX_PENDING - 2; i++)
        sync_append(w, sync);
    uint32_t n_taken = roll(&w->base, n + 1);
    for (uint32_t i = 0; i < n_taken && sync->n_pending; i++)
        sync_get(w, sync);
}

static void multi(struct world *w, struct sync *sync)
{
    while (sync->n_pending && !sync->c->err)
        sync_get(w, sync);
    sync_call_words(w, sync, "MULTI");
    for (uint32_t i = roll(&w->base, 4); i; i--)
        one_in(&w->base, 3) ? sync_append(w, sync) : sync_call(w, sync);
    while (sync->n_pending && !sync->c->err)
        sync_get(w, sync);
    sync_call_words(w, sync, one_in(&w->base, 4) ? "DISCARD" : "EXEC");
}

static void select_database(struct world *w, struct sync *sync)
{
    static const char *const texts[] = {"SELECT 0",  "SELECT 1", "SELECT 2",
                                        "SELECT 99", "select 1", "SELECT"};
    sync_call_words(w, sync, texts[roll(&w->base, 6)]);
}

static void refused_format(struct world *w, struct sync *sync)
{
    redisReply *reply = redisCommand(sync->c, "SET bad %y", "value");
    say(&w->base, "bad format: %s", reply ? "a reply" : "none");
    sync_say_error(w, sync);
    if (reply)
        freeReplyObject(reply);
    expect_span(&w->base, "ANY", "SET bad");
}

/* The server says goodbye; what comes after fails. */
static void quit(struct world *w, struct sync *sync)
{
    while (sync->n_pending && !sync->c->err)
        sync_get(w, sync);
    sync_call_words(w, sync, "QUIT");
    sync->has_quit = true;
    if (!sync->c->err) {
        sync_append_pending(sync, "PING");
        redisReply *reply = redisCommand(sync->c, "PING");
        say(&w->base, "after quit: %s %s\n", reply ? "a reply" : "none", sync->c->err ? "failed" : "fine");
        sync_resolve_all(w, sync, "ERROR");
        if (reply)
            freeReplyObject(reply);
    }
}

static void subscribe(struct world *w, struct sync *sync, struct sync *other)
{
    char text[64], channel[32];
    snprintf(channel, sizeof(channel), "w%d:news", w->base.number);
    while (sync->n_pending && !sync->c->err)
        sync_get(w, sync);
    while (other->c && other->n_pending && !other->c->err)
        sync_get(w, other);
    if (sync->c->err || !other->c || other->c->err || other == sync)
        return;
    snprintf(text, sizeof(text), "SUBSCRIBE %s", channel);
    sync_call_words(w, sync, text);
    uint32_t n = roll(&w->base, 3);
    for (uint32_t i = 0; i < n; i++) {
        snprintf(text, sizeof(text), "PUBLISH %s %u", channel, i);
        redisReply *reply = redisCommand(other->c, text);
        reply_say(&w->base, reply);
        say(&w->base, " published\n");
        snprintf(text, sizeof(text), "PUBLISH %s", channel);
        expect_span(&w->base, failed_if(reply_is_error(reply)), text);
        freeReplyObject(reply);
        void *message = NULL;
        int result = redisGetReply(sync->c, &message);
        say(&w->base, "message %d ", result);
        reply_say(&w->base, message);
        say(&w->base, "\n");
        if (message)
            freeReplyObject(message);
    }
    snprintf(text, sizeof(text), "UNSUBSCRIBE %s", channel);
    sync_call_words(w, sync, text);
}

void sequence_step(struct world *w)
{
    struct sync *sync = &w->syncs[roll(&w->base, N_SYNC)];
    if (!sync->c) {
        sync_connect(w, sync);
        return;
    }
    if (sync->c->err) { /* one more try, then a new life */
        uint32_t way = roll(&w->base, 4);
        way == 0   ? sync_call(w, sync)
        : way == 1 ? pipeline(w, sync)
        : way == 2 ? sync_reconnect(w, sync)
                   : sync_free(w, sync);
        return;
    }
    switch (roll(&w->base, 16)) {
    case 0:
    case 1:
        pipeline(w, sync);
        break;
    case 2:
        get_read(w, sync);
        break;
    case 3:
        multi(w, sync);
        break;
    case 4:
        select_database(w, sync);
        break;
    case 5:
        refused_format(w, sync);
        break;
    case 6:
        sync_reconnect(w, sync);
        break;
    case 7:
        sync_free(w, sync);
        break;
    case 8:
        one_in(&w->base, 3) ? quit(w, sync) : sync_call(w, sync);
        break;
    case 9:
        subscribe(w, sync, &w->syncs[roll(&w->base, N_SYNC)]);
        break;
    case 10:
        if (sync->n_pending)
            sync_get(w, sync);
        break;
    default:
        if (sync->n_pending < MAX_PENDING - 2)
            sync_call(w, sync);
    }
}
