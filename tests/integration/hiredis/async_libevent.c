/* async_libevent: hiredis' own adapter for libevent; commands that lead to commands, until the last one disconnects. */
#include <hiredis/adapters/libevent.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

static void show_connect(const redisAsyncContext *ac, int status)
{
    (void)ac;
    printf("connected: %d\n", status);
}

static void show_disconnect(const redisAsyncContext *ac, int status)
{
    (void)ac;
    printf("disconnected: %d\n", status);
}

static void count_down(redisAsyncContext *ac, void *reply_, void *data)
{
    const redisReply *reply = reply_;
    int *n = data;
    printf("%d: %s\n", *n, reply ? reply->str : "none");
    if (--*n)
        redisAsyncCommand(ac, count_down, n, "ECHO %d", *n);
    else
        redisAsyncDisconnect(ac);
}

int main(void)
{
    int n = 3;
    struct event_base *base = event_base_new();
    redisAsyncContext *ac = redisAsyncConnect("127.0.0.1", atoi(getenv("REDIS_PORT")));
    redisLibeventAttach(ac, base);
    redisAsyncSetConnectCallback(ac, show_connect);
    redisAsyncSetDisconnectCallback(ac, show_disconnect);
    redisAsyncCommand(ac, count_down, &n, "ECHO %s", "first");
    event_base_dispatch(base);
    event_base_free(base);
    return 0;
}
