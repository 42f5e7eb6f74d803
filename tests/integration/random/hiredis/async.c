/* async: asynchronous contexts: commands whose callbacks send more, disconnect or free. */
#include "world.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void send_async(struct world *w, struct async *async, bool is_inside);

/* What a callback does besides. */
static void act(struct world *w, struct async *async, uint32_t action)
{
    if (async->is_ending)
        return;
    if (action < 3) {
        send_async(w, async, true);
    } else if (action == 3) {
        say(&w->base, "disconnect inside\n");
        async->is_ending = true;
        redisAsyncDisconnect(async->ac);
    } else if (action == 4) {
        say(&w->base, "free inside\n");
        async->is_ending = true;
        redisAsyncFree(async->ac);
    }
}

static void forget_sent(struct async *async, const struct sent *sent)
{
    int i = 0;
    while (async->pending[i] != sent)
        i++;
    memmove(&async->pending[i], &async->pending[i + 1], (size_t)(--async->n_pending - i) * sizeof(sent));
}

static void called_back(redisAsyncContext *ac, void *answer, void *data)
{
    struct sent *sent = data;
    struct world *w = sent->w;
    redisReply *reply = answer;
    say(&w->base, "callback %s: ", sent->tag);
    reply_say(&w->base, reply);
    say(&w->base, " err %d '%s'\n", ac->err, ac->errstr);
    expect_span(&w->base, reply ? reply_outcome(sent->tag, reply) : failed_if(ac->err != 0), sent->tag);
    forget_sent(sent->async, sent);
    w->is_done = !sent->async->n_pending;
    act(w, sent->async, sent->action);
    w->is_done = !sent->async->n_pending;
    free(sent);
}

/* A last act: the compiler jumps, and the call has the library's return address. */
static void calls_as_last_act(redisAsyncContext *ac, void *answer, void *data)
{
    struct sent *sent = data;
    struct world *w = sent->w;
    struct async *async = sent->async;
    called_back(ac, answer, data);
    if (!async->is_ending && one_in(&w->base, 2))
        send_async(w, async, true);
}

static int send_with(struct base *base, redisAsyncContext *ac, redisCallbackFn *function, void *data,
                     const struct command *command)
{
    size_t lengths[8];
    const char *words[8];
    command_lengths(command, lengths);
    memcpy(words, command->words, sizeof(words));
    if (one_in(base, 3))
        return redisAsyncCommandArgv(ac, function, data, command->n_words, words, lengths);
    if (one_in(base, 3)) {
        char *text = NULL;
        int bytes = redisFormatCommand(&text, command_format(command), WORDS(*command));
        int result = redisAsyncFormattedCommand(ac, function, data, text, (size_t)bytes);
        redisFreeCommand(text);
        return result;
    }
    return redisAsyncCommand(ac, function, data, command_format(command), WORDS(*command));
}

static void send_async(struct world *w, struct async *async, bool is_inside)
{
    struct command command = {0};
    command_choose(w, &command);
    bool is_silent = one_in(&w->base, 5);
    struct sent *sent = calloc(1, sizeof(*sent));
    sent->w = w;
    sent->async = async;
    sent->action = is_inside ? 10 + roll(&w->base, 4) : roll(&w->base, 20);
    snprintf(sent->tag, sizeof(sent->tag), "%s", command.tag);
    redisCallbackFn *function = is_silent ? NULL : one_in(&w->base, 4) ? calls_as_last_act : called_back;
    int result = send_with(&w->base, async->ac, function, sent, &command);
    say(&w->base, "send %s%s: %d\n", command.tag, is_silent ? " silently" : "", result);
    if (result != REDIS_OK)
        expect_span(&w->base, "MAYBE", command.tag);
    else if (is_silent)
        expect_span(&w->base, "UNSET", command.tag);
    else
        async->pending[async->n_pending++] = sent;
    if (result != REDIS_OK || is_silent)
        free(sent);
}

static void told_connected(const redisAsyncContext *ac, int status)
{
    struct async *async = ac->data;
    if (status != REDIS_OK) /* hiredis frees it now */
        async->is_ending = true;
}

static void told_disconnected(const redisAsyncContext *ac, int status)
{
    (void)status;
    struct async *async = ac->data;
    async->is_ending = true;
}

