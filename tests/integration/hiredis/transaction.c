/* transaction: MULTI and EXEC in one call each and in a pipeline; what a SELECT in it does, and when; DISCARD, RESET. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

static redisContext *c;

static void show(const char *what, redisReply *reply)
{
    if (!reply)
        printf("%s: none\n", what);
    else if (reply->type == REDIS_REPLY_ARRAY)
        printf("%s: %zu entries\n", what, reply->elements);
    else
        printf("%s: type %d %s\n", what, reply->type, reply->str ? reply->str : "-");
    freeReplyObject(reply);
}

static void call(const char *command)
{
    show(command, redisCommand(c, command));
}

static void pipeline(const char *const *commands)
{
    int n = 0;
    for (; commands[n]; n++)
        redisAppendCommand(c, commands[n]);
    for (int i = 0; i < n; i++) {
        void *reply = NULL;
        redisGetReply(c, &reply);
        show(commands[i], reply);
    }
}

int main(void)
{
    c = redisConnect("127.0.0.1", atoi(getenv("REDIS_PORT")));
    call("MULTI");
    call("SET tx 1");
    call("SELECT 3");
    call("GET tx"); /* queued: the database is still 0 */
    call("EXEC");
    call("ECHO in-3");

    call("MULTI");
    call("SELECT 4");
    call("DISCARD");
    call("ECHO still-3");

    call("MULTI");
    call("NOSUCHCOMMAND");
    call("SELECT 4");
    call("EXEC"); /* EXECABORT */
    call("ECHO still-3");

    call("MULTI");
    call("SET tx text");
    call("INCR tx");
    call("EXEC"); /* one of its entries is an error */

    pipeline((const char *const[]){"MULTI", "SELECT 5", "INCR tx", "EXEC", "ECHO in-5", NULL});
    call("RESET");
    call("ECHO in-0");
    pipeline((const char *const[]){"SELECT 6", "RESET", "ECHO in-0", NULL});
    redisFree(c);
    return 0;
}
