/* tls: the same calls over TLS: the handshake lies between connecting and the first command. TLS_PORT, TLS_CA. */
#include "../poll_loop.h"
#include <hiredis/hiredis.h>
#include <hiredis/hiredis_ssl.h>
#include <stdio.h>
#include <stdlib.h>

static struct poll_loop loop;
static bool is_done;

static void show(redisAsyncContext *ac, void *reply_, void *data)
{
    const redisReply *reply = reply_;
    (void)ac;
    printf("%s: %s\n", (const char *)data, reply ? reply->str : "none");
    is_done = true;
}

int main(void)
{
    int port = atoi(getenv("TLS_PORT"));
    redisSSLContextError error = REDIS_SSL_CTX_NONE;
    redisInitOpenSSL();
    redisSSLContext *ssl = redisCreateSSLContext(getenv("TLS_CA"), NULL, NULL, NULL, NULL, &error);
    redisContext *c = redisConnect("127.0.0.1", port);
    printf("handshake: %d\n", redisInitiateSSLWithContext(c, ssl));
    redisAppendCommand(c, "SET tls %s", "secret");
    redisAppendCommand(c, "GET tls");
    for (int i = 0; i < 2; i++) {
        redisReply *reply = NULL;
        redisGetReply(c, (void **)&reply);
        printf("%s\n", reply->str);
        freeReplyObject(reply);
    }
    redisFree(c);

    redisAsyncContext *ac = redisAsyncConnect("127.0.0.1", port);
    loop_attach(&loop, ac);
    printf("handshake: %d\n", redisInitiateSSLWithContext(&ac->c, ssl));
    redisAsyncCommand(ac, show, NAMED("async"), "GET %s", "tls");
    loop_run(&loop, ac, &is_done, true);
    redisAsyncFree(ac);
    redisFreeSSLContext(ssl);
    return 0;
}
