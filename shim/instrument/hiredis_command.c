/*
 * hiredis_command: Redis commands that are answered in the call, and pipelines.
 *
 *   begins   redisCommand, redisvCommand, redisCommandArgv; one operation per command: redisAppendCommand,
 *            redisvAppendCommand, redisAppendCommandArgv, redisAppendFormattedCommand
 *   ends     when the call returns; an operation by its reply, in order: redisGetReply, redisGetReplyFromReader, and
 *            a redisCommand while replies are outstanding, which returns the oldest of them. SUBSCRIBE and its family:
 *            when it is sent
 *   copied   the command (hiredis_format.c), the text of an error reply or of the first error within EXEC's
 *   not read replies that are no errors
 *   traps    A non-blocking context answers NULL and has queued the command. A reader with functions of the program's
 *            makes replies that are no redisReply. Pushes (RESP3) and messages (RESP2) are nobody's reply. Only
 *            redisvAppendCommand, redisAppendCommandArgv and the two GetReply are called by hiredis itself once
 *            redisCommand goes on to redisvCommand: only they ask IS_INTERNAL, so that a callback of hiredis whose
 *            last act is a command (a jump at -O2) is seen.
 */
#include "instrument/hiredis_format.h"
#include "instrument/hiredis_pipeline.h"
#include "instrument/hiredis_priv.h"
#include <stdarg.h>

/*
 * hiredis itself, which appends and asks for every reply of its own commands: told without a search, and so that the wrapper
 * is a jump. NULL: another caller, or to be looked at more closely. Needs CALL_SITE.
 */
#define REAL_FOR_HIREDIS(name) ((__typeof__(&name))real_for_hiredis(&entry_points[ENTRY_##name], call_site))
static inline void *real_for_hiredis(const struct real_entry *entry, const void *call_site)
{
    return real_is_in_library(entry, call_site) ? __atomic_load_n(&entry->function, __ATOMIC_ACQUIRE) : NULL;
}

/* ---- answered in the call ---- */

/* One call of the redisCommand family: a span of its own, or the newest command of a pipeline. */
struct command {
    struct connection *connection; /* NULL: no entry was free; then it is a span */
    struct hiredis_library library;
    bool is_appended;
    struct operation *operation; /* of an appended one; NULL: not recorded, but counted */
    struct facts facts;          /* of either */
    struct span span;
};

static HOT bool begin_command(struct command *command, const redisContext *c, const struct real_entry *entry)
{
    if (!lifecycle_is_active())
        return false;
    struct connection *connection = hiredis_connection_of(c, entry);
    command->connection = connection;
    command->library = connection ? hiredis_state_of(connection)->library : hiredis_library_of(entry);
    command->is_appended =
        connection && (hiredis_has_outstanding(connection) || !hiredis_is_blocking(&command->library, c));
    if (command->is_appended) {
        command->operation = hiredis_append_begin(connection);
        if (command->operation)
            command->facts = hiredis_append_facts(command->operation);
        return true;
    }
    if (!span_begin(&command->span, INSTRUMENT_hiredis, WIRE_CALL, c, connection))
        return false;
    command->facts = command->span.facts;
    command->facts.max_bytes -= HIREDIS_LATER_BYTES;
    return true;
}

/* NULL: nothing is recorded of this command. */
static struct facts *facts_of(struct command *command)
{
    return command->is_appended && !command->operation ? NULL : &command->facts;
}

/* NULL on a blocking context: hiredis refused the command (format, memory), or the connection is no more. */
static void end_appended(struct command *command, const redisContext *c, const void *reply,
                         struct hiredis_effect effect)
{
    int error = hiredis_error(&command->library, c);
    bool is_refused = !reply && (error == REDIS_ERR_OTHER || error == REDIS_ERR_OOM);
    hiredis_append_end(command->connection, c, command->operation, !is_refused, effect);
    if (reply)
        hiredis_end_oldest(command->connection, c, reply);
    else if (!is_refused && hiredis_is_blocking(&command->library, c))
        hiredis_fail_all(command->connection, c);
}

