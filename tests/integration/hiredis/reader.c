/* reader: a program whose reader makes objects of its own: what comes back is no redisReply and no pointer. */
#include <hiredis/hiredis.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static void *of_string(const redisReadTask *task, char *text, size_t bytes)
{
    (void)task;
    (void)text;
    return (void *)(uintptr_t)(bytes * 2 + 1);
}

static void *of_nil(const redisReadTask *task)
{
    (void)task;
    return (void *)(uintptr_t)7;
}

static void of_nothing(void *object)
{
    (void)object;
}

int main(void)
{
    static redisReplyObjectFunctions functions;
    functions.createString = of_string;
    functions.createNil = of_nil;
    functions.freeObject = of_nothing;
    redisContext *c = redisConnect("127.0.0.1", atoi(getenv("REDIS_PORT")));
    c->reader->fn = &functions;
#if HIREDIS_MAJOR >= 1
    redisSetPushCallback(c, NULL); /* it would look into the replies */
#endif
    printf("%p\n", redisCommand(c, "ECHO %s", "abc"));
    printf("%p\n", redisCommand(c, "GET nothing-here"));
    printf("%p\n", redisCommand(c, "NOSUCHCOMMAND"));
    void *reply = NULL;
    redisAppendCommand(c, "ECHO ab");
    redisGetReply(c, &reply);
    printf("%p\n", reply);
    redisFree(c);
    return 0;
}
