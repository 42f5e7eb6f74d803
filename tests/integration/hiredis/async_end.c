/* async_end: how a context ends: freed with replies outstanding, by one of its callbacks, by the server, by its peer's
 * refusal, idle; and the other ways to connect. */
#include "poll_loop.h"
#include <stdio.h>
#include <stdlib.h>

static struct poll_loop loop;
static bool is_done;

static void show(redisAsyncContext *ac, void *reply_, void *data)
{
    const redisReply *reply = reply_;
    printf("%s: %s\n", (const char *)data, !reply ? "none" : reply->str ? reply->str : "-");
    /* A context that is going takes no more. */
    if (!reply)
        printf("  one more: %d\n", redisAsyncCommand(ac, show, NAMED("never"), "PING"));
}

static void show_and_stop(redisAsyncContext *ac, void *reply, void *data)
{
    show(ac, reply, data);
    is_done = true;
}

static void show_and_free(redisAsyncContext *ac, void *reply, void *data)
{
    show(ac, reply, data);
    redisAsyncFree(ac);
}

static void show_disconnect(const redisAsyncContext *ac, int status)
{
    (void)ac;
    printf("disconnected: %d\n", status);
}

static redisAsyncContext *attach(const char *title, redisAsyncContext *ac)
{
    printf("-- %s: error %d\n", title, ac->err);
    loop_attach(&loop, ac);
    redisAsyncSetDisconnectCallback(ac, show_disconnect);
    is_done = false;
    return ac;
}

static void ping(const char *title, redisAsyncContext *ac)
{
    attach(title, ac);
    redisAsyncCommand(ac, show_and_stop, NAMED("ping"), "PING");
    loop_run(&loop, ac, &is_done, true);
    redisAsyncFree(ac);
}

int main(void)
{
    int port = atoi(getenv("REDIS_PORT"));
    redisAsyncContext *ac = attach("freed", redisAsyncConnect("127.0.0.1", port));
    redisAsyncCommand(ac, show_and_stop, NAMED("answered"), "ECHO 1");
    loop_run(&loop, ac, &is_done, true);
    redisAsyncCommand(ac, show, NAMED("outstanding"), "ECHO 2");
    redisAsyncCommand(ac, show, NAMED("outstanding"), "GET %s", "k");
    redisAsyncFree(ac);

    ac = attach("freed by a callback", redisAsyncConnect("127.0.0.1", port));
    redisAsyncCommand(ac, show_and_free, NAMED("answered"), "ECHO 3");
    redisAsyncCommand(ac, show, NAMED("outstanding"), "ECHO 4");
    loop_run(&loop, ac, &is_done, true);

    ac = attach("closed by the server", redisAsyncConnect("127.0.0.1", port));
    redisAsyncCommand(ac, show, NAMED("quit"), "QUIT");
    redisAsyncCommand(ac, show, NAMED("outstanding"), "GET %s", "k");
    loop_run(&loop, ac, &is_done, true);

    ac = attach("closed while idle", redisAsyncConnect("127.0.0.1", port));
    redisAsyncCommand(ac, NULL, NULL, "QUIT");
    loop_run(&loop, ac, &is_done, true);

    ac = attach("refused", redisAsyncConnect("127.0.0.1", 1));
    redisAsyncCommand(ac, show, NAMED("outstanding"), "PING");
    loop_run(&loop, ac, &is_done, true);

    ac = attach("idle", redisAsyncConnect("127.0.0.1", port));
    redisAsyncDisconnect(ac);

    ping("redisAsyncConnectUnix", redisAsyncConnectUnix(getenv("REDIS_SOCKET")));
    ping("redisAsyncConnectBind", redisAsyncConnectBind("127.0.0.1", port, "127.0.0.1"));
    ping("redisAsyncConnectBindWithReuse", redisAsyncConnectBindWithReuse("127.0.0.1", port, "127.0.0.1"));
    return 0;
}
