/* select: the database that a command goes to; selected directly, refused, and in the middle of a pipeline. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

static redisContext *c;

static void show(const char *what, redisReply *reply)
{
    printf("%s: %s\n", what, reply && reply->str ? reply->str : "-");
    freeReplyObject(reply);
}

static void show_next(const char *what)
{
    void *reply = NULL;
    redisGetReply(c, &reply);
    show(what, reply);
}

int main(void)
{
    const char *words[] = {"SELECT", "4"};
    c = redisConnect("127.0.0.1", atoi(getenv("REDIS_PORT")));
    show("0", redisCommand(c, "ECHO in-0"));
    show("select 3", redisCommand(c, "SELECT %d", 3));
    show("3", redisCommand(c, "ECHO in-3"));
    show("select 999", redisCommand(c, "SELECT 999"));
    show("still 3", redisCommand(c, "ECHO in-3"));
    show("select 4", redisCommandArgv(c, 2, words, NULL));
    show("4", redisCommand(c, "ECHO in-4"));

    redisAppendCommand(c, "ECHO in-4");
    redisAppendCommand(c, "select %s", "5");
    redisAppendCommand(c, "ECHO in-5");
    redisAppendCommand(c, "SELECT 999");
    for (int i = 0; i < 4; i++)
        show_next("pipeline");
    show("5", redisCommand(c, "ECHO in-5"));
    redisReconnect(c);
    show("0 again", redisCommand(c, "ECHO in-0"));
    redisFree(c);
    return 0;
}
