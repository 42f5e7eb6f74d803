/* broken: the server closes the connection while replies are outstanding, then under a single command. */
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

int main(void)
{
    int port = atoi(getenv("REDIS_PORT"));
    signal(SIGPIPE, SIG_IGN);
    redisContext *c = redisConnect("127.0.0.1", port);
    redisAppendCommand(c, "QUIT");
    redisAppendCommand(c, "PING");
    redisAppendCommand(c, "GET %s", "k");
    for (int i = 0; i < 3; i++) {
        redisReply *reply = NULL;
        int result = redisGetReply(c, (void **)&reply);
        printf("%d: %s\n", result, reply ? reply->str : "none");
        freeReplyObject(reply);
    }
    redisFree(c);

    c = redisConnect("127.0.0.1", port);
    shutdown(c->fd, SHUT_WR); /* after a QUIT it would be end of file or a reset, by chance */
    redisReply *reply = redisCommand(c, "SET k %s", "v");
    printf("%s\n", reply ? reply->str : "none");
    freeReplyObject(reply);
    redisFree(c);

    const struct timeval soon = {.tv_usec = 50000};
    c = redisConnect("127.0.0.1", port);
    redisSetTimeout(c, soon);
    reply = redisCommand(c, "BLPOP %s 5", "nothing-here");
    printf("%s\n", reply ? "a reply" : "timeout");
    freeReplyObject(reply);
    redisFree(c);
    return 0;
}
