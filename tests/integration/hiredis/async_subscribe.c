/* async_subscribe: SUBSCRIBE, PSUBSCRIBE and MONITOR: one command, a callback called many times, no span that never ends. In
 * 0.14 a command's callback is called again when MONITOR was sent before its reply had come. */
#include "poll_loop.h"
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

static struct poll_loop loop;
static bool is_done;
static int n_left;

static void show_message(redisAsyncContext *ac, void *reply_, void *data)
{
    const redisReply *reply = reply_;
    (void)ac;
    if (!reply)
        printf("%s: none\n", (const char *)data);
    else if (reply->type == REDIS_REPLY_ARRAY)
        printf("%s: %s %s\n", (const char *)data, reply->element[0]->str,
               reply->element[1]->str ? reply->element[1]->str : "-");
    is_done = --n_left == 0;
}

/* A line of MONITOR holds times and ports. */
static void count(redisAsyncContext *ac, void *reply_, void *data)
{
    const redisReply *reply = reply_;
    (void)ac;
    printf("%s: %s\n", (const char *)data,
           !reply                              ? "none"
           : reply->type == REDIS_REPLY_STATUS ? "status"
                                               : "bulk");
    is_done = --n_left == 0;
}

static void run(redisAsyncContext *ac, int n, bool may_write)
{
    n_left = n;
    is_done = false;
    loop_run(&loop, ac, &is_done, may_write);
}

int main(void)
{
    int port = atoi(getenv("REDIS_PORT"));
    redisContext *publisher = redisConnect("127.0.0.1", port);
    redisAsyncContext *ac = redisAsyncConnect("127.0.0.1", port);
    loop_attach(&loop, ac);
    redisAsyncCommand(ac, show_message, NAMED("news"), "SUBSCRIBE news");
    redisAsyncCommand(ac, show_message, NAMED("pattern"), "PSUBSCRIBE %s", "n*");
    run(ac, 2, true);
    for (int i = 0; i < 2; i++) {
        freeReplyObject(redisCommand(publisher, "PUBLISH news %d", i));
        run(ac, 2, true);
    }
    redisAsyncCommand(ac, NULL, NULL, "PUNSUBSCRIBE");
    redisAsyncCommand(ac, NULL, NULL, "UNSUBSCRIBE");
    run(ac, 2, true);
    redisAsyncCommand(ac, count, NAMED("after"), "SET k v");
    run(ac, 1, true);
    redisAsyncFree(ac);

    ac = redisAsyncConnect("127.0.0.1", port);
    loop_attach(&loop, ac);
    redisAsyncCommand(ac, count, NAMED("set"), "SET %s v", "k");
    n_left = -1;
    is_done = false;
    while (loop.wants_write && !loop.is_over)
        redisAsyncHandleWrite(ac); /* loopback: at once, or soon */
    redisAsyncCommand(ac, count, NAMED("monitor"), "MONITOR");
    run(ac, 1, false); /* the reply of SET comes before MONITOR is written */
    run(ac, 1, true);
    for (int i = 0; i < 3; i++) {
        freeReplyObject(redisCommand(publisher, "PUBLISH quiet %d", i));
        run(ac, 1, true);
    }
    redisAsyncFree(ac);
    redisFree(publisher);
    return 0;
}
