/*
 * dedup_redis: see dedup_redis.h. One connection per URL, made when it is first needed. After a failure, or an answer that did not come in
 * time, nobody is asked for fifty times as long (5 s): a storm must not wait 100 ms for each of its alerts.
 */
#include "outputs/alerts/dedup_redis_priv.h"

#include "base/log.h"
#include <arpa/inet.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "error_reported:"
#define RESTS 50u
#define IDLE_MS 60000u

struct link {
    struct link *next;
    struct dedup_redis *redis;
    char *url;
    struct redis_place place;
    redisAsyncContext *context; /* NULL: not connected */
    struct redis_events events;
    struct loop_lookup *lookup;
    struct loop_timer *idle;
    uint64_t rest_until_ms;
    struct log_limit limit;
};

/* The two commands of a question; freed with the second one's answer. */
struct dedup_ask {
    struct dedup_ask *next;
    struct link *link;
    char fingerprint[65];
    uint64_t window_ms;
    dedup_answered_fn answered; /* NULL: it was answered */
    void *context;
    struct loop_timer *timer;
    bool is_sent, is_forget, was_seen;
};

struct dedup_redis {
    struct loop *loop;
    uint64_t limit_ms;
    struct link *links;
    struct dedup_ask *asks;
};

/* ---- asks ---- */

static void free_ask(struct dedup_ask *ask)
{
    struct dedup_ask **place = &ask->link->redis->asks;
    while (*place != ask)
        place = &(*place)->next;
    *place = ask->next;
    loop_timer_destroy(ask->timer);
    free(ask);
}

static void answer(struct dedup_ask *ask, enum dedup_answer as, uint64_t left_ms)
{
    dedup_answered_fn answered = ask->answered;
    ask->answered = NULL;
    if (ask->timer)
        loop_timer_stop(ask->timer);
    if (answered)
        answered(ask->context, as, left_ms);
}

static void rest(struct link *link, const char *why)
{
    link->rest_until_ms = loop_now_ms(link->redis->loop) + RESTS * link->redis->limit_ms;
    if (link->redis->limit_ms)
        log_write_limited(&link->limit, 600000, LOG_LEVEL_WARN,
                          "alerts: Redis %s: %s; alerts are de-duplicated on this machine only",
                          link->place.host, why);
}

/* All that were not sent yet: there is no connection. */
static void fail_unsent(struct link *link)
{
    for (struct dedup_ask *ask = link->redis->asks, *next; ask; ask = next) {
        next = ask->next;
        if (ask->link != link || ask->is_sent)
            continue;
        answer(ask, DEDUP_UNKNOWN, 0);
        free_ask(ask);
    }
}

static void note_error(struct link *link, const redisReply *reply)
{
    if (reply && reply->type == REDIS_REPLY_ERROR)
        rest(link, reply->str);
}

static void set_replied(redisAsyncContext *context, void *reply_, void *ask_)
{
    const redisReply *reply = reply_;
    struct dedup_ask *ask = ask_;
    note_error(ask->link, reply);
    if (!reply && ask->answered)
        rest(ask->link, context->errstr && context->errstr[0] ? context->errstr : "connection lost");
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        answer(ask, DEDUP_UNKNOWN, 0);
    else if (reply->type == REDIS_REPLY_NIL)
        ask->was_seen = true; /* how long yet says the next one */
    else
        answer(ask, DEDUP_FIRST, 0);
}

static void pttl_replied(redisAsyncContext *context, void *reply_, void *ask_)
{
    const redisReply *reply = reply_;
    struct dedup_ask *ask = ask_;
    (void)context;
    bool has_left = reply && reply->type == REDIS_REPLY_INTEGER && reply->integer > 0;
    if (ask->was_seen)
        answer(ask, DEDUP_SEEN, has_left ? (uint64_t)reply->integer : 0);
    answer(ask, DEDUP_UNKNOWN, 0); /* where the first had none */
    free_ask(ask);
}

static void forget_replied(redisAsyncContext *context, void *reply, void *ask)
{
    (void)context;
    note_error(((struct dedup_ask *)ask)->link, reply);
    free_ask(ask);
}

static void send_ask(struct dedup_ask *ask)
{
    redisAsyncContext *context = ask->link->context;
    char key[sizeof(PREFIX) + sizeof(ask->fingerprint)];
    snprintf(key, sizeof(key), PREFIX "%s", ask->fingerprint);
    ask->is_sent = true;
    if (ask->is_forget) {
        if (redisAsyncCommand(context, forget_replied, ask, "DEL %s", key) != REDIS_OK)
            free_ask(ask);
        return;
    }
    long long window_s = (long long)((ask->window_ms + 999) / 1000);
    if (redisAsyncCommand(context, set_replied, ask, "SET %s 1 NX EX %lld", key, window_s) == REDIS_OK) {
        redisAsyncCommand(context, pttl_replied, ask, "PTTL %s", key);
        return;
    }
    answer(ask, DEDUP_UNKNOWN, 0); /* the connection is just being closed */
    free_ask(ask);
}

/* ---- connections ---- */

static void close_link(struct link *link)
{
    redisAsyncContext *context = link->context;
    link->context = NULL;
    loop_lookup_cancel(link->lookup);
    link->lookup = NULL;
    if (context)
        redisAsyncFree(context); /* every command under way is answered with nothing */
    fail_unsent(link);
}

static void ignore_reply(redisAsyncContext *context, void *reply, void *link)
{
    (void)context;
    note_error(link, reply);
}

static void connected(const redisAsyncContext *context, int status)
{
    if (status != REDIS_OK)
        rest(context->data, context->errstr);
}

