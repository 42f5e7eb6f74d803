/* dedup_redis_events: hiredis' asynchronous connections on our loop. */
#include "outputs/alerts/dedup_redis_priv.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>

/* What hiredis does with what was read may free the context. */
static void ready(void *context, int events)
{
    struct redis_events *of = context;
    if (events & LOOP_READ && *of->context)
        redisAsyncHandleRead(*of->context);
    if (events & LOOP_WRITE && *of->context)
        redisAsyncHandleWrite(*of->context);
}

static void set_events(struct redis_events *of, int add, int remove)
{
    of->events = (of->events | add) & ~remove;
    if (of->watch)
        loop_watch_set(of->watch, of->events);
}

static void add_read(void *events)
{
    set_events(events, LOOP_READ, 0);
}

static void del_read(void *events)
{
    set_events(events, 0, LOOP_READ);
}

static void add_write(void *events)
{
    set_events(events, LOOP_WRITE, 0);
}

static void del_write(void *events)
{
    set_events(events, 0, LOOP_WRITE);
}

/* hiredis is about to free the context and close its descriptor. */
static void cleanup(void *events)
{
    struct redis_events *of = events;
    loop_watch_destroy(of->watch);
    of->watch = NULL;
    *of->context = NULL;
}

void redis_events_attach(struct redis_events *events, struct loop *loop, struct redisAsyncContext **context)
{
    redisAsyncContext *redis = *context;
    *events = (struct redis_events){.context = context};
    events->watch = loop_watch_create(loop, redis->c.fd, ready, events);
    redis->ev.data = events;
    redis->ev.addRead = add_read;
    redis->ev.delRead = del_read;
    redis->ev.addWrite = add_write;
    redis->ev.delWrite = del_write;
    redis->ev.cleanup = cleanup;
}
