/*
 * hiredis_async: asynchronous Redis commands, under any event loop.
 *
 *   begins   redisAsyncConnect, …Bind, …BindWithReuse, …Unix, …WithOptions (attempts to connect, as in hiredis.c); one
 *            operation per command: redisAsyncCommand, redisvAsyncCommand, redisAsyncCommandArgv,
 *            redisAsyncFormattedCommand
 *   ends     when hiredis calls back (hiredis_callback.c), before the program's own function runs; with the reply, or
 *            without one when the connection failed or was given up. What is never called back, or many times, is a
 *            span of the sending: commands without a callback, SUBSCRIBE and its family, MONITOR, whatever is sent
 *            while the context monitors, and (0.14) while it is subscribed
 *   copied   as in hiredis_command.c
 *   not read the adapter, the event loop: any will do
 *   traps    A callback may end in a call of these (a jump at -O2, so the return address lies in hiredis), and hiredis
 *            calls some of them itself: neither matters. redisAsyncCommand goes on to redisvAsyncCommand, so the
 *            library's own call of that is never made; redisAsyncFree and redisAsyncDisconnect mean the same whoever
 *            calls them. A context that failed is freed inside hiredis: seen by redisFree where the library calls it
 *            through the PLT, else by its last callback, else when the address is used again.
 */
#include "instrument/hiredis_callback.h"
#include "instrument/hiredis_format.h"
#include "instrument/hiredis_priv.h"
#include <stdarg.h>

/* ---- connecting ---- */

EXPORTED redisAsyncContext *redisAsyncConnect(const char *ip, int port)
{
    CALL_SITE;
    __typeof__(&redisAsyncConnect) real = REAL(redisAsyncConnect);
    struct span span;
    if (IS_INTERNAL(redisAsyncConnect) || !hiredis_connect_begin(&span))
        return real(ip, port);
    redisAsyncContext *ac = real(ip, port);
    hiredis_connect_end(&span, ac ? &ac->c : NULL, &entry_points[ENTRY_redisAsyncConnect], ip, port);
    return ac;
}

EXPORTED redisAsyncContext *redisAsyncConnectBind(const char *ip, int port, const char *source_addr)
{
    CALL_SITE;
    __typeof__(&redisAsyncConnectBind) real = REAL(redisAsyncConnectBind);
    struct span span;
    if (IS_INTERNAL(redisAsyncConnectBind) || !hiredis_connect_begin(&span))
        return real(ip, port, source_addr);
    redisAsyncContext *ac = real(ip, port, source_addr);
    hiredis_connect_end(&span, ac ? &ac->c : NULL, &entry_points[ENTRY_redisAsyncConnectBind], ip, port);
    return ac;
}

EXPORTED redisAsyncContext *redisAsyncConnectBindWithReuse(const char *ip, int port, const char *source_addr)
{
    CALL_SITE;
    __typeof__(&redisAsyncConnectBindWithReuse) real = REAL(redisAsyncConnectBindWithReuse);
    struct span span;
    if (IS_INTERNAL(redisAsyncConnectBindWithReuse) || !hiredis_connect_begin(&span))
        return real(ip, port, source_addr);
    redisAsyncContext *ac = real(ip, port, source_addr);
    hiredis_connect_end(&span, ac ? &ac->c : NULL, &entry_points[ENTRY_redisAsyncConnectBindWithReuse], ip,
                        port);
    return ac;
}

EXPORTED redisAsyncContext *redisAsyncConnectUnix(const char *path)
{
    CALL_SITE;
    __typeof__(&redisAsyncConnectUnix) real = REAL(redisAsyncConnectUnix);
    struct span span;
    if (IS_INTERNAL(redisAsyncConnectUnix) || !hiredis_connect_begin(&span))
        return real(path);
    redisAsyncContext *ac = real(path);
    hiredis_connect_end(&span, ac ? &ac->c : NULL, &entry_points[ENTRY_redisAsyncConnectUnix], path, 0);
    return ac;
}

EXPORTED redisAsyncContext *redisAsyncConnectWithOptions(const redisOptions *options)
{
    CALL_SITE;
    __typeof__(&redisAsyncConnectWithOptions) real = REAL(redisAsyncConnectWithOptions);
    struct span span;
    if (IS_INTERNAL(redisAsyncConnectWithOptions) || !hiredis_connect_begin(&span))
        return real(options);
    redisAsyncContext *ac = real(options);
    hiredis_connect_end(&span, ac ? &ac->c : NULL, &entry_points[ENTRY_redisAsyncConnectWithOptions], NULL,
                        0);
    return ac;
}

