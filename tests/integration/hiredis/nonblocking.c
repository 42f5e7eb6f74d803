/* nonblocking: a context that queues, driven by hand; its replies come from redisGetReply and from the reader. */
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

static redisContext *c;

static void drive(short events)
{
    int done = 0;
    struct pollfd waiting = {.fd = c->fd, .events = events};
    poll(&waiting, 1, 5000);
    if (events == POLLOUT)
        redisBufferWrite(c, &done);
    else
        redisBufferRead(c);
}

static void show(redisReply *reply)
{
    printf("%s\n", reply->str ? reply->str : "-");
    freeReplyObject(reply);
}

/* Takes the context and ends it. */
static void ping(const char *what, redisContext *made)
{
    void *reply = NULL;
    c = made;
    redisAppendCommand(c, "PING");
    drive(POLLOUT);
    while (redisGetReplyFromReader(c, &reply) == REDIS_OK && !reply)
        drive(POLLIN);
    printf("%s: ", what);
    show(reply);
    redisFree(c);
}

int main(void)
{
    int port = atoi(getenv("REDIS_PORT"));
    ping("bound", redisConnectBindNonBlock("127.0.0.1", port, "127.0.0.1"));
    ping("bound, reuse", redisConnectBindNonBlockWithReuse("127.0.0.1", port, "127.0.0.1"));
    ping("socket", redisConnectUnixNonBlock(getenv("REDIS_SOCKET")));
    c = redisConnectNonBlock("127.0.0.1", port);
    printf("queued: %p\n", redisCommand(c, "ECHO %s", "one"));
    redisAppendCommand(c, "ECHO two");
    void *reply = NULL;
    printf("nothing yet: %d", redisGetReply(c, &reply));
    printf(" %p\n", reply);
    drive(POLLOUT);
    while (!reply) {
        drive(POLLIN);
        redisGetReply(c, &reply);
    }
    show(reply);
    for (reply = NULL; redisGetReplyFromReader(c, &reply) == REDIS_OK && !reply;)
        drive(POLLIN);
    show(reply);
    redisFree(c);
    return 0;
}