static void log_in(struct link *link)
{
    const struct redis_place *place = &link->place;
    if (place->password[0] && place->user[0])
        redisAsyncCommand(link->context, ignore_reply, link, "AUTH %s %s", place->user, place->password);
    else if (place->password[0])
        redisAsyncCommand(link->context, ignore_reply, link, "AUTH %s", place->password);
    if (place->db)
        redisAsyncCommand(link->context, ignore_reply, link, "SELECT %d", place->db);
}

static void send_all(struct link *link)
{
    for (struct dedup_ask *ask = link->redis->asks, *next; ask; ask = next) {
        next = ask->next;
        if (ask->link == link && !ask->is_sent)
            send_ask(ask);
    }
}

/* `address`: of the host, in digits. */
static void connect_to(void *context, const char *address)
{
    struct link *link = context;
    link->lookup = NULL;
    redisAsyncContext *redis = !link->place.port ? redisAsyncConnectUnix(link->place.host)
                               : address         ? redisAsyncConnect(address, link->place.port)
                                                 : NULL;
    if (!redis || redis->err) {
        rest(link, redis ? redis->errstr : "no such host");
        if (redis)
            redisAsyncFree(redis);
        fail_unsent(link);
        return;
    }
    link->context = redis;
    redis->data = link;
    redis_events_attach(&link->events, link->redis->loop, &link->context);
    redisAsyncSetConnectCallback(redis, connected);
    log_in(link);
    send_all(link);
}

static void open_link(struct link *link)
{
    struct in6_addr address;
    const char *host = link->place.host;
    bool is_number = inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
    if (!link->place.port || is_number) {
        connect_to(link, host);
        return;
    }
    if (link->lookup)
        return;
    link->lookup = loop_lookup_start(link->redis->loop, host, connect_to, link);
    if (!link->lookup)
        connect_to(link, NULL);
}

static void idle_too_long(void *context)
{
    struct link *link = context;
    for (struct dedup_ask *ask = link->redis->asks; ask; ask = ask->next)
        if (ask->link == link)
            return;
    close_link(link);
}

static struct link *link_of(struct dedup_redis *redis, const char *url)
{
    for (struct link *link = redis->links; link; link = link->next)
        if (strcmp(link->url, url) == 0)
            return link;
    struct link *link = calloc(1, sizeof(*link));
    if (!link || !(link->url = strdup(url)))
        abort();
    link->redis = redis;
    link->next = redis->links;
    link->idle = loop_timer_create(redis->loop, idle_too_long, link);
    if (!dedup_redis_parse(url, &link->place)) {
        link->rest_until_ms = UINT64_MAX;
        log_write(LOG_LEVEL_WARN,
                  "alerts: OTELSHIM_REDIS_URL: redis://[:password@]host[:port][/db] is allowed; alerts are "
                  "de-duplicated on this machine only");
    }
    redis->links = link;
    return link;
}

/* ---- what others call ---- */

static void too_late(void *context)
{
    struct dedup_ask *ask = context;
    struct link *link = ask->link;
    rest(link, "no answer in time");
    answer(ask, DEDUP_UNKNOWN, 0);
    close_link(link); /* frees the ask */
}

static void start_ask(struct link *link, struct dedup_ask *ask)
{
    struct dedup_redis *redis = link->redis;
    ask->link = link;
    ask->next = redis->asks;
    redis->asks = ask;
    ask->timer = loop_timer_create(redis->loop, too_late, ask);
    loop_timer_start(ask->timer, redis->limit_ms);
    loop_timer_start(link->idle, IDLE_MS);
    if (link->context)
        send_ask(ask);
    else
        open_link(link);
}

void dedup_redis_ask(struct dedup_redis *redis, const char *url, const char *fingerprint, uint64_t window_ms,
                     dedup_answered_fn answered, void *context)
{
    struct link *link = link_of(redis, url);
    if (!window_ms || loop_now_ms(redis->loop) < link->rest_until_ms) {
        answered(context, DEDUP_UNKNOWN, 0);
        return;
    }
    struct dedup_ask *ask = calloc(1, sizeof(*ask));
    if (!ask)
        abort();
    snprintf(ask->fingerprint, sizeof(ask->fingerprint), "%s", fingerprint);
    ask->window_ms = window_ms;
    ask->answered = answered;
    ask->context = context;
    start_ask(link, ask);
}

void dedup_redis_cancel(struct dedup_redis *redis, void *context)
{
    for (struct dedup_ask *ask = redis->asks; ask; ask = ask->next)
        if (ask->context == context)
            ask->answered = NULL;
}

void dedup_redis_forget(struct dedup_redis *redis, const char *url, const char *fingerprint)
{
    struct link *link = link_of(redis, url);
    if (loop_now_ms(redis->loop) < link->rest_until_ms)
        return;
    struct dedup_ask *ask = calloc(1, sizeof(*ask));
    if (!ask)
        abort();
    snprintf(ask->fingerprint, sizeof(ask->fingerprint), "%s", fingerprint);
    ask->is_forget = true;
    start_ask(link, ask);
}

struct dedup_redis *dedup_redis_create(struct loop *loop, uint64_t limit_ms)
{
    struct dedup_redis *redis = calloc(1, sizeof(*redis));
    if (!redis)
        abort();
    redis->loop = loop;
    redis->limit_ms = limit_ms;
    return redis;
}

void dedup_redis_destroy(struct dedup_redis *redis)
{
    if (!redis)
        return;
    for (struct dedup_ask *ask = redis->asks; ask; ask = ask->next)
        ask->answered = NULL;
    redis->limit_ms = 0; /* nothing more is logged */
    for (struct link *link = redis->links, *next; link; link = next) {
        next = link->next;
        close_link(link);
        loop_timer_destroy(link->idle);
        free(link->url);
        explicit_bzero(&link->place, sizeof(link->place));
        free(link);
    }
    free(redis);
}
