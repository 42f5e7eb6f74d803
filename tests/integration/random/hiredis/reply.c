/* reply: what a reply says, and whether it is an error. */
#include "world.h"
#include <string.h>

bool reply_is_error(const redisReply *reply)
{
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        return true;
    return false;
}

static bool has_error(const redisReply *reply)
{
    for (size_t i = 0; reply && reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++)
        if (reply_is_error(reply->element[i]))
            return true;
    return reply_is_error(reply);
}

void reply_say(struct base *base, const redisReply *reply)
{
    if (!reply) {
        say(base, "(no reply)");
        return;
    }
    switch (reply->type) {
    case REDIS_REPLY_INTEGER:
        say(base, ":%lld", reply->integer);
        break;
    case REDIS_REPLY_ARRAY:
        say(base, "[");
        for (size_t i = 0; i < reply->elements; i++) {
            say(base, " ");
            reply_say(base, reply->element[i]);
        }
        say(base, " ]");
        break;
    case REDIS_REPLY_NIL:
        say(base, "nil");
        break;
    default:
        say(base, "%d'%.60s'", reply->type, reply->str);
    }
}

const char *reply_outcome(const char *tag, const redisReply *reply)
{
    return failed_if(strncmp(tag, "EXEC", 4) ? reply_is_error(reply) : has_error(reply));
}
