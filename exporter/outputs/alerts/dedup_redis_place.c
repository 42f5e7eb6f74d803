/* dedup_redis_place: where a Redis is, out of its URL, and is it there (for commands). */
#include "outputs/alerts/dedup_redis_priv.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* %40 → @. In place. */
static void decode(char *text)
{
    char *out = text;
    for (; *text; text++) {
        unsigned value;
        if (*text == '%' && sscanf(text + 1, "%2x", &value) == 1 && text[1] && text[2]) {
            *out++ = (char)value;
            text += 2;
        } else {
            *out++ = *text;
        }
    }
    *out = 0;
}

static bool copy(char *to, size_t max_bytes, const char *from, size_t bytes)
{
    if (bytes >= max_bytes)
        return false;
    memcpy(to, from, bytes);
    to[bytes] = 0;
    decode(to);
    return true;
}

static bool parse_user(struct redis_place *place, const char *text, size_t bytes)
{
    const char *colon = memchr(text, ':', bytes);
    size_t n_user = colon ? (size_t)(colon - text) : 0;
    const char *password = colon ? colon + 1 : text;
    return copy(place->user, sizeof(place->user), text, n_user) &&
           copy(place->password, sizeof(place->password), password, bytes - (size_t)(password - text));
}

static bool parse_number(const char *text, int max, int *ret_number)
{
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (errno || end == text || *end || number < 0 || number > max)
        return false;
    *ret_number = (int)number;
    return true;
}

/* host, host:port, [::1]:port; as [text, end). */
static bool parse_host(struct redis_place *place, const char *text, const char *end)
{
    char port[8];
    const char *colon = memrchr(text, ':', (size_t)(end - text));
    const char *bracket = memrchr(text, ']', (size_t)(end - text));
    if (colon && bracket && colon < bracket)
        colon = NULL;
    const char *host_end = colon ? colon : end;
    if (*text == '[' && host_end[-1] == ']') {
        text++;
        host_end--;
    }
    place->port = 6379;
    if (!copy(place->host, sizeof(place->host), text, (size_t)(host_end - text)) || !place->host[0])
        return false;
    if (!colon || colon + 1 == end)
        return true;
    return copy(port, sizeof(port), colon + 1, (size_t)(end - colon - 1)) &&
           parse_number(port, 65535, &place->port) && place->port > 0;
}

bool dedup_redis_parse(const char *url, struct redis_place *ret_place)
{
    static const char tcp[] = "redis://", local[] = "unix://";
    struct redis_place place = {.port = 0};
    bool is_local = strncasecmp(url, local, sizeof(local) - 1) == 0;
    if (!is_local && strncasecmp(url, tcp, sizeof(tcp) - 1) != 0)
        return false;
    url += is_local ? sizeof(local) - 1 : sizeof(tcp) - 1;
    const char *query = strchr(url, '?'), *end = query ? query : url + strlen(url);
    const char *slash = memchr(url, '/', (size_t)(end - url));
    const char *authority_end = slash ? slash : end;
    const char *at = memrchr(url, '@', (size_t)(authority_end - url));
    if (at && !parse_user(&place, url, (size_t)(at - url)))
        return false;
    url = at ? at + 1 : url;
    if (is_local ? !slash || !copy(place.host, sizeof(place.host), slash, (size_t)(end - slash))
                 : !parse_host(&place, url, authority_end))
        return false;
    char db[16] = "";
    const char *asked = query ? strstr(query, "db=") : NULL;
    if (asked)
        copy(db, sizeof(db), asked + 3, strcspn(asked + 3, "&"));
    else if (!is_local && slash && slash + 1 < end)
        copy(db, sizeof(db), slash + 1, (size_t)(end - slash - 1));
    if (db[0] && !parse_number(db, 65535, &place.db))
        return false;
    *ret_place = place;
    return true;
}

static int refused(redisContext *context, redisReply *reply, const char *what, char ret_problem[200])
{
    const char *why = reply && reply->type == REDIS_REPLY_ERROR ? reply->str : reply ? NULL : context->errstr;
    if (why)
        snprintf(ret_problem, 200, "%s: %s", what, why);
    freeReplyObject(reply);
    return why ? -EACCES : 0;
}

static int check_log_in(redisContext *context, const struct redis_place *place, char ret_problem[200])
{
    int status = 0;
    if (place->password[0])
        status = refused(context,
                         place->user[0] ? redisCommand(context, "AUTH %s %s", place->user, place->password)
                                        : redisCommand(context, "AUTH %s", place->password),
                         "AUTH", ret_problem);
    if (status == 0 && place->db)
        status = refused(context, redisCommand(context, "SELECT %d", place->db), "SELECT", ret_problem);
    return status == 0 ? refused(context, redisCommand(context, "PING"), "PING", ret_problem) : status;
}

int dedup_redis_check(const char *url, uint32_t timeout_ms, char ret_problem[200], char ret_server[120])
{
    struct redis_place place;
    struct timeval timeout = {.tv_sec = timeout_ms / 1000,
                              .tv_usec = (suseconds_t)(timeout_ms % 1000) * 1000};
    if (!dedup_redis_parse(url, &place)) {
        snprintf(ret_problem, 200, "redis://[:password@]host[:port][/db] is allowed");
        return -EINVAL;
    }
    redisContext *context = place.port ? redisConnectWithTimeout(place.host, place.port, timeout)
                                       : redisConnectUnixWithTimeout(place.host, timeout);
    if (!context || context->err) {
        snprintf(ret_problem, 200, "%s", context ? context->errstr : "out of memory");
        if (context)
            redisFree(context);
        return -ECONNREFUSED;
    }
    redisSetTimeout(context, timeout);
    int status = check_log_in(context, &place, ret_problem);
    redisReply *reply = status == 0 ? redisCommand(context, "INFO server") : NULL;
    const char *version = reply && reply->str ? strstr(reply->str, "redis_version:") : NULL;
    version = version ? version + sizeof("redis_version:") - 1 : "";
    if (status == 0)
        snprintf(ret_server, 120, "Redis %.*s", (int)strcspn(version, "\r\n"), version);
    freeReplyObject(reply);
    redisFree(context);
    return status;
}
