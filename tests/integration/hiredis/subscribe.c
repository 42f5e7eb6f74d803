/* subscribe: one command, many replies: what is published is nobody's reply. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

static void show(const redisReply *reply)
{
    printf("%s %s\n", reply->element[0]->str, reply->element[1]->str);
}

int main(void)
{
    int port = atoi(getenv("REDIS_PORT"));
    redisContext *publisher = redisConnect("127.0.0.1", port);
    redisContext *c = redisConnect("127.0.0.1", port);
    redisReply *reply = redisCommand(c, "SUBSCRIBE news");
    show(reply);
    freeReplyObject(reply);
    for (int i = 0; i < 3; i++) {
        freeReplyObject(redisCommand(publisher, "PUBLISH news %d", i));
        redisGetReply(c, (void **)&reply);
        show(reply);
        freeReplyObject(reply);
    }
    redisAppendCommand(c, "SUBSCRIBE a b");
    for (int i = 0; i < 2; i++) {
        redisGetReply(c, (void **)&reply);
        show(reply);
        freeReplyObject(reply);
    }
    redisFree(c);
    redisFree(publisher);
    return 0;
}
