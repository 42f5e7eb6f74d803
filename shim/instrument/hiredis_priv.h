/*
 * hiredis_priv: what the hiredis files share: the list of entry points.
 *
 * Threads: a redisContext is used by one thread at a time, which is hiredis' own rule.
 */
#ifndef OTELSHIM_HIREDIS_PRIV_H
#define OTELSHIM_HIREDIS_PRIV_H

#include "instrument/hiredis_context.h"
#include "instrument/instrument.h"
#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#if !defined(HIREDIS_MAJOR) || HIREDIS_MAJOR < 1
typedef int redisFD;
typedef struct redisOptions redisOptions;
redisContext *redisConnectWithOptions(const redisOptions *options);
redisAsyncContext *redisAsyncConnectWithOptions(const redisOptions *options);
#endif

/* Of a real function that returns REDIS_OK or REDIS_ERR: nothing, which is REDIS_OK, would be a success. */
#define ELSE_ERROR .failure = REAL_RETURNS_MINUS_1
static_assert(REDIS_ERR == -1, "what stands in fails as hiredis does");

/* clang-format off */
#define HIREDIS_FUNCTIONS(X)                   \
    X(redisConnect)                            \
    X(redisConnectWithTimeout)                 \
    X(redisConnectNonBlock)                    \
    X(redisConnectBindNonBlock)                \
    X(redisConnectBindNonBlockWithReuse)       \
    X(redisConnectUnix)                        \
    X(redisConnectUnixWithTimeout)             \
    X(redisConnectUnixNonBlock)                \
    X(redisConnectFd)                          \
    X(redisConnectWithOptions)                 \
    X(redisReconnect, ELSE_ERROR)              \
    X(redisFree)                               \
    X(redisFreeKeepFd, ELSE_ERROR)             \
    X(redisCommand)                            \
    X(redisvCommand)                           \
    X(redisCommandArgv)                        \
    X(redisAppendCommand, ELSE_ERROR)          \
    X(redisvAppendCommand, ELSE_ERROR)         \
    X(redisAppendCommandArgv, ELSE_ERROR)      \
    X(redisAppendFormattedCommand, ELSE_ERROR) \
    X(redisGetReply, ELSE_ERROR)               \
    X(redisGetReplyFromReader, ELSE_ERROR)     \
    X(redisAsyncConnect)                       \
    X(redisAsyncConnectBind)                   \
    X(redisAsyncConnectBindWithReuse)          \
    X(redisAsyncConnectUnix)                   \
    X(redisAsyncConnectWithOptions)            \
    X(redisAsyncCommand, ELSE_ERROR)           \
    X(redisvAsyncCommand, ELSE_ERROR)          \
    X(redisAsyncCommandArgv, ELSE_ERROR)       \
    X(redisAsyncFormattedCommand, ELSE_ERROR)  \
    X(redisAsyncDisconnect)                    \
    X(redisAsyncFree)
/* clang-format on */
enum { HIREDIS_FUNCTIONS(ENTRY_POINT_NUMBER) N_HIREDIS_FUNCTIONS };

extern struct real_entry hiredis_entry_points[N_HIREDIS_FUNCTIONS];
static struct real_entry *const entry_points =
    hiredis_entry_points; /* what REAL_OF() and IS_INTERNAL() look into */

/* An attempt to connect. A context that does not block has only begun to: the span is that of the call. */
bool hiredis_connect_begin(struct span *span);
void hiredis_connect_end(struct span *span, redisContext *c, const struct real_entry *entry,
                         const char *endpoint, int port);

#endif
