/* push: RESP3. What the server pushes is no command's reply, in a pipeline, taken by hand from the reader, and under an event
 * loop where commands go on while the context is subscribed. */
#include "../poll_loop.h"
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

static struct poll_loop loop;
static bool is_done;

static void show_push(void *data, void *reply_)
{
    redisReply *reply = reply_;
    (void)data;
    printf("push: %s\n", reply->element[0]->str);
    freeReplyObject(reply);
}

static void show(redisReply *reply)
{
    if (reply->type == REDIS_REPLY_INTEGER)
        printf("%lld\n", reply->integer);
    else
        printf("%d %s\n", reply->type, reply->str ? reply->str : "-");
    freeReplyObject(reply);
}

static void call_back(redisAsyncContext *ac, void *reply_, void *data)
{
    const redisReply *reply = reply_;
    (void)ac;
    if (reply && reply->type == REDIS_REPLY_PUSH)
        printf("%s: %s\n", (const char *)data, reply->element[0]->str);
    else
        printf("%s: %s\n", (const char *)data, !reply ? "none" : reply->str ? reply->str : "-");
    is_done = true;
}

static void use_async(int port, redisContext *publisher)
{
    redisAsyncContext *ac = redisAsyncConnect("127.0.0.1", port);
    loop_attach(&loop, ac);
    redisAsyncCommand(ac, call_back, NAMED("hello"), "HELLO 3");
    loop_run(&loop, ac, &is_done, true);
    redisAsyncCommand(ac, call_back, NAMED("news"), "SUBSCRIBE news");
    is_done = false;
    loop_run(&loop, ac, &is_done, true);
    redisAsyncCommand(ac, call_back, NAMED("command while subscribed"), "ECHO hello");
    is_done = false;
    loop_run(&loop, ac, &is_done, true);
    freeReplyObject(redisCommand(publisher, "PUBLISH news 1"));
    is_done = false;
    loop_run(&loop, ac, &is_done, true);
    redisAsyncFree(ac);
}

int main(void)
{
    int port = atoi(getenv("REDIS_PORT"));
    redisContext *other = redisConnect("127.0.0.1", port);
    redisContext *c = redisConnect("127.0.0.1", port);
    redisSetPushCallback(c, show_push);
    freeReplyObject(redisCommand(c, "HELLO 3"));
    freeReplyObject(redisCommand(c, "CLIENT TRACKING ON"));
    freeReplyObject(redisCommand(c, "SET pushed 1"));
    show(redisCommand(c, "GET pushed"));
    redisAppendCommand(c, "GET pushed");
    redisAppendCommand(c, "INCR pushed-n");
    freeReplyObject(redisCommand(other, "SET pushed 2")); /* the push comes first */
    for (int i = 0; i < 2; i++) {
        void *reply = NULL;
        redisGetReply(c, &reply);
        show(reply);
    }
    freeReplyObject(redisCommand(c, "DEL pushed-n"));
    use_async(port, other);
    redisFree(c);
    redisFree(other);
    return 0;
}
