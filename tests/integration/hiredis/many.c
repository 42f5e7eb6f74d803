/* many: 10,000 commands in one pipeline, and then half of the replies while more are appended. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

#define N 10000

static redisContext *c;

static int read_replies(int n)
{
    int ok = 0;
    for (int i = 0; i < n; i++) {
        redisReply *reply = NULL;
        if (redisGetReply(c, (void **)&reply) == REDIS_OK)
            ok += reply->type == REDIS_REPLY_STRING;
        freeReplyObject(reply);
    }
    return ok;
}

int main(void)
{
    c = redisConnectUnix(getenv("REDIS_SOCKET"));
    for (int i = 0; i < N; i++)
        redisAppendCommand(c, "ECHO %d", i);
    int ok = read_replies(N / 2);
    for (int i = 0; i < 10; i++)
        redisAppendCommand(c, "ECHO more%d", i);
    ok += read_replies(N / 2 + 10);
    redisReply *reply = redisCommand(c, "ECHO end");
    printf("%d replies, %s\n", ok, reply->str);
    freeReplyObject(reply);
    redisFree(c);
    return 0;
}