/* ---- commands ---- */

struct async_command {
    struct connection *connection;
    const struct hiredis_library *library; /* the connection's, or `other` */
    struct hiredis_library other;
    struct hiredis_callback *callback; /* NULL: a span of the sending */
    struct operation *operation;
    struct hiredis_effect effect;
    struct span span;
    redisCallbackFn *function; /* what goes to hiredis */
    void *data;
};

/* Will the program's function be called exactly once? */
static bool is_awaited(const struct async_command *command, unsigned flags)
{
    enum hiredis_verb verb = command->effect.verb;
    if (!command->function || !command->connection || verb == HIREDIS_SUBSCRIBE || verb == HIREDIS_MONITOR ||
        (flags & HIREDIS_MONITORING))
        return false;
    const struct hiredis_layout *layout = command->library->layout;
    return !(flags & HIREDIS_SUBSCRIBED) || (layout && layout->has_replies_while_subscribed);
}

static bool begin_awaited(struct async_command *command)
{
    struct hiredis_state *state = hiredis_state_of(command->connection);
    struct hiredis_callback *callback = hiredis_callback_take(state);
    if (!callback)
        return false;
    command->operation = operation_open(INSTRUMENT_hiredis, WIRE_CALL, command->connection, NULL);
    if (!command->operation) {
        hiredis_callback_release(state, callback);
        return false;
    }
    callback->function = command->function;
    callback->data = command->data;
    callback->operation = command->connection->last_operation;
    callback->serial = state->serial;
    callback->verb = command->effect.verb;
    command->callback = callback;
    command->function = hiredis_callback_run;
    command->data = callback;
    return true;
}

/* A context that is being freed has no entry any more, and gets none for a command that hiredis will refuse. */
static HOT bool begin(struct async_command *command, redisAsyncContext *ac, const struct real_entry *entry)
{
    const redisContext *c = ac ? &ac->c : NULL;
    if (!c || !lifecycle_is_active())
        return false;
    struct connection *connection = hiredis_find_connection(c);
    if (__builtin_expect(connection != NULL, 1)) {
        command->library = &hiredis_state_of(connection)->library;
    } else {
        command->other = hiredis_library_of(entry);
        command->library = &command->other;
    }
    unsigned flags = hiredis_flags(command->library, c);
    if (!connection && (flags & (HIREDIS_DISCONNECTING | HIREDIS_FREEING)))
        return false;
    command->connection = connection ? connection : hiredis_connection_of(c, entry);
    command->callback = NULL;
    command->operation = NULL;
    if (is_awaited(command, flags)) {
        if (!begin_awaited(command))
            return false;
    } else {
        return span_begin(&command->span, INSTRUMENT_hiredis, WIRE_CALL, c, command->connection);
    }
    return true;
}

/* Where its words go. */
static struct facts facts_of(const struct async_command *command)
{
    struct facts facts = command->operation ? operation_facts(command->operation) : command->span.facts;
    facts.max_bytes -= HIREDIS_LATER_BYTES;
    return facts;
}

static __attribute__((noinline)) void copy_format(const struct async_command *command, const char *format,
                                                  va_list arguments)
{
    struct facts facts = facts_of(command);
    hiredis_copy_format(&facts, format, arguments);
}

static void end(struct async_command *command, const redisAsyncContext *ac, int result)
{
    enum wire_outcome outcome = result == REDIS_OK ? WIRE_OK : WIRE_FAILED;
    if (outcome == WIRE_FAILED) {
        struct facts facts = command->operation ? operation_facts(command->operation) : command->span.facts;
        hiredis_copy_error(&facts, command->library, &ac->c);
    }
    if (!command->operation) {
        span_end(&command->span, outcome);
    } else if (outcome == WIRE_FAILED) {
        operation_close(command->connection, command->operation, outcome);
        hiredis_callback_release(hiredis_state_of(command->connection), command->callback);
    }
    if (outcome == WIRE_OK && command->connection && command->effect.verb != HIREDIS_PLAIN)
        hiredis_follow_sent(command->connection, command->operation, command->effect);
}

