/* async: the four ways to send, from inside a callback too; SELECT, errors, no callback, a format that is refused. */
#include "poll_loop.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct poll_loop loop;
static bool is_done;

static void show(redisAsyncContext *ac, void *reply_, void *data)
{
    const redisReply *reply = reply_;
    const char *text = !reply ? "none" : reply->str ? reply->str : "-";
    printf("%s: %s%s\n", (const char *)data, text, ac->data == &loop ? "" : ", another context");
}

/* Its last act is a command: a jump, so that the caller seems to be hiredis. */
static void show_and_go_on(redisAsyncContext *ac, void *reply, void *data)
{
    show(ac, reply, data);
    redisAsyncCommand(ac, show, NAMED("from a callback"), "ECHO inside");
}

static void show_and_stop(redisAsyncContext *ac, void *reply, void *data)
{
    show(ac, reply, data);
    is_done = true;
}

static int send_list(redisAsyncContext *ac, redisCallbackFn *fn, void *data, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int result = redisvAsyncCommand(ac, fn, data, format, arguments);
    va_end(arguments);
    return result;
}

int main(void)
{
    static const char formatted[] = "*2\r\n$4\r\nINCR\r\n$7\r\nasync-n\r\n";
    const char *words[] = {"SET", "async-n", "41"};
    redisAsyncContext *ac = redisAsyncConnect("127.0.0.1", atoi(getenv("REDIS_PORT")));
    ac->data = &loop;
    loop_attach(&loop, ac);
    redisAsyncCommand(ac, show, NAMED("del"), "DEL %s", "async-n");
    redisAsyncCommandArgv(ac, show, NAMED("set"), 3, words, NULL);
    redisAsyncFormattedCommand(ac, show, NAMED("incr"), formatted, strlen(formatted));
    send_list(ac, show, NAMED("wrong type"), "LPUSH %s %s", "async-n", "secret");
    redisAsyncCommand(ac, NULL, NULL, "EXPIRE %s %d", "async-n", 100);
    printf("refused: %d\n", redisAsyncCommand(ac, show, NAMED("refused"), "SET %p", (void *)0));
    redisAsyncCommand(ac, show, NAMED("select"), "SELECT %d", 2);
    redisAsyncCommand(ac, show, NAMED("in 2"), "GET %s", "async-n");
    redisAsyncCommand(ac, show, NAMED("select"), "SELECT 999");
    redisAsyncCommand(ac, show_and_go_on, NAMED("last but one"), "ECHO outside");
    redisAsyncCommand(ac, show_and_stop, NAMED("last"), "ECHO last");
    loop_run(&loop, ac, &is_done, true);

    redisAsyncCommand(ac, show, NAMED("later"), "ECHO still-in-2");
    redisAsyncDisconnect(ac); /* what is outstanding is answered first */
    printf("closing: %d\n", redisAsyncCommand(ac, show, NAMED("never"), "ECHO too-late"));
    is_done = false;
    loop_run(&loop, ac, &is_done, true);
    printf("over: %d\n", loop.is_over);
    return 0;
}
