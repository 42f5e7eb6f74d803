/* script: scripts and functions by name, their text hidden; error replies' first words; what is hidden whole. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

static redisContext *c;

static void show(redisReply *reply)
{
    if (reply && reply->str)
        printf("%d %s\n", reply->type, reply->str);
    else
        printf("%d\n", reply ? reply->type : -1);
    freeReplyObject(reply);
}

int main(void)
{
    static const char library[] =
        "#!lua name=shimtest\n"
        "redis.register_function('shim_get', function(keys, args) return redis.call('GET', keys[1]) end)";
    static const char secret[] = "return redis.error_reply('MOVED 1234 127.0.0.1:7000')";
    c = redisConnect("127.0.0.1", atoi(getenv("REDIS_PORT")));
    show(redisCommand(c, "SET script-key %s", "value"));
    show(redisCommand(c, "EVAL %s 1 script-key %s", "return redis.call('GET', KEYS[1]) .. ARGV[1]",
                      "argument"));
    redisReply *reply = redisCommand(c, "SCRIPT LOAD %s", "return ARGV[1]");
    show(redisCommand(c, "EVALSHA %s 0 %s", reply->str, "argument"));
    freeReplyObject(reply);
    show(redisCommand(c, "EVALSHA %s 0", "0000000000000000000000000000000000000000"));
    freeReplyObject(redisCommand(c, "FUNCTION LOAD REPLACE %s", library));
    show(redisCommand(c, "FCALL shim_get 1 script-key"));
    show(redisCommand(c, "EVAL %s 0", secret));
    show(redisCommand(c, "GET"));
    show(redisCommand(c, "AUTH %s %s", "user", "password"));
    show(redisCommand(c, "HELLO 2 AUTH %s %s", "user", "password"));
    show(redisCommand(c, "NOSUCHCOMMAND %s %d", "secret", 5));
    redisFree(c);
    return 0;
}
