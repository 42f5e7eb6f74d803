/*
 * Random calls of hiredis: hiredis SEED [STEPS]. See random.h.
 *
 * A tag is the command's first two words, as far as the exporter shows them.
 */
#include "../hiredis/poll_loop.h"
#include "random.h"
#include <fcntl.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#define N_SYNC 4
#define N_ASYNC 3
#define MAX_PENDING 256

struct sync {
    redisContext *c;
    bool has_quit; /* the server closes: how its client notices is a matter of time */
    int n_pending;
    char pending[MAX_PENDING][TAG_BYTES];
};

struct sent;

struct async {
    redisAsyncContext *ac; /* NULL: none, or freed by hiredis */
    struct poll_loop loop;
    int n_pending;
    struct sent *pending[MAX_PENDING];
    bool is_ending; /* disconnecting or to be freed: takes nothing more */
};

struct world {
    struct base base;
    struct sync syncs[N_SYNC];
    struct async asyncs[N_ASYNC];
    int n_wanted; /* messages */
    bool is_done;
};

/* A command on its way. */
struct sent {
    struct world *w;
    struct async *async;
    char tag[TAG_BYTES];
    uint32_t action;
};

static struct world *world_create(struct base base)
{
    struct world *w = calloc(1, sizeof(*w));
    w->base = base;
    return w;
}

static struct base *base_of(struct world *w)
{
    return &w->base;
}

/* ---- replies ---- */

static bool is_error(const redisReply *reply)
{
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        return true;
    return false;
}

static bool has_error(const redisReply *reply)
{
    for (size_t i = 0; reply && reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++)
        if (is_error(reply->element[i]))
            return true;
    return is_error(reply);
}

static void say_reply(struct base *base, const redisReply *reply)
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
            say_reply(base, reply->element[i]);
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

static const char *outcome_of(const char *tag, const redisReply *reply)
{
    return failed_if(strncmp(tag, "EXEC", 4) ? is_error(reply) : has_error(reply));
}

/* ---- commands ---- */

struct command {
    const char *words[8];
    int n_words;
    char text[4][48];
    char tag[TAG_BYTES];
};

static const char *key_of(struct world *w, struct command *command)
{
    snprintf(command->text[0], sizeof(command->text[0]), "w%d:k%u", w->base.number, roll(&w->base, 6));
    return command->text[0];
}

static void fill(struct command *command, int n, ...)
{
    va_list words;
    va_start(words, n);
    command->n_words = n;
    for (int i = 0; i < n; i++)
        command->words[i] = va_arg(words, const char *);
    va_end(words);
}

/* Any that has one reply and waits for nothing. */
static void choose(struct world *w, struct command *command)
{
    static const char big[] = "a long value, over and over again: 0123456789012345678901234567890123456789";
    const char *key = key_of(w, command);
    snprintf(command->text[1], sizeof(command->text[1]), "%u", roll(&w->base, 1000));
    const char *number = command->text[1];
    switch (roll(&w->base, 14)) {
    case 0:
        fill(command, 2, "GET", key);
        break;
    case 1:
        fill(command, 3, "SET", key, one_in(&w->base, 3) ? big : number);
        break;
    case 2:
        fill(command, 2, "INCR", key);
        break;
    case 3:
        fill(command, 3, "LPUSH", key, number);
        break;
    case 4:
        fill(command, 4, "LRANGE", key, "0", "5");
        break;
    case 5:
        fill(command, 2, "DEL", key);
        break;
    case 6:
        fill(command, 4, "HSET", key, "f", number);
        break;
    case 7:
        fill(command, 2, "HGETALL", key);
        break;
    case 8:
        fill(command, 3, "NOSUCH", key, number);
        break;
    case 9:
        fill(command, 1, "PING");
        break;
    case 10:
        fill(command, 2, "TYPE", key);
        break;
    case 11:
        fill(command, 1, "GET"); /* too few */
        break;
    case 12:
        fill(command, 2, "EXISTS", key);
        break;
    default:
        fill(command, 2, "STRLEN", key);
    }
    /* What is not known is shown without its arguments. */
    bool has_key = command->n_words > 1 && strcmp(command->words[0], "NOSUCH") != 0;
    snprintf(command->tag, sizeof(command->tag), "%s%s%s", command->words[0], has_key ? " " : "",
             has_key ? command->words[1] : "");
}

