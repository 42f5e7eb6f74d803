/* options: what hiredis 1.x adds: redisConnectWithOptions in its forms, a blocking one, one that does not block, one under an
 * event loop; a command's time limit; replies that the program frees. */
#include "../poll_loop.h"
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

static struct poll_loop loop;
static bool is_done;

static void use(const char *what, redisContext *c)
{
    redisReply *reply = c->err ? NULL : redisCommand(c, "PING");
    printf("%s: %d %s\n", what, c->err, reply ? reply->str : "-");
    freeReplyObject(reply);
    redisFree(c);
}

static void show(redisAsyncContext *ac, void *reply_, void *data)
{
    redisReply *reply = reply_;
    printf("%s: %s, error %d\n", (const char *)data,
           !reply       ? "none"
           : reply->str ? reply->str
                        : "-",
           ac->err);
    is_done = true;
}

static void show_and_free(redisAsyncContext *ac, void *reply, void *data)
{
    show(ac, reply, data);
    freeReplyObject(reply);
}

static void use_async(int port)
{
    redisOptions options = {0};
    REDIS_OPTIONS_SET_TCP(&options, "127.0.0.1", port);
    options.options |= REDIS_OPT_NOAUTOFREEREPLIES;
    redisAsyncContext *ac = redisAsyncConnectWithOptions(&options);
    loop_attach(&loop, ac);
    redisAsyncCommand(ac, show_and_free, NAMED("kept"), "ECHO %s", "mine");
    loop_run(&loop, ac, &is_done, true);
    redisAsyncFree(ac);

    options.options = 0;
    ac = redisAsyncConnectWithOptions(&options);
    loop_attach(&loop, ac);
    is_done = false;
    redisAsyncCommand(ac, show, NAMED("connected"), "PING");
    loop_run(&loop, ac, &is_done, true);
    redisAsyncSetTimeout(ac, (struct timeval){.tv_sec = 5});
    redisAsyncCommand(ac, show, NAMED("late"), "BLPOP nothing-here 5");
    redisAsyncHandleTimeout(ac); /* as an event library's timer would; frees the context */
    printf("over: %d\n", loop.is_over);
}

int main(void)
{
    int port = atoi(getenv("REDIS_PORT"));
    redisOptions options = {0};
    REDIS_OPTIONS_SET_TCP(&options, "127.0.0.1", port);
    use("tcp", redisConnectWithOptions(&options));
    REDIS_OPTIONS_SET_TCP(&options, "127.0.0.1", 1);
    use("refused", redisConnectWithOptions(&options));
    redisOptions socket = {0};
    REDIS_OPTIONS_SET_UNIX(&socket, getenv("REDIS_SOCKET"));
    use("socket", redisConnectWithOptions(&socket));
    use_async(port);
    return 0;
}