/* `command` has the program's function and data; they are what goes to hiredis where it is not recorded. */
static HOT int run_format(struct async_command *command, redisAsyncContext *ac, const char *format,
                          va_list arguments, const void *call_site)
{
    __typeof__(&redisvAsyncCommand) real = REAL_OF(redisvAsyncCommand, ac);
    command->effect = hiredis_effect_of_format(format, arguments);
    if (!begin(command, ac, &entry_points[ENTRY_redisvAsyncCommand]))
        return real(ac, command->function, command->data, format, arguments);
    if (__builtin_expect(command->operation != NULL, 1))
        hiredis_copy_format_into(command->operation, format, arguments);
    else
        copy_format(command, format, arguments);
    int result = real(ac, command->function, command->data, format, arguments);
    if (__builtin_expect(result != REDIS_OK || !command->operation || command->effect.verb != HIREDIS_PLAIN,
                         0))
        end(command, ac, result); /* else there is nothing to do until the reply */
    return result;
}

EXPORTED HOT int redisvAsyncCommand(redisAsyncContext *ac, redisCallbackFn *fn, void *privdata,
                                    const char *format, va_list ap)
{
    CALL_SITE;
    struct async_command command;
    command.function = fn;
    command.data = privdata;
    return run_format(&command, ac, format, ap, call_site);
}

EXPORTED HOT int redisAsyncCommand(redisAsyncContext *ac, redisCallbackFn *fn, void *privdata,
                                   const char *format, ...)
{
    CALL_SITE;
    struct async_command command;
    command.function = fn;
    command.data = privdata;
    va_list arguments;
    va_start(arguments, format);
    int result = run_format(&command, ac, format, arguments, call_site);
    va_end(arguments);
    return result;
}

/* NOLINTNEXTLINE(readability-function-size): hiredis' prototype */
EXPORTED HOT int redisAsyncCommandArgv(redisAsyncContext *ac, redisCallbackFn *fn, void *privdata, int argc,
                                       const char **argv, const size_t *argvlen)
{
    CALL_SITE;
    __typeof__(&redisAsyncCommandArgv) real = REAL_OF(redisAsyncCommandArgv, ac);
    struct async_command command = {.function = fn, .data = privdata};
    command.effect = hiredis_effect_of_words(argc, argv, argvlen);
    if (!begin(&command, ac, &entry_points[ENTRY_redisAsyncCommandArgv]))
        return real(ac, fn, privdata, argc, argv, argvlen);
    struct facts facts = facts_of(&command);
    hiredis_copy_words(&facts, argc, argv, argvlen);
    int result = real(ac, command.function, command.data, argc, argv, argvlen);
    end(&command, ac, result);
    return result;
}

/* One command: hiredis queues one callback, however many there are in the text. */
EXPORTED HOT int redisAsyncFormattedCommand(redisAsyncContext *ac, redisCallbackFn *fn, void *privdata,
                                            const char *cmd, size_t len)
{
    CALL_SITE;
    __typeof__(&redisAsyncFormattedCommand) real = REAL_OF(redisAsyncFormattedCommand, ac);
    struct async_command command = {.function = fn, .data = privdata};
    command.effect = hiredis_effect_of_protocol(cmd, len);
    if (!begin(&command, ac, &entry_points[ENTRY_redisAsyncFormattedCommand]))
        return real(ac, fn, privdata, cmd, len);
    struct facts facts = facts_of(&command);
    hiredis_copy_protocol(&facts, cmd, hiredis_protocol_length(cmd, len));
    int result = real(ac, command.function, command.data, cmd, len);
    end(&command, ac, result);
    return result;
}

/* ---- the end of a context ---- */

/* With nothing outstanding it is freed in the call; else behind its last reply, which hiredis_callback.c sees. */
EXPORTED void redisAsyncDisconnect(redisAsyncContext *ac)
{
    CALL_SITE;
    __typeof__(&redisAsyncDisconnect) real = REAL_OF(redisAsyncDisconnect, ac);
    struct connection *connection = ac ? hiredis_find_connection(&ac->c) : NULL;
    if (connection) {
        struct hiredis_state *state = hiredis_state_of(connection);
        unsigned flags = hiredis_flags(&state->library, &ac->c);
        state->is_closing = true;
        if (!connection->n_operations && !(flags & (HIREDIS_SUBSCRIBED | HIREDIS_MONITORING)))
            hiredis_forget(&ac->c);
    }
    real(ac);
}

/* Before the real call, which runs the callbacks of all that is outstanding and frees the memory. */
EXPORTED void redisAsyncFree(redisAsyncContext *ac)
{
    CALL_SITE;
    __typeof__(&redisAsyncFree) real = REAL_OF(redisAsyncFree, ac);
    if (ac)
        hiredis_forget(&ac->c);
    real(ac);
}
