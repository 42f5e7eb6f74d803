/* pipeline: commands appended in all four ways, replies in order; a redisCommand while replies are outstanding. */
#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static redisContext *c;

static void show(const char *what, redisReply *reply)
{
    if (!reply)
        printf("%s: none\n", what);
    else if (reply->type == REDIS_REPLY_INTEGER)
        printf("%s: integer %lld\n", what, reply->integer);
    else
        printf("%s: type %d %s\n", what, reply->type, reply->str ? reply->str : "-");
    freeReplyObject(reply);
}

static void show_next(const char *what)
{
    void *reply = NULL;
    if (redisGetReply(c, &reply) != REDIS_OK)
        printf("%s: error %d\n", what, c->err);
    else
        show(what, reply);
}

static void append(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    redisvAppendCommand(c, format, arguments);
    va_end(arguments);
}

int main(void)
{
    static const char two[] = "*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n*2\r\n$3\r\nGET\r\n$1\r\nn\r\n";
    const char *words[] = {"SET", "n", "41"};
    c = redisConnect("127.0.0.1", atoi(getenv("REDIS_PORT")));
    freeReplyObject(redisCommand(c, "SET n 0"));
    redisAppendCommand(c, "DEL %s", "n");
    redisAppendCommandArgv(c, 3, words, NULL);
    append("LPUSH %s x", "n");
    redisAppendFormattedCommand(c, two, strlen(two));
    show_next("del");
    show_next("set");
    show_next("wrong type");
    show_next("incr");
    show_next("get");

    /* Long values leave room for what the reply says. */
    char value[3000];
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = 0;
    redisAppendCommand(c, "RPUSH n %s %s %s %s", value, value, value, value);
    redisAppendCommand(c, "SET %b %s", value, (size_t)40, value);
    show_next("wrong type, long");
    show_next("set, long");

    redisAppendCommand(c, "ECHO first");
    redisAppendCommand(c, "ECHO second");
    show("command gives the first", redisCommand(c, "ECHO third"));
    show_next("then the second");
    show_next("then the third");

    printf("refused: %d\n", redisAppendCommand(c, "SET %p", (void *)0));
    redisAppendCommand(c, "ECHO %s", "last");
    show_next("last");
    redisAppendCommand(c, "ECHO never read");
    redisFree(c);
    return 0;
}