/* ---- synchronous ---- */

static const char *socket_path(void)
{
    return getenv("REDIS_SOCKET");
}

static int port(void)
{
    return atoi(getenv("REDIS_PORT"));
}

static int connected_fd(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof(name.sun_path), "%s", socket_path());
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
        return redisConnect("127.0.0.1", port());
    case 1:
        return redisConnectUnix(socket_path());
    case 2:
        return redisConnectWithTimeout("localhost", port(), patience);
    case 3:
        return redisConnectUnixWithTimeout(socket_path(), patience);
    case 4:
        return redisConnectFd(connected_fd());
    case 5:
        return redisConnect("127.0.0.1", 1); /* refused */
    case 6:
        return redisConnectUnix("/nonexistent/redis.sock");
    default:
        return redisConnect("127.0.0.1", port());
    }
}

static void connect_sync(struct world *w, struct sync *sync)
{
    uint32_t way = roll(&w->base, 8);
    sync->c = make_context(way);
    sync->n_pending = 0;
    sync->has_quit = false;
    bool has_failed = !sync->c || sync->c->err;
    say(&w->base, "connect %u: %d '%s'\n", way, sync->c ? sync->c->err : -1, sync->c ? sync->c->errstr : "");
    expect_span(&w->base, failed_if(has_failed), "redis connect");
}

static void say_error(struct world *w, const struct sync *sync)
{
    if (sync->has_quit)
        say(&w->base, " %s\n", sync->c->err ? "failed" : "fine");
    else
        say(&w->base, " err %d '%s'\n", sync->c->err, sync->c->errstr);
}

static void resolve_all(struct world *w, struct sync *sync, const char *outcome)
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
    expect_span(&w->base, outcome_of(sync->pending[0], reply), sync->pending[0]);
    memmove(sync->pending[0], sync->pending[1], (size_t)--sync->n_pending * TAG_BYTES);
}

static void append_pending(struct sync *sync, const char *tag)
{
    snprintf(sync->pending[sync->n_pending++], TAG_BYTES, "%s", tag);
}

/* The reply that a call handed out: of the oldest command; none: the context has failed. */
static void take_reply(struct world *w, struct sync *sync, redisReply *reply)
{
    say_reply(&w->base, reply);
    say_error(w, sync);
    if (reply)
        resolve_oldest(w, sync, reply);
    else
        resolve_all(w, sync, "ERROR");
    if (reply)
        freeReplyObject(reply);
}

