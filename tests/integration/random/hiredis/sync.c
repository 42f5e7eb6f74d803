/* sync: single calls of a context: connections, commands, appended commands, replies. */
#include "world.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int connected_fd(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof(name.sun_path), "%s", server_socket_path());
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&name, sizeof(name))) {
        close(fd);
        return -1;
    }
    return fd;
}

static redisContext *make_context(uint32_t way)
{
    struct timeval patience = {10, 0};
    switch (way) {
    case 0:
        return redisConnect("127.0.0.1", server_port());
    case 1:
        return redisConnectUnix(server_socket_path());
    case 2:
        return redisConnectWithTimeout("localhost", server_port(), patience);
    case 3:
        return redisConnectUnixWithTimeout(server_socket_path(), patience);
    case 4:
        return redisConnectFd(connected_fd());
    case 5:
        return redisConnect("127.0.0.1", 1); /* refused */
    case 6:
        return redisConnectUnix("/nonexistent/redis.sock");
    default:
        return redisConnect("127.0.0.1", server_port());
    }
}

void sync_connect(struct world *w, struct sync *sync)
{
    uint32_t way = roll(&w->base, 8);
    sync->c = make_context(way);
    sync->n_pending = 0;
    sync->has_quit = false;
    bool has_failed = !sync->c || sync->c->err;
    say(&w->base, "connect %u: %d '%s'\n", way, sync->c ? sync->c->err : -1, sync->c ? sync->c->errstr : "");
    expect_span(&w->base, failed_if(has_failed), "redis connect");
}

void sync_say_error(struct world *w, const struct sync *sync)
{
    if (sync->has_quit)
        say(&w->base, " %s\n", sync->c->err ? "failed" : "fine");
    else
        say(&w->base, " err %d '%s'\n", sync->c->err, sync->c->errstr);
}

void sync_resolve_all(struct world *w, struct sync *sync, const char *outcome)
{
    for (int i = 0; i < sync->n_pending; i++)
        expect_span(&w->base, outcome, sync->pending[i]);
    sync->n_pending = 0;
}

static void resolve_oldest(struct world *w, struct sync *sync, const redisReply *reply)
{
    if (!sync->n_pending) {
        say(&w->base, "nobody's reply\n");
        return;
    }
    expect_span(&w->base, reply_outcome(sync->pending[0], reply), sync->pending[0]);
    memmove(sync->pending[0], sync->pending[1], (size_t)--sync->n_pending * TAG_BYTES);
}

void sync_append_pending(struct sync *sync, const char *tag)
{
    snprintf(sync->pending[sync->n_pending++], TAG_BYTES, "%s", tag);
}

/* The reply that a call handed out: of the oldest command; none: the context has failed. */
void sync_take_reply(struct world *w, struct sync *sync, redisReply *reply)
{
    reply_say(&w->base, reply);
    sync_say_error(w, sync);
    if (reply)
        resolve_oldest(w, sync, reply);
    else
        sync_resolve_all(w, sync, "ERROR");
    if (reply)
        freeReplyObject(reply);
}

/* The same of a command's own call. A context that once refused a command refuses them all, and keeps its replies. */
static void take_answer(struct world *w, struct sync *sync, redisReply *reply)
{
    bool is_refused = !reply && sync->c->err == REDIS_ERR_OTHER;
    if (!is_refused) {
        sync_take_reply(w, sync, reply);
        return;
    }
    say(&w->base, "refused\n");
    expect_span(&w->base, "ERROR", sync->pending[--sync->n_pending]);
}

static redisReply *run_v(redisContext *c, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    redisReply *reply = redisvCommand(c, format, arguments);
    va_end(arguments);
    return reply;
}

static int append_v(redisContext *c, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int result = redisvAppendCommand(c, format, arguments);
    va_end(arguments);
    return result;
}

void sync_call(struct world *w, struct sync *sync)
{
    struct command command = {0};
    command_choose(w, &command);
    say(&w->base, "call %s: ", command.tag);
    sync_append_pending(sync, command.tag);
    redisReply *reply;
    size_t lengths[8];
    command_lengths(&command, lengths);
    switch (roll(&w->base, 3)) {
    case 0:
        reply = redisCommand(sync->c, command_format(&command), WORDS(command));
        break;
    case 1:
        reply = run_v(sync->c, command_format(&command), WORDS(command));
        break;
    default:
        reply =
            redisCommandArgv(sync->c, command.n_words, command.words, one_in(&w->base, 2) ? lengths : NULL);
    }
    take_answer(w, sync, reply);
}

void sync_call_words(struct world *w, struct sync *sync, const char *text)
{
    say(&w->base, "call %s: ", text);
    sync_append_pending(sync, text);
    take_answer(w, sync, redisCommand(sync->c, text));
}

void sync_append(struct world *w, struct sync *sync)
{
    struct command command = {0};
    command_choose(w, &command);
    size_t lengths[8];
    command_lengths(&command, lengths);
    char *text = NULL;
    int result = 0;
    switch (roll(&w->base, 4)) {
    case 0:
        result = redisAppendCommand(sync->c, command_format(&command), WORDS(command));
        break;
    case 1:
        result = append_v(sync->c, command_format(&command), WORDS(command));
        break;
    case 2:
        result = redisAppendCommandArgv(sync->c, command.n_words, command.words, lengths);
        break;
    default: {
        int bytes = redisFormatCommand(&text, command_format(&command), WORDS(command));
        result = redisAppendFormattedCommand(sync->c, text, (size_t)bytes);
        redisFreeCommand(text);
    }
    }
    say(&w->base, "append %s: %d\n", command.tag, result);
    sync_append_pending(sync, command.tag);
}

void sync_get(struct world *w, struct sync *sync)
{
    void *reply = NULL;
    int result = redisGetReply(sync->c, &reply);
    say(&w->base, "get: %d ", result);
    sync_take_reply(w, sync, reply);
}

void sync_reconnect(struct world *w, struct sync *sync)
{
    sync_resolve_all(w, sync, "ANY");
    sync->has_quit = false;
    int result = redisReconnect(sync->c);
    say(&w->base, "reconnect: %d %d '%s'\n", result, sync->c->err, sync->c->errstr);
    expect_span(&w->base, failed_if(result != REDIS_OK), "redis connect");
}

void sync_free(struct world *w, struct sync *sync)
{
    sync_resolve_all(w, sync, "ANY");
    say(&w->base, "free\n");
    if (one_in(&w->base, 6)) {
        int fd = redisFreeKeepFd(sync->c);
        if (fd >= 0)
            close(fd);
    } else {
        redisFree(sync->c);
    }
    sync->c = NULL;
}
