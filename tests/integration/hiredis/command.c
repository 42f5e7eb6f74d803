/* command: the three ways to send one command, formats, errors, and one that hiredis refuses. REDIS_PORT. */
#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static redisContext *c;

static void show(const char *what, redisReply *reply)
{
    if (!reply)
        printf("%s: no reply, error %d %s\n", what, c->err, c->errstr);
    else if (reply->type == REDIS_REPLY_INTEGER)
        printf("%s: integer %lld\n", what, reply->integer);
    else
        printf("%s: type %d %s\n", what, reply->type, reply->str ? reply->str : "-");
    freeReplyObject(reply);
}

static void *command(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    void *reply = redisvCommand(c, format, arguments);
    va_end(arguments);
    return reply;
}

int main(void)
{
    c = redisConnect("127.0.0.1", atoi(getenv("REDIS_PORT")));
    if (!c || c->err)
        return 1;
    const char *words[] = {"SET", "words\xc3\xa9", "three words here"};
    const size_t lengths[] = {3, 5, 11};
    freeReplyObject(redisCommand(c, "DEL %s words words\xc3\xa9", "key"));
    show("set", redisCommand(c, "SET key %s", "secret value"));
    show("get", redisCommand(c, "get %s", "key"));
    show("nil", redisCommand(c, "GET nothing-here"));
    show("binary", redisCommand(c, "SET %b %b", "k\0y", (size_t)3, "v\0l", (size_t)3));
    show("numbers", redisCommand(c, "ZADD z%d %f m:%lld %.1f n%%%u", 7, 1.5, -3ll, 2.25, 9u));
    show("del", redisCommand(c, "DEL z%hhd", 7));
    show("argv", redisCommandArgv(c, 3, words, lengths));
    show("argv strings", redisCommandArgv(c, 3, words, NULL));
    show("va_list", command("STRLEN %s", "words"));
    show("wrong type", redisCommand(c, "LPUSH key x"));
    show("unknown", redisCommand(c, "NOSUCHCOMMAND a b"));
    show("auth", redisCommand(c, "AUTH %s", "hunter2"));
    show("refused format", redisCommand(c, "SET key %p", (void *)0));
    c->err = 0;
    show("after", redisCommand(c, "PING"));
    redisFree(c);
    return 0;
}