static HOT void end_command(struct command *command, const redisContext *c, const void *reply,
                            struct hiredis_effect effect)
{
    if (command->is_appended) {
        end_appended(command, c, reply, effect);
        return;
    }
    enum wire_outcome outcome = WIRE_FAILED;
    if (reply)
        outcome = hiredis_copy_reply(&command->span.facts, &command->library, c, reply,
                                     hiredis_reply_type(&command->library, c, reply), effect.verb);
    else
        hiredis_copy_error(&command->span.facts, &command->library, c);
    span_end(&command->span, outcome);
    if (effect.verb != HIREDIS_PLAIN && command->connection && reply) {
        hiredis_follow_sent(command->connection, &command->span, effect);
        hiredis_follow_answered(command->connection, c, &command->span, reply);
    }
}

static HOT void *run_format(redisContext *c, const char *format, va_list arguments, const void *call_site)
{
    __typeof__(&redisvCommand) real = REAL_OF(redisvCommand, c);
    struct command command;
    if (!begin_command(&command, c, &entry_points[ENTRY_redisvCommand]))
        return real(c, format, arguments);

    struct facts *facts = facts_of(&command);
    if (facts)
        hiredis_copy_format(facts, format, arguments);
    struct hiredis_effect effect = hiredis_effect_of_format(format, arguments);
    void *reply = real(c, format, arguments);
    end_command(&command, c, reply, effect);
    return reply;
}

EXPORTED HOT void *redisvCommand(redisContext *c, const char *format, va_list ap)
{
    CALL_SITE;
    return run_format(c, format, ap, call_site);
}

EXPORTED HOT void *redisCommand(redisContext *c, const char *format, ...)
{
    CALL_SITE;
    va_list arguments;
    va_start(arguments, format);
    void *reply = run_format(c, format, arguments, call_site);
    va_end(arguments);
    return reply;
}

EXPORTED HOT void *redisCommandArgv(redisContext *c, int argc, const char **argv, const size_t *argvlen)
{
    CALL_SITE;
    __typeof__(&redisCommandArgv) real = REAL_OF(redisCommandArgv, c);
    struct command command;
    if (!begin_command(&command, c, &entry_points[ENTRY_redisCommandArgv]))
        return real(c, argc, argv, argvlen);

    struct facts *facts = facts_of(&command);
    if (facts)
        hiredis_copy_words(facts, argc, argv, argvlen);
    struct hiredis_effect effect = hiredis_effect_of_words(argc, argv, argvlen);
    void *reply = real(c, argc, argv, argvlen);
    end_command(&command, c, reply, effect);
    return reply;
}

/* ---- pipelines ---- */

static inline __attribute__((always_inline)) struct connection *pipeline_of(const redisContext *c,
                                                                            const struct real_entry *entry)
{
    if (!lifecycle_is_active())
        return NULL;
    struct connection *connection = hiredis_find_connection(c);
    return __builtin_expect(connection != NULL, 1) ? connection : hiredis_connection_of(c, entry);
}

/* Of a command that may change how those behind it are to be read. `real` is redisvAppendCommand. */
static __attribute__((noinline)) int append_with_effect(struct connection *connection, redisContext *c,
                                                        struct operation *operation, const char *format,
                                                        va_list arguments,
                                                        __typeof__(&redisvAppendCommand) real)
{
    struct hiredis_effect effect = hiredis_effect_of_format(format, arguments);
    int result = real(c, format, arguments);
    hiredis_append_end(connection, c, operation, result == REDIS_OK, effect);
    return result;
}

static HOT __attribute__((noinline)) int append_format(redisContext *c, const char *format, va_list arguments,
                                                       const void *call_site)
{
    __typeof__(&redisvAppendCommand) real = REAL_OF(redisvAppendCommand, c);
    struct connection *connection = NULL;
    if (!IS_INTERNAL(redisvAppendCommand))
        connection = pipeline_of(c, &entry_points[ENTRY_redisvAppendCommand]);
    if (!connection)
        return real(c, format, arguments);

    struct operation *operation = hiredis_append_begin(connection);
    if (operation)
        hiredis_copy_format_into(operation, format, arguments);
    if (__builtin_expect(hiredis_may_have_effect(format), 0))
        return append_with_effect(connection, c, operation, format, arguments, real);
    int result = real(c, format, arguments);
    if (__builtin_expect(result == REDIS_OK, 1))
        hiredis_append_end_plain(connection, c, operation);
    else
        hiredis_append_end(connection, c, operation, false, (struct hiredis_effect){.verb = HIREDIS_PLAIN});
    return result;
}