static void connect_async(struct world *w, struct async *async)
{
    uint32_t way = roll(&w->base, 5);
    redisAsyncContext *ac = way == 0   ? redisAsyncConnect("127.0.0.1", server_port())
                            : way == 1 ? redisAsyncConnectUnix(server_socket_path())
                            : way == 2 ? redisAsyncConnectBind("127.0.0.1", server_port(), "127.0.0.1")
                            : way == 3 ? redisAsyncConnect("127.0.0.1", 1)
                                       : redisAsyncConnectUnix("/nonexistent/redis.sock");
    say(&w->base, "async connect %u: %d '%s'\n", way, ac ? ac->err : -1, ac ? ac->errstr : "");
    expect_span(&w->base, failed_if(!ac || ac->err), "redis connect");
    if (ac && ac->err) {
        redisAsyncFree(ac);
        return;
    }
    *async = (struct async){.ac = ac};
    ac->data = async;
    loop_attach(&async->loop, ac);
    redisAsyncSetConnectCallback(ac, told_connected);
    redisAsyncSetDisconnectCallback(ac, told_disconnected);
    async->loop.wants_write = true;
}

/* Until all is answered, or the context is gone. */
static void drive(struct world *w, struct async *async)
{
    w->is_done = !async->n_pending && !async->is_ending;
    loop_run(&async->loop, async->ac, &w->is_done, true);
    if (async->loop.is_over) {
        say(&w->base, "gone with %d\n", async->n_pending);
        async->ac = NULL;
    }
}

void async_end(struct world *w, struct async *async, bool is_free)
{
    say(&w->base, "%s with %d\n", is_free ? "free" : "disconnect", async->n_pending);
    async->is_ending = true;
    if (is_free)
        redisAsyncFree(async->ac);
    else
        redisAsyncDisconnect(async->ac);
    if (!is_free && !async->loop.is_over)
        drive(w, async);
    async->ac = NULL;
}

static void took_message(redisAsyncContext *ac, void *answer, void *data)
{
    (void)ac;
    struct world *w = data;
    if (answer) {
        say(&w->base, "message ");
        reply_say(&w->base, answer);
        say(&w->base, "\n");
    }
    w->is_done = --w->n_wanted <= 0;
}

/* A context of its own, that is freed while it is subscribed. */
static void subscribe_async(struct world *w)
{
    struct async own = {0};
    char channel[32];
    snprintf(channel, sizeof(channel), "w%d:more", w->base.number);
    own.ac = redisAsyncConnect("127.0.0.1", server_port());
    expect_span(&w->base, failed_if(!own.ac || own.ac->err), "redis connect");
    loop_attach(&own.loop, own.ac);
    redisContext *c = redisConnect("127.0.0.1", server_port());
    expect_span(&w->base, failed_if(!c || c->err), "redis connect");
    w->n_wanted = 1;
    w->is_done = false;
    redisAsyncCommand(own.ac, took_message, w, "SUBSCRIBE %s", channel);
    char tag[64];
    snprintf(tag, sizeof(tag), "SUBSCRIBE %s", channel);
    expect_span(&w->base, "UNSET", tag);
    loop_run(&own.loop, own.ac, &w->is_done, true);
    int n = (int)roll(&w->base, 4);
    for (int i = 0; i < n; i++) {
        freeReplyObject(redisCommand(c, "PUBLISH %s %d", channel, i));
        snprintf(tag, sizeof(tag), "PUBLISH %s", channel);
        expect_span(&w->base, "UNSET", tag);
    }
    w->n_wanted = n;
    w->is_done = !n;
    loop_run(&own.loop, own.ac, &w->is_done, true);
    redisFree(c);
    redisAsyncFree(own.ac);
    say(&w->base, "subscriber is gone\n");
}

void async_step(struct world *w)
{
    struct async *async = &w->asyncs[roll(&w->base, N_ASYNC)];
    if (!async->ac) {
        connect_async(w, async);
        return;
    }
    switch (roll(&w->base, 12)) {
    case 0:
        async_end(w, async, true);
        break;
    case 1:
        async_end(w, async, false);
        break;
    case 2:
        subscribe_async(w);
        break;
    case 3:
    case 4:
    case 5:
        drive(w, async);
        break;
    default:
        for (uint32_t i = 1 + roll(&w->base, 6); i; i--)
            send_async(w, async, false);
    }
}
