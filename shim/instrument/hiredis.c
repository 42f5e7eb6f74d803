/*
 * hiredis: Redis, hiredis 0.13 to 1.x: connecting, and the end of a context. Commands: hiredis_command.c, hiredis_async.c.
 *
 *   begins   redisConnect, redisConnectWithTimeout, redisConnectUnix, redisConnectUnixWithTimeout, redisConnectFd,
 *            redisConnectWithOptions, redisConnect…NonBlock…, redisReconnect (attempts to connect)
 *   ends     when the call returns. One that does not block has then looked the name up and begun to connect: how that
 *            came out shows in the context's first command, and the connection counts as open from its first reply
 *   copied   once per context: host and port or path, database (SELECT is followed), the peer's address; error number
 *            and text of the context
 *   not read redisOptions, the context but for the fields of hiredis_layout.h
 *   traps    hiredis calls itself through the PLT on Debian, and not on Ubuntu: IS_INTERNAL only where the library
 *            really does it. redisFree is one of those, and means the same whoever calls it. A context can come from a
 *            call that is not interposed: its entry is made at the first use.
 */
#include "instrument/hiredis_pipeline.h"
#include "instrument/hiredis_priv.h"
#include <sys/time.h>

struct real_entry hiredis_entry_points[] = {HIREDIS_FUNCTIONS(ENTRY_POINT_ROW)};

bool hiredis_connect_begin(struct span *span)
{
    return lifecycle_is_active() && span_begin(span, INSTRUMENT_hiredis, WIRE_CONNECT, NULL, NULL);
}

void hiredis_connect_end(struct span *span, redisContext *c, const struct real_entry *entry,
                         const char *endpoint, int port)
{
    if (!c) {
        facts_int(&span->facts, WIRE_ERROR_CODE, REDIS_ERR_OOM);
        span_end(span, WIRE_FAILED);
        return;
    }
    struct connection *connection = hiredis_remember(c, entry, endpoint, port, 0);
    struct hiredis_library library = hiredis_library_of(entry);
    if (connection && hiredis_is_connected(&library, c))
        hiredis_note_open(connection);
    span_connection(span, connection);
    hiredis_copy_error(&span->facts, &library, c);
    span_end(span, hiredis_error(&library, c) ? WIRE_FAILED : WIRE_OK);
}

EXPORTED redisContext *redisConnect(const char *ip, int port)
{
    CALL_SITE;
    __typeof__(&redisConnect) real = REAL(redisConnect);
    struct span span;
    if (IS_INTERNAL(redisConnect) || !hiredis_connect_begin(&span))
        return real(ip, port);
    redisContext *c = real(ip, port);
    hiredis_connect_end(&span, c, &entry_points[ENTRY_redisConnect], ip, port);
    return c;
}

EXPORTED redisContext *redisConnectWithTimeout(const char *ip, int port, const struct timeval tv)
{
    CALL_SITE;
    __typeof__(&redisConnectWithTimeout) real = REAL(redisConnectWithTimeout);
    struct span span;
    if (IS_INTERNAL(redisConnectWithTimeout) || !hiredis_connect_begin(&span))
        return real(ip, port, tv);
    redisContext *c = real(ip, port, tv);
    hiredis_connect_end(&span, c, &entry_points[ENTRY_redisConnectWithTimeout], ip, port);
    return c;
}

EXPORTED redisContext *redisConnectNonBlock(const char *ip, int port)
{
    CALL_SITE;
    __typeof__(&redisConnectNonBlock) real = REAL(redisConnectNonBlock);
    struct span span;
    if (IS_INTERNAL(redisConnectNonBlock) || !hiredis_connect_begin(&span))
        return real(ip, port);
    redisContext *c = real(ip, port);
    hiredis_connect_end(&span, c, &entry_points[ENTRY_redisConnectNonBlock], ip, port);
    return c;
}

EXPORTED redisContext *redisConnectBindNonBlock(const char *ip, int port, const char *source_addr)
{
    CALL_SITE;
    __typeof__(&redisConnectBindNonBlock) real = REAL(redisConnectBindNonBlock);
    struct span span;
    if (IS_INTERNAL(redisConnectBindNonBlock) || !hiredis_connect_begin(&span))
        return real(ip, port, source_addr);
    redisContext *c = real(ip, port, source_addr);
    hiredis_connect_end(&span, c, &entry_points[ENTRY_redisConnectBindNonBlock], ip, port);
    return c;
}

EXPORTED redisContext *redisConnectBindNonBlockWithReuse(const char *ip, int port, const char *source_addr)
{
    CALL_SITE;
    __typeof__(&redisConnectBindNonBlockWithReuse) real = REAL(redisConnectBindNonBlockWithReuse);
    struct span span;
    if (IS_INTERNAL(redisConnectBindNonBlockWithReuse) || !hiredis_connect_begin(&span))
        return real(ip, port, source_addr);
    redisContext *c = real(ip, port, source_addr);
    hiredis_connect_end(&span, c, &entry_points[ENTRY_redisConnectBindNonBlockWithReuse], ip, port);
    return c;
}