EXPORTED HOT int redisvAppendCommand(redisContext *c, const char *format, va_list ap)
{
    CALL_SITE;
    __typeof__(&redisvAppendCommand) real = REAL_FOR_HIREDIS(redisvAppendCommand);
    return real ? real(c, format, ap) : append_format(c, format, ap, call_site);
}

EXPORTED HOT int redisAppendCommand(redisContext *c, const char *format, ...)
{
    CALL_SITE;
    va_list arguments;
    va_start(arguments, format);
    int result = append_format(c, format, arguments, call_site);
    va_end(arguments);
    return result;
}

static __attribute__((noinline)) int append_words(redisContext *c, int argc, const char **argv,
                                                  const size_t *argvlen, const void *call_site)
{
    __typeof__(&redisAppendCommandArgv) real = REAL_OF(redisAppendCommandArgv, c);
    struct connection *connection = NULL;
    if (!IS_INTERNAL(redisAppendCommandArgv))
        connection = pipeline_of(c, &entry_points[ENTRY_redisAppendCommandArgv]);
    if (!connection)
        return real(c, argc, argv, argvlen);

    struct operation *operation = hiredis_append_begin(connection);
    if (operation) {
        struct facts facts = hiredis_append_facts(operation);
        hiredis_copy_words(&facts, argc, argv, argvlen);
    }
    struct hiredis_effect effect = hiredis_effect_of_words(argc, argv, argvlen);
    int result = real(c, argc, argv, argvlen);
    hiredis_append_end(connection, c, operation, result == REDIS_OK, effect);
    return result;
}

EXPORTED HOT int redisAppendCommandArgv(redisContext *c, int argc, const char **argv, const size_t *argvlen)
{
    CALL_SITE;
    __typeof__(&redisAppendCommandArgv) real = REAL_FOR_HIREDIS(redisAppendCommandArgv);
    return real ? real(c, argc, argv, argvlen) : append_words(c, argc, argv, argvlen, call_site);
}

EXPORTED int redisAppendFormattedCommand(redisContext *c, const char *cmd, size_t len)
{
    CALL_SITE;
    __typeof__(&redisAppendFormattedCommand) real = REAL_OF(redisAppendFormattedCommand, c);
    struct connection *connection = NULL;
    if (!IS_INTERNAL(redisAppendFormattedCommand))
        connection = pipeline_of(c, &entry_points[ENTRY_redisAppendFormattedCommand]);
    int result = real(c, cmd, len);
    if (connection)
        hiredis_append_protocol(connection, c, cmd, len, result == REDIS_OK);
    return result;
}

static HOT __attribute__((noinline)) int get_reply(redisContext *c, void **reply, const void *call_site)
{
    __typeof__(&redisGetReply) real = REAL_OF(redisGetReply, c);
    if (IS_INTERNAL(redisGetReply))
        return real(c, reply);
    return hiredis_follow_reply(c, real(c, reply), reply);
}

EXPORTED HOT int redisGetReply(redisContext *c, void **reply)
{
    CALL_SITE;
    __typeof__(&redisGetReply) real = real_is_known(call_site) ? REAL_FOR_HIREDIS(redisGetReply) : NULL;
    return real ? real(c, reply) : get_reply(c, reply, call_site);
}

static __attribute__((noinline)) int get_reply_from_reader(redisContext *c, void **reply,
                                                           const void *call_site)
{
    __typeof__(&redisGetReplyFromReader) real = REAL_OF(redisGetReplyFromReader, c);
    if (IS_INTERNAL(redisGetReplyFromReader))
        return real(c, reply);
    return hiredis_follow_reply(c, real(c, reply), reply);
}

EXPORTED HOT int redisGetReplyFromReader(redisContext *c, void **reply)
{
    CALL_SITE;
    __typeof__(&redisGetReplyFromReader) real = REAL_FOR_HIREDIS(redisGetReplyFromReader);
    return real ? real(c, reply) : get_reply_from_reader(c, reply, call_site);
}
