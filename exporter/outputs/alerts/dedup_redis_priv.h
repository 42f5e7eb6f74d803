/* dedup_redis_priv: what the files of the shared table have in common. */
#ifndef OTELSHIM_ALERT_DEDUP_REDIS_PRIV_H
#define OTELSHIM_ALERT_DEDUP_REDIS_PRIV_H

#include "outputs/alerts/dedup_redis.h"

struct redis_place {
    char host[256]; /* or the path of a UNIX socket */
    char user[128], password[256];
    int port; /* 0: a UNIX socket */
    int db;
};

/* False: not a URL of that form. */
bool dedup_redis_parse(const char *url, struct redis_place *ret_place);

/* A connection's part of the loop: what hiredis waits for. */
struct redis_events {
    struct loop_watch *watch; /* NULL: none */
    int events;
    struct redisAsyncContext **context; /* becomes NULL when hiredis frees it */
};

/* Of a context that has just been made; ends with it. */
void redis_events_attach(struct redis_events *events, struct loop *loop, struct redisAsyncContext **context);

#endif
