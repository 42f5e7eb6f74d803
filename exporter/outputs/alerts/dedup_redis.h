/*
 * dedup_redis: de-duplication shared by several machines: who can set error_reported:<fingerprint> in Redis tells the error.
 *
 *     SET error_reported:<fingerprint> 1 NX EX <window>
 *
 * Redis slow or down means the local answer: an alert may then be told twice, never not at all.
 *
 * Context: loop; the only door to hiredis of the exporter. Ownership: texts are copied. Errors: told to `answered`.
 */
#ifndef OTELSHIM_ALERT_DEDUP_REDIS_H
#define OTELSHIM_ALERT_DEDUP_REDIS_H

#include "base/loop.h"
#include <stddef.h>

struct dedup_redis;
struct dedup_ask;

enum dedup_answer {
    DEDUP_FIRST,   /* nobody told it: the key is ours */
    DEDUP_SEEN,    /* somebody did; `left_ms` of the window are left */
    DEDUP_UNKNOWN, /* no answer in time */
};

typedef void (*dedup_answered_fn)(void *context, enum dedup_answer answer, uint64_t left_ms);

struct dedup_redis *dedup_redis_create(struct loop *loop, uint64_t limit_ms);
/* Nobody is answered any more. NULL is fine. */
void dedup_redis_destroy(struct dedup_redis *redis);

/* `answered` comes once, also before this returns. `url`: redis://[[user]:password@]host[:port][/db], unix://[:password@]/path[?db=n]. */
void dedup_redis_ask(struct dedup_redis *redis, const char *url, const char *fingerprint, uint64_t window_ms,
                     dedup_answered_fn answered, void *context);
/* Nobody is to be answered with that context. */
void dedup_redis_cancel(struct dedup_redis *redis, void *context);
/* Telling it failed for good: another machine may. */
void dedup_redis_forget(struct dedup_redis *redis, const char *url, const char *fingerprint);

/*
 * For commands; waits: connect, AUTH, SELECT, PING. 0 with what answered ("Redis 7.0.15"), or -errno with one line; no password in either.
 */
int dedup_redis_check(const char *url, uint32_t timeout_ms, char ret_problem[200], char ret_server[120]);

#endif
