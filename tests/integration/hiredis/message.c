/* message: pipelines around subscriptions. A message is nobody's reply, in RESP2, where it is an array, and in RESP3, where
 * it is a push; commands behind it get their own. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

static redisContext *c;

static void show_next(const char *what)
{
    redisReply *reply = NULL;
    if (redisGetReply(c, (void **)&reply) != REDIS_OK)
        printf("%s: error %d\n", what, c->err);
    else if (reply->elements)
        printf("%s: %s\n", what, reply->element[0]->str);
    else
        printf("%s: %s\n", what, reply->str);
    freeReplyObject(reply);
}

int main(void)
{
    int port = atoi(getenv("REDIS_PORT"));
    redisContext *publisher = redisConnect("127.0.0.1", port);
    c = redisConnect("127.0.0.1", port);
    redisAppendCommand(c, "ECHO before");
    redisAppendCommand(c, "SUBSCRIBE a b");
    show_next("the reply");
    show_next("to a");
    show_next("to b");
    freeReplyObject(redisCommand(publisher, "PUBLISH a 1"));
    redisAppendCommand(c, "PING first");
    redisAppendCommand(c, "PING second");
    show_next("a message");
    show_next("pong");
    freeReplyObject(redisCommand(publisher, "PUBLISH a 2"));
    show_next("pong");
    show_next("a message");
    redisAppendCommand(c, "UNSUBSCRIBE");
    show_next("one left");
    show_next("none left");
    redisAppendCommand(c, "SET message 1");
    redisAppendCommand(c, "LPUSH message x");
    show_next("a command again");
    show_next("an error");
    redisFree(c);
    redisFree(publisher);
    return 0;
}