/* The same of a command's own call. A context that once refused a command refuses them all, and keeps its replies. */
static void take_answer(struct world *w, struct sync *sync, redisReply *reply)
{
    bool is_refused = !reply && sync->c->err == REDIS_ERR_OTHER;
    if (!is_refused) {
        take_reply(w, sync, reply);
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

static void lengths_of(const struct command *command, size_t *lengths)
{
    for (int i = 0; i < command->n_words; i++)
        lengths[i] = strlen(command->words[i]);
}

static const char *format_of(const struct command *command)
{
    static const char *const formats[] = {"", "%s", "%s %s", "%s %s %s", "%s %s %s %s"};
    return formats[command->n_words];
}

#define WORDS(command) (command).words[0], (command).words[1], (command).words[2], (command).words[3]

static void call(struct world *w, struct sync *sync)
{
    struct command command = {0};
    choose(w, &command);
    say(&w->base, "call %s: ", command.tag);
    append_pending(sync, command.tag);
    redisReply *reply;
    size_t lengths[8];
    lengths_of(&command, lengths);
    switch (roll(&w->base, 3)) {
    case 0:
        reply = redisCommand(sync->c, format_of(&command), WORDS(command));
        break;
    case 1:
        reply = run_v(sync->c, format_of(&command), WORDS(command));
        break;
    default:
        reply =
            redisCommandArgv(sync->c, command.n_words, command.words, one_in(&w->base, 2) ? lengths : NULL);
    }
    take_answer(w, sync, reply);
}

static void call_words(struct world *w, struct sync *sync, const char *text)
{
    say(&w->base, "call %s: ", text);
    append_pending(sync, text);
    take_answer(w, sync, redisCommand(sync->c, text));
}

static void append_one(struct world *w, struct sync *sync)
{
    struct command command = {0};
    choose(w, &command);
    size_t lengths[8];
    lengths_of(&command, lengths);
    char *text = NULL;
    int result = 0;
    switch (roll(&w->base, 4)) {
    case 0:
        result = redisAppendCommand(sync->c, format_of(&command), WORDS(command));
        break;
    case 1:
        result = append_v(sync->c, format_of(&command), WORDS(command));
        break;
    case 2:
        result = redisAppendCommandArgv(sync->c, command.n_words, command.words, lengths);
        break;
    default: {
        int bytes = redisFormatCommand(&text, format_of(&command), WORDS(command));
        result = redisAppendFormattedCommand(sync->c, text, (size_t)bytes);
        redisFreeCommand(text);
    }
    }
    say(&w->base, "append %s: %d\n", command.tag, result);
    append_pending(sync, command.tag);
}

static void get_one(struct world *w, struct sync *sync)
{
    void *reply = NULL;
    int result = redisGetReply(sync->c, &reply);
    say(&w->base, "get: %d ", result);
    take_reply(w, sync, reply);
}

/* What the reader has already: how much that is depends on the network, so all is taken before it is told. */
static void get_read(struct world *w, struct sync *sync)
{
    int is_flushed = 0;
    while (!sync->c->err && !is_flushed)
        if (redisBufferWrite(sync->c, &is_flushed) != REDIS_OK)
            break;
    while (sync->n_pending && !sync->c->err) {
        void *reply = NULL;
        if (redisGetReplyFromReader(sync->c, &reply) != REDIS_OK)
            break;
        if (reply) {
            say(&w->base, "read: ");
            take_reply(w, sync, reply);
        } else if (redisBufferRead(sync->c) != REDIS_OK) {
            break;
        }
    }
    if (sync->n_pending)
        resolve_all(w, sync, sync->c->err ? "ANY" : "ERROR");
}

static void pipeline(struct world *w, struct sync *sync)
{
    uint32_t n = 1 + roll(&w->base, one_in(&w->base, 8) ? 60 : 8);
    for (uint32_t i = 0; i < n && sync->n_pending < MAX_PENDING - 2; i++)
        append_one(w, sync);
    uint32_t n_taken = roll(&w->base, n + 1);
    for (uint32_t i = 0; i < n_taken && sync->n_pending; i++)
        get_one(w, sync);
}

static void multi(struct world *w, struct sync *sync)
{
    while (sync->n_pending && !sync->c->err)
        get_one(w, sync);
    call_words(w, sync, "MULTI");
    for (uint32_t i = roll(&w->base, 4); i; i--)
        one_in(&w->base, 3) ? append_one(w, sync) : call(w, sync);
    while (sync->n_pending && !sync->c->err)
        get_one(w, sync);
    call_words(w, sync, one_in(&w->base, 4) ? "DISCARD" : "EXEC");
}

static void select_database(struct world *w, struct sync *sync)
{
    static const char *const texts[] = {"SELECT 0",  "SELECT 1", "SELECT 2",
                                        "SELECT 99", "select 1", "SELECT"};
    call_words(w, sync, texts[roll(&w->base, 6)]);
}

static void refused_format(struct world *w, struct sync *sync)
{
    redisReply *reply = redisCommand(sync->c, "SET bad %y", "value");
    say(&w->base, "bad format: %s", reply ? "a reply" : "none");
    say_error(w, sync);
    if (reply)
        freeReplyObject(reply);
    expect_span(&w->base, "ANY", "SET bad");
}

static void reconnect(struct world *w, struct sync *sync)
{
    resolve_all(w, sync, "ANY");
    sync->has_quit = false;
    int result = redisReconnect(sync->c);
    say(&w->base, "reconnect: %d %d '%s'\n", result, sync->c->err, sync->c->errstr);
    expect_span(&w->base, failed_if(result != REDIS_OK), "redis connect");
}

static void free_sync(struct world *w, struct sync *sync)
{
    resolve_all(w, sync, "ANY");
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

/* The server says goodbye; what comes after fails. */
static void quit(struct world *w, struct sync *sync)
{
    while (sync->n_pending && !sync->c->err)
        get_one(w, sync);
    call_words(w, sync, "QUIT");
    sync->has_quit = true;
    if (!sync->c->err) {
        append_pending(sync, "PING");
        redisReply *reply = redisCommand(sync->c, "PING");
        say(&w->base, "after quit: %s %s\n", reply ? "a reply" : "none", sync->c->err ? "failed" : "fine");
        resolve_all(w, sync, "ERROR");
        if (reply)
            freeReplyObject(reply);
    }
}

static void subscribe(struct world *w, struct sync *sync, struct sync *other)
{
    char text[64], channel[32];
    snprintf(channel, sizeof(channel), "w%d:news", w->base.number);
    while (sync->n_pending && !sync->c->err)
        get_one(w, sync);
    while (other->c && other->n_pending && !other->c->err)
        get_one(w, other);
    if (sync->c->err || !other->c || other->c->err || other == sync)
        return;
    snprintf(text, sizeof(text), "SUBSCRIBE %s", channel);
    call_words(w, sync, text);
    uint32_t n = roll(&w->base, 3);
    for (uint32_t i = 0; i < n; i++) {
        snprintf(text, sizeof(text), "PUBLISH %s %u", channel, i);
        redisReply *reply = redisCommand(other->c, text);
        say_reply(&w->base, reply);
        say(&w->base, " published\n");
        snprintf(text, sizeof(text), "PUBLISH %s", channel);
        expect_span(&w->base, failed_if(is_error(reply)), text);
        freeReplyObject(reply);
        void *message = NULL;
        int result = redisGetReply(sync->c, &message);
        say(&w->base, "message %d ", result);
        say_reply(&w->base, message);
        say(&w->base, "\n");
        if (message)
            freeReplyObject(message);
    }
    snprintf(text, sizeof(text), "UNSUBSCRIBE %s", channel);
    call_words(w, sync, text);
}

static void sync_step(struct world *w)
{
    struct sync *sync = &w->syncs[roll(&w->base, N_SYNC)];
    if (!sync->c) {
        connect_sync(w, sync);
        return;
    }
    if (sync->c->err) { /* one more try, then a new life */
        uint32_t way = roll(&w->base, 4);
        way == 0   ? call(w, sync)
        : way == 1 ? pipeline(w, sync)
        : way == 2 ? reconnect(w, sync)
                   : free_sync(w, sync);
        return;
    }
    switch (roll(&w->base, 16)) {
    case 0:
    case 1:
        pipeline(w, sync);
        break;
    case 2:
        get_read(w, sync);
        break;
    case 3:
        multi(w, sync);
        break;
    case 4:
        select_database(w, sync);
        break;
    case 5:
        refused_format(w, sync);
        break;
    case 6:
        reconnect(w, sync);
        break;
    case 7:
        free_sync(w, sync);
        break;
    case 8:
        one_in(&w->base, 3) ? quit(w, sync) : call(w, sync);
        break;
    case 9:
        subscribe(w, sync, &w->syncs[roll(&w->base, N_SYNC)]);
        break;
    case 10:
        if (sync->n_pending)
            get_one(w, sync);
        break;
    default:
        if (sync->n_pending < MAX_PENDING - 2)
            call(w, sync);
    }
}

/* ---- asynchronous ---- */

static void send_async(struct world *w, struct async *async, bool is_inside);

/* What a callback does besides. */
static void act(struct world *w, struct async *async, uint32_t action)
{
    if (async->is_ending)
        return;
    if (action < 3) {
        send_async(w, async, true);
    } else if (action == 3) {
        say(&w->base, "disconnect inside\n");
        async->is_ending = true;
        redisAsyncDisconnect(async->ac);
    } else if (action == 4) {
        say(&w->base, "free inside\n");
        async->is_ending = true;
        redisAsyncFree(async->ac);
    }
}

static void forget_sent(struct async *async, const struct sent *sent)
{
    int i = 0;
    while (async->pending[i] != sent)
        i++;
    memmove(&async->pending[i], &async->pending[i + 1], (size_t)(--async->n_pending - i) * sizeof(sent));
}

static void called_back(redisAsyncContext *ac, void *answer, void *data)
{
    struct sent *sent = data;
    struct world *w = sent->w;
    redisReply *reply = answer;
    say(&w->base, "callback %s: ", sent->tag);
    say_reply(&w->base, reply);
    say(&w->base, " err %d '%s'\n", ac->err, ac->errstr);
    expect_span(&w->base, reply ? outcome_of(sent->tag, reply) : failed_if(ac->err != 0), sent->tag);
    forget_sent(sent->async, sent);
    w->is_done = !sent->async->n_pending;
    act(w, sent->async, sent->action);
    w->is_done = !sent->async->n_pending;
    free(sent);
}

/* A last act: the compiler jumps, and the call has the library's return address. */
static void calls_as_last_act(redisAsyncContext *ac, void *answer, void *data)
{
    struct sent *sent = data;
    struct world *w = sent->w;
    struct async *async = sent->async;
    called_back(ac, answer, data);
    if (!async->is_ending && one_in(&w->base, 2))
        send_async(w, async, true);
}

static int send_with(struct base *base, redisAsyncContext *ac, redisCallbackFn *function, void *data,
                     const struct command *command)
{
    size_t lengths[8];
    const char *words[8];
    lengths_of(command, lengths);
    memcpy(words, command->words, sizeof(words));
    if (one_in(base, 3))
        return redisAsyncCommandArgv(ac, function, data, command->n_words, words, lengths);
    if (one_in(base, 3)) {
        char *text = NULL;
        int bytes = redisFormatCommand(&text, format_of(command), WORDS(*command));
        int result = redisAsyncFormattedCommand(ac, function, data, text, (size_t)bytes);
        redisFreeCommand(text);
        return result;
    }
    return redisAsyncCommand(ac, function, data, format_of(command), WORDS(*command));
}

static void send_async(struct world *w, struct async *async, bool is_inside)
{
    struct command command = {0};
    choose(w, &command);
    bool is_silent = one_in(&w->base, 5);
    struct sent *sent = calloc(1, sizeof(*sent));
    sent->w = w;
    sent->async = async;
    sent->action = is_inside ? 10 + roll(&w->base, 4) : roll(&w->base, 20);
    snprintf(sent->tag, sizeof(sent->tag), "%s", command.tag);
    redisCallbackFn *function = is_silent ? NULL : one_in(&w->base, 4) ? calls_as_last_act : called_back;
    int result = send_with(&w->base, async->ac, function, sent, &command);
    say(&w->base, "send %s%s: %d\n", command.tag, is_silent ? " silently" : "", result);
    if (result != REDIS_OK)
        expect_span(&w->base, "MAYBE", command.tag);
    else if (is_silent)
        expect_span(&w->base, "UNSET", command.tag);
    else
        async->pending[async->n_pending++] = sent;
    if (result != REDIS_OK || is_silent)
        free(sent);
}

static void told_connected(const redisAsyncContext *ac, int status)
{
    struct async *async = ac->data;
    if (status != REDIS_OK) /* hiredis frees it now */
        async->is_ending = true;
}

static void told_disconnected(const redisAsyncContext *ac, int status)
{
    (void)status;
    struct async *async = ac->data;
    async->is_ending = true;
}

static void connect_async(struct world *w, struct async *async)
{
    uint32_t way = roll(&w->base, 5);
    redisAsyncContext *ac = way == 0   ? redisAsyncConnect("127.0.0.1", port())
                            : way == 1 ? redisAsyncConnectUnix(socket_path())
                            : way == 2 ? redisAsyncConnectBind("127.0.0.1", port(), "127.0.0.1")
                            : way == 3 ? redisAsyncConnect("127.0.0.1", 1)
                                       : redisAsyncConnectUnix("/nonexistent/redis.sock");
    say(&w->base, "async connect %u: %d '%s'\n", way, ac ? ac->err : -1, ac ? ac->errstr : "");
    expect_span(&w->base, failed_if(!ac || ac->err), "redis connect");
    if (ac && ac->err) {
        redisAsyncFree(ac);
        return;
    }
    *async = (struct async){.ac = ac};
    ac->data = async;
    loop_attach(&async->loop, ac);
    redisAsyncSetConnectCallback(ac, told_connected);
    redisAsyncSetDisconnectCallback(ac, told_disconnected);
    async->loop.wants_write = true;
}

/* Until all is answered, or the context is gone. */
static void drive(struct world *w, struct async *async)
{
    w->is_done = !async->n_pending && !async->is_ending;
    loop_run(&async->loop, async->ac, &w->is_done, true);
    if (async->loop.is_over) {
        say(&w->base, "gone with %d\n", async->n_pending);
        async->ac = NULL;
    }
}

static void end_async(struct world *w, struct async *async, bool is_free)
{
    say(&w->base, "%s with %d\n", is_free ? "free" : "disconnect", async->n_pending);
    async->is_ending = true;
    if (is_free)
        redisAsyncFree(async->ac);
    else
        redisAsyncDisconnect(async->ac);
    if (!is_free && !async->loop.is_over)
        drive(w, async);
    async->ac = NULL;
}

static void took_message(redisAsyncContext *ac, void *answer, void *data)
{
    (void)ac;
    struct world *w = data;
    if (answer) {
        say(&w->base, "message ");
        say_reply(&w->base, answer);
        say(&w->base, "\n");
    }
    w->is_done = --w->n_wanted <= 0;
}

/* A context of its own, that is freed while it is subscribed. */
static void subscribe_async(struct world *w)
{
    struct async own = {0};
    char channel[32];
    snprintf(channel, sizeof(channel), "w%d:more", w->base.number);
    own.ac = redisAsyncConnect("127.0.0.1", port());
    expect_span(&w->base, failed_if(!own.ac || own.ac->err), "redis connect");
    loop_attach(&own.loop, own.ac);
    redisContext *c = redisConnect("127.0.0.1", port());
    expect_span(&w->base, failed_if(!c || c->err), "redis connect");
    w->n_wanted = 1;
    w->is_done = false;
    redisAsyncCommand(own.ac, took_message, w, "SUBSCRIBE %s", channel);
    char tag[64];
    snprintf(tag, sizeof(tag), "SUBSCRIBE %s", channel);
    expect_span(&w->base, "UNSET", tag);
    loop_run(&own.loop, own.ac, &w->is_done, true);
    int n = (int)roll(&w->base, 4);
    for (int i = 0; i < n; i++) {
        freeReplyObject(redisCommand(c, "PUBLISH %s %d", channel, i));
        snprintf(tag, sizeof(tag), "PUBLISH %s", channel);
        expect_span(&w->base, "UNSET", tag);
    }
    w->n_wanted = n;
    w->is_done = !n;
    loop_run(&own.loop, own.ac, &w->is_done, true);
    redisFree(c);
    redisAsyncFree(own.ac);
    say(&w->base, "subscriber is gone\n");
}

static void async_step(struct world *w)
{
    struct async *async = &w->asyncs[roll(&w->base, N_ASYNC)];
    if (!async->ac) {
        connect_async(w, async);
        return;
    }
    switch (roll(&w->base, 12)) {
    case 0:
        end_async(w, async, true);
        break;
    case 1:
        end_async(w, async, false);
        break;
    case 2:
        subscribe_async(w);
        break;
    case 3:
    case 4:
    case 5:
        drive(w, async);
        break;
    default:
        for (uint32_t i = 1 + roll(&w->base, 6); i; i--)
            send_async(w, async, false);
    }
}

/* ---- the world ---- */

static void world_step(struct world *w)
{
    uint32_t what = roll(&w->base, 40);
    if (what == 0)
        fork_child(&w->base);
    else if (what < 16)
        async_step(w);
    else
        sync_step(w);
}

static void world_end(struct world *w, bool is_tidy)
{
    for (int i = 0; i < N_SYNC; i++) {
        if (w->syncs[i].c && is_tidy)
            free_sync(w, &w->syncs[i]);
        else if (w->syncs[i].c)
            resolve_all(w, &w->syncs[i], "OPEN");
    }
    for (int i = 0; i < N_ASYNC; i++)
        if (w->asyncs[i].ac && is_tidy)
            end_async(w, &w->asyncs[i], one_in(&w->base, 2));
        else
            for (int j = 0; j < w->asyncs[i].n_pending; j++)
                expect_span(&w->base, "OPEN", w->asyncs[i].pending[j]->tag);
    if (is_tidy)
        free(w);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    redisContext *c = redisConnect("127.0.0.1", port());
    freeReplyObject(redisCommand(c, "FLUSHALL"));
    redisFree(c);
    printf("!span UNSET redis connect\n!span UNSET FLUSHALL\n");
    return random_main(argc, argv);
}
