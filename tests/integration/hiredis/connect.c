/* connect: the ways to connect, refused attempts, reconnecting. REDIS_PORT and REDIS_SOCKET. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void use(const char *what, redisContext *c)
{
    redisReply *reply = c && !c->err ? redisCommand(c, "PING") : NULL;
    printf("%s: error %d, %s\n", what, c ? c->err : -1, reply ? reply->str : "no reply");
    freeReplyObject(reply);
    if (c)
        redisFree(c);
}

int main(void)
{
    const struct timeval second = {.tv_sec = 1};
    int port = atoi(getenv("REDIS_PORT"));
    const char *path = getenv("REDIS_SOCKET");
    use("redisConnect", redisConnect("127.0.0.1", port));
    use("by name", redisConnect("localhost", port));
    use("redisConnectWithTimeout", redisConnectWithTimeout("127.0.0.1", port, second));
    use("redisConnectUnix", redisConnectUnix(path));
    use("redisConnectUnixWithTimeout", redisConnectUnixWithTimeout(path, second));
    use("refused", redisConnect("127.0.0.1", 1));
    use("no such socket", redisConnectUnix("/nonexistent/redis.sock"));

    redisContext *c = redisConnectUnix(path);
    int fd = dup(c->fd);
    redisFree(c);
    use("redisConnectFd", redisConnectFd(fd));

    c = redisConnect("127.0.0.1", port);
    redisAppendCommand(c, "PING");
    printf("redisReconnect: %d\n", redisReconnect(c));
    use("after", c);

    c = redisConnect("127.0.0.1", port);
    fd = redisFreeKeepFd(c);
    use("redisFreeKeepFd", redisConnectFd(fd));
    return 0;
}
