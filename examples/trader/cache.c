/* The cache, for the web page next door that shows prices. The bot goes on without it. */
#include "trader.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEEP_S 300
#define KEEP_CLOSES 200

static redisContext *connect_cache(const char *address)
{
    struct timeval timeout = {.tv_sec = 1};
    char host[128];
    const char *colon = strrchr(address, ':');

    if (address[0] == '/')
        return redisConnectUnixWithTimeout(address, timeout);
    snprintf(host, sizeof host, "%.*s", (int)(colon ? (size_t)(colon - address) : strlen(address)), address);
    return redisConnectWithTimeout(host, colon ? (int)strtol(colon + 1, NULL, 10) : 6379, timeout);
}

int cache_open(struct cache *cache, const char *address)
{
    cache->address = address;
    cache->context = connect_cache(address);
    if (cache->context && !cache->context->err)
        return 0;
    snprintf(cache->error, sizeof cache->error, "%s",
             cache->context ? cache->context->errstr : "out of memory");
    cache_close(cache);
    return -1;
}

void cache_close(struct cache *cache)
{
    if (cache->context)
        redisFree(cache->context);
    cache->context = NULL;
}

/* Takes `reply`. A connection with an error is of no further use: the next round makes a new one. */
static int check(struct cache *cache, redisReply *reply)
{
    int failed = !reply || reply->type == REDIS_REPLY_ERROR;

    if (failed)
        snprintf(cache->error, sizeof cache->error, "%s", reply ? reply->str : cache->context->errstr);
    if (reply)
        freeReplyObject(reply);
    else
        cache_close(cache);
    return failed ? -1 : 0;
}

static int reconnect(struct cache *cache)
{
    return cache->context ? 0 : cache_open(cache, cache->address);
}

/* Five commands, one round trip. */
int cache_round(struct cache *cache, const char *market, double price, const struct indicators *indicators)
{
    int n = 0, failed = 0;

    if (reconnect(cache) < 0)
        return -1;
    n += redisAppendCommand(cache->context, "SETEX ticker:%s %d %.2f", market, KEEP_S, price) == REDIS_OK;
    n += redisAppendCommand(cache->context, "HMSET indicators:%s rsi %.2f sma5 %.2f sma20 %.2f macd %.2f",
                            market, indicators->rsi, indicators->sma_short, indicators->sma_long,
                            indicators->macd) == REDIS_OK;
    n += redisAppendCommand(cache->context, "EXPIRE indicators:%s %d", market, KEEP_S) == REDIS_OK;
    n += redisAppendCommand(cache->context, "LPUSH closes:%s %.0f", market, price) == REDIS_OK;
    n += redisAppendCommand(cache->context, "LTRIM closes:%s 0 %d", market, KEEP_CLOSES - 1) == REDIS_OK;
    for (int i = 0; i < n && cache->context; i++) {
        void *reply = NULL;
        redisGetReply(cache->context, &reply);
        failed |= check(cache, reply);
    }
    return failed;
}

/* Writes what is advised and reads it back; -1 also where something else came back. */
int cache_advice(struct cache *cache, const char *market, const char *advice)
{
    char key[64], keep[16];
    const char *set[4] = {"SETEX", key, keep, advice};
    size_t bytes[4];

    if (reconnect(cache) < 0)
        return -1;
    snprintf(key, sizeof key, "advice:%s", market);
    snprintf(keep, sizeof keep, "%d", KEEP_S);
    for (int i = 0; i < 4; i++)
        bytes[i] = strlen(set[i]);
    if (check(cache, redisCommandArgv(cache->context, 4, set, bytes)) < 0)
        return -1;
    redisReply *reply = redisCommand(cache->context, "GET %s", key);
    bool is_same = reply && reply->type == REDIS_REPLY_STRING && strcmp(reply->str, advice) == 0;
    if (check(cache, reply) < 0)
        return -1;
    if (!is_same)
        snprintf(cache->error, sizeof cache->error, "read back something else than was written");
    return is_same ? 0 : -1;
}