EXPORTED redisContext *redisConnectUnix(const char *path)
{
    CALL_SITE;
    __typeof__(&redisConnectUnix) real = REAL(redisConnectUnix);
    struct span span;
    if (IS_INTERNAL(redisConnectUnix) || !hiredis_connect_begin(&span))
        return real(path);
    redisContext *c = real(path);
    hiredis_connect_end(&span, c, &entry_points[ENTRY_redisConnectUnix], path, 0);
    return c;
}

EXPORTED redisContext *redisConnectUnixWithTimeout(const char *path, const struct timeval tv)
{
    CALL_SITE;
    __typeof__(&redisConnectUnixWithTimeout) real = REAL(redisConnectUnixWithTimeout);
    struct span span;
    if (IS_INTERNAL(redisConnectUnixWithTimeout) || !hiredis_connect_begin(&span))
        return real(path, tv);
    redisContext *c = real(path, tv);
    hiredis_connect_end(&span, c, &entry_points[ENTRY_redisConnectUnixWithTimeout], path, 0);
    return c;
}

EXPORTED redisContext *redisConnectUnixNonBlock(const char *path)
{
    CALL_SITE;
    __typeof__(&redisConnectUnixNonBlock) real = REAL(redisConnectUnixNonBlock);
    struct span span;
    if (IS_INTERNAL(redisConnectUnixNonBlock) || !hiredis_connect_begin(&span))
        return real(path);
    redisContext *c = real(path);
    hiredis_connect_end(&span, c, &entry_points[ENTRY_redisConnectUnixNonBlock], path, 0);
    return c;
}

EXPORTED redisContext *redisConnectFd(redisFD fd)
{
    CALL_SITE;
    __typeof__(&redisConnectFd) real = REAL(redisConnectFd);
    struct span span;
    if (IS_INTERNAL(redisConnectFd) || !hiredis_connect_begin(&span))
        return real(fd);
    redisContext *c = real(fd);
    hiredis_connect_end(&span, c, &entry_points[ENTRY_redisConnectFd], NULL, 0);
    return c;
}

EXPORTED redisContext *redisConnectWithOptions(const redisOptions *options)
{
    CALL_SITE;
    __typeof__(&redisConnectWithOptions) real = REAL(redisConnectWithOptions);
    struct span span;
    if (IS_INTERNAL(redisConnectWithOptions) || !hiredis_connect_begin(&span))
        return real(options);
    redisContext *c = real(options);
    hiredis_connect_end(&span, c, &entry_points[ENTRY_redisConnectWithOptions], NULL, 0);
    return c;
}

EXPORTED int redisReconnect(redisContext *c)
{
    CALL_SITE;
    __typeof__(&redisReconnect) real = REAL_OF(redisReconnect, c);
    struct real_entry *entry = &entry_points[ENTRY_redisReconnect];
    if (IS_INTERNAL(redisReconnect) || !lifecycle_is_active())
        return real(c);
    struct connection *connection = hiredis_connection_of(c, entry);
    if (connection) {
        hiredis_abandon_all(connection);
        hiredis_reset(connection);
    }
    struct span span;
    bool is_recorded = span_begin(&span, INSTRUMENT_hiredis, WIRE_CONNECT, c, connection);
    int result = real(c);
    struct hiredis_library library = hiredis_library_of(entry);
    if (is_recorded) {
        if (result != REDIS_OK)
            hiredis_copy_error(&span.facts, &library, c);
        span_end(&span, result == REDIS_OK ? WIRE_OK : WIRE_FAILED);
    }
    if (connection && result == REDIS_OK && hiredis_is_connected(&library, c))
        hiredis_note_open(connection);
    else if (connection)
        hiredis_note_closed(connection);
    return result;
}

EXPORTED void redisFree(redisContext *c)
{
    CALL_SITE;
    __typeof__(&redisFree) real = REAL_OF(redisFree, c);
    /* Before the real call: once it has freed the memory, another thread may be given the same address. */
    hiredis_forget(c);
    real(c);
}

EXPORTED int redisFreeKeepFd(redisContext *c)
{
    CALL_SITE;
    __typeof__(&redisFreeKeepFd) real = REAL_OF(redisFreeKeepFd, c);
    hiredis_forget(c);
    return real(c);
}

const struct instrumentation instrument_hiredis = {
    .name = "hiredis",
    .system = "redis",
    .family = WIRE_DATABASE,
    .entry_points = hiredis_entry_points,
    .n_entry_points = N_HIREDIS_FUNCTIONS,
};
