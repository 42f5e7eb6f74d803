/*
 * hiredis: Redis commands that are answered in the call, and pipelines; hiredis 0.13 to 1.x.
 *
 *   begins   redisConnect, redisConnectWithTimeout, redisConnectUnix, redisConnectUnixWithTimeout, redisConnectFd,
 *            redisConnectWithOptions, redisReconnect (attempts to connect); redisCommand, redisvCommand,
 *            redisCommandArgv; one operation per command: redisAppendCommand, redisvAppendCommand,
 *            redisAppendCommandArgv, redisAppendFormattedCommand
 *   ends     when the call returns; an operation by its reply, in order: redisGetReply, redisGetReplyFromReader, and
 *            a redisCommand while replies are outstanding, which returns the oldest of them
 *   copied   the command (hiredis_format.c), the text of an error reply, error number and text of the context; once
 *            per context: host and port or path, database (SELECT is followed)
 *   not read replies that are no errors, redisOptions, the context but for the fields of hiredis_layout.h
 *   traps    on Debian hiredis calls itself through the PLT: IS_INTERNAL. A non-blocking context answers NULL and
 *            has queued the command. A context can come from a call that is not interposed: its entry is made at the
 *            first use. A reader with functions of the program's makes replies that are no redisReply.
 */
#include "instrument/hiredis_format.h"
#include "instrument/hiredis_pipeline.h"
#include "instrument/instrument.h"
#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <sys/time.h>

#if !defined(HIREDIS_MAJOR) || HIREDIS_MAJOR < 1
typedef struct redisOptions redisOptions;
redisContext *redisConnectWithOptions(const redisOptions *options);
#endif

/* Stands in for a real function that returns REDIS_OK or REDIS_ERR: nothing, which is REDIS_OK, would be a success. */
static int return_error(void)
{
    return REDIS_ERR;
}
#define ELSE_ERROR .missing = (void *)return_error

/* clang-format off */
#define ENTRY_POINTS(X)                        \
    X(redisConnect)                            \
    X(redisConnectWithTimeout)                 \
    X(redisConnectUnix)                        \
    X(redisConnectUnixWithTimeout)             \
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
    X(redisGetReplyFromReader, ELSE_ERROR)
/* clang-format on */
DEFINE_ENTRY_POINTS(ENTRY_POINTS);

/* Connecting. */

static bool begin_connect(struct span *span)
{
    return lifecycle_is_active() && span_begin(span, INSTRUMENT_hiredis, WIRE_CONNECT, NULL, NULL);
}

static void end_connect(struct span *span, redisContext *c, const struct real_entry *entry,
                        const char *endpoint, int port)
{
    if (!c) {
        facts_int(&span->facts, WIRE_ERROR_CODE, REDIS_ERR_OOM);
        span_end(span, WIRE_FAILED);
        return;
    }
    struct hiredis_library library = hiredis_library_of(entry);
    span_connection(span, hiredis_remember(c, entry, endpoint, port, 0));
    hiredis_copy_error(&span->facts, &library, c);
    span_end(span, hiredis_error(&library, c) ? WIRE_FAILED : WIRE_OK);
}

EXPORTED redisContext *redisConnect(const char *ip, int port)
{
    CALL_SITE;
    __typeof__(&redisConnect) real = REAL(redisConnect);
    struct span span;
    if (IS_INTERNAL(redisConnect) || !begin_connect(&span))
        return real(ip, port);
    redisContext *c = real(ip, port);
    end_connect(&span, c, &entry_points[ENTRY_redisConnect], ip, port);
    return c;
}

EXPORTED redisContext *redisConnectWithTimeout(const char *ip, int port, const struct timeval tv)
{
    CALL_SITE;
    __typeof__(&redisConnectWithTimeout) real = REAL(redisConnectWithTimeout);
    struct span span;
    if (IS_INTERNAL(redisConnectWithTimeout) || !begin_connect(&span))
        return real(ip, port, tv);
    redisContext *c = real(ip, port, tv);
    end_connect(&span, c, &entry_points[ENTRY_redisConnectWithTimeout], ip, port);
    return c;
}

EXPORTED redisContext *redisConnectUnix(const char *path)
{
    CALL_SITE;
    __typeof__(&redisConnectUnix) real = REAL(redisConnectUnix);
    struct span span;
    if (IS_INTERNAL(redisConnectUnix) || !begin_connect(&span))
        return real(path);
    redisContext *c = real(path);
    end_connect(&span, c, &entry_points[ENTRY_redisConnectUnix], path, 0);
    return c;
}

EXPORTED redisContext *redisConnectUnixWithTimeout(const char *path, const struct timeval tv)
{
    CALL_SITE;
    __typeof__(&redisConnectUnixWithTimeout) real = REAL(redisConnectUnixWithTimeout);
    struct span span;
    if (IS_INTERNAL(redisConnectUnixWithTimeout) || !begin_connect(&span))
        return real(path, tv);
    redisContext *c = real(path, tv);
    end_connect(&span, c, &entry_points[ENTRY_redisConnectUnixWithTimeout], path, 0);
    return c;
}

#if defined(HIREDIS_MAJOR) && HIREDIS_MAJOR >= 1
EXPORTED redisContext *redisConnectFd(redisFD fd)
#else
EXPORTED redisContext *redisConnectFd(int fd)
#endif
{
    CALL_SITE;
    __typeof__(&redisConnectFd) real = REAL(redisConnectFd);
    struct span span;
    if (IS_INTERNAL(redisConnectFd) || !begin_connect(&span))
        return real(fd);
    redisContext *c = real(fd);
    end_connect(&span, c, &entry_points[ENTRY_redisConnectFd], NULL, 0);
    return c;
}

EXPORTED redisContext *redisConnectWithOptions(const redisOptions *options)
{
    CALL_SITE;
    __typeof__(&redisConnectWithOptions) real = REAL(redisConnectWithOptions);
    struct span span;
    if (IS_INTERNAL(redisConnectWithOptions) || !begin_connect(&span))
        return real(options);
    redisContext *c = real(options);
    end_connect(&span, c, &entry_points[ENTRY_redisConnectWithOptions], NULL, 0);
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
        hiredis_use_database(connection, 0);
    }
    struct span span;
    if (!span_begin(&span, INSTRUMENT_hiredis, WIRE_CONNECT, c, connection))
        return real(c);
    int result = real(c);
    if (result != REDIS_OK) {
        struct hiredis_library library = hiredis_library_of(entry);
        hiredis_copy_error(&span.facts, &library, c);
    }
    span_end(&span, result == REDIS_OK ? WIRE_OK : WIRE_FAILED);
    return result;
}

EXPORTED void redisFree(redisContext *c)
{
    CALL_SITE;
    __typeof__(&redisFree) real = REAL_OF(redisFree, c);
    /* Before the real call: once it has freed the memory, another thread may be given the same address. */
    if (c && !IS_INTERNAL(redisFree))
        hiredis_forget(c);
    real(c);
}

EXPORTED int redisFreeKeepFd(redisContext *c)
{
    CALL_SITE;
    __typeof__(&redisFreeKeepFd) real = REAL_OF(redisFreeKeepFd, c);
    if (c && !IS_INTERNAL(redisFreeKeepFd))
        hiredis_forget(c);
    return real(c);
}

/* Commands that are answered in the call. */

/* One call of the redisCommand family: a span of its own, or the newest command of a pipeline. */
struct command {
    struct connection *connection; /* NULL: no entry was free; then it is a span */
    struct hiredis_library library;
    bool is_appended;
    struct operation *operation; /* of an appended one; NULL: not recorded, but counted */
    struct facts operation_facts;
    struct span span;
};

static bool begin_command(struct command *command, const redisContext *c, const struct real_entry *entry)
{
    if (!lifecycle_is_active())
        return false;
    struct connection *connection = hiredis_connection_of(c, entry);
    command->connection = connection;
    command->library = connection ? hiredis_state_of(connection)->library : hiredis_library_of(entry);
    command->is_appended =
        connection && (hiredis_has_outstanding(connection) || !hiredis_is_blocking(&command->library, c));
    if (!command->is_appended)
        return span_begin(&command->span, INSTRUMENT_hiredis, WIRE_CALL, c, connection);
    command->operation = hiredis_append_begin(connection, &command->operation_facts);
    return true;
}

/* NULL: nothing is recorded of this command. */
static struct facts *facts_of(struct command *command)
{
    if (!command->is_appended)
        return &command->span.facts;
    return command->operation ? &command->operation_facts : NULL;
}

/* NULL on a blocking context: hiredis refused the command (format, memory), or the connection is no more. */
static void end_appended(struct command *command, const redisContext *c, const void *reply, int64_t database)
{
    int error = hiredis_error(&command->library, c);
    bool is_refused = !reply && (error == REDIS_ERR_OTHER || error == REDIS_ERR_OOM);
    hiredis_append_end(command->connection, c, command->operation, !is_refused, database);
    if (reply)
        hiredis_end_oldest(command->connection, c, reply);
    else if (!is_refused && hiredis_is_blocking(&command->library, c))
        hiredis_fail_all(command->connection, c);
}

static void end_command(struct command *command, const redisContext *c, const void *reply, int64_t database)
{
    if (command->is_appended) {
        end_appended(command, c, reply, database);
        return;
    }
    enum wire_outcome outcome = WIRE_FAILED;
    if (reply)
        outcome = hiredis_copy_reply(&command->span.facts, &command->library, c, reply);
    else
        hiredis_copy_error(&command->span.facts, &command->library, c);
    span_end(&command->span, outcome);
    if (database != HIREDIS_NO_SELECT && command->connection && hiredis_is_ok(&command->library, c, reply))
        hiredis_use_database(command->connection, database);
}

static void *run_format(redisContext *c, const char *format, va_list arguments, const void *call_site)
{
    __typeof__(&redisvCommand) real = REAL_OF(redisvCommand, c);
    struct command command;
    if (IS_INTERNAL(redisvCommand) || !begin_command(&command, c, &entry_points[ENTRY_redisvCommand]))
        return real(c, format, arguments);

    struct facts *facts = facts_of(&command);
    if (facts)
        hiredis_copy_format(facts, format, arguments);
    int64_t database = hiredis_select_of_format(format, arguments);
    void *reply = real(c, format, arguments);
    end_command(&command, c, reply, database);
    return reply;
}

EXPORTED void *redisvCommand(redisContext *c, const char *format, va_list ap)
{
    CALL_SITE;
    return run_format(c, format, ap, call_site);
}

EXPORTED void *redisCommand(redisContext *c, const char *format, ...)
{
    CALL_SITE;
    va_list arguments;
    va_start(arguments, format);
    void *reply = run_format(c, format, arguments, call_site);
    va_end(arguments);
    return reply;
}

EXPORTED void *redisCommandArgv(redisContext *c, int argc, const char **argv, const size_t *argvlen)
{
    CALL_SITE;
    __typeof__(&redisCommandArgv) real = REAL_OF(redisCommandArgv, c);
    struct command command;
    if (IS_INTERNAL(redisCommandArgv) || !begin_command(&command, c, &entry_points[ENTRY_redisCommandArgv]))
        return real(c, argc, argv, argvlen);

    struct facts *facts = facts_of(&command);
    if (facts)
        hiredis_copy_words(facts, argc, argv, argvlen);
    int64_t database = hiredis_select_of_words(argc, argv, argvlen);
    void *reply = real(c, argc, argv, argvlen);
    end_command(&command, c, reply, database);
    return reply;
}

/* Pipelines. */

static struct connection *pipeline_of(const redisContext *c, const struct real_entry *entry)
{
    return lifecycle_is_active() ? hiredis_connection_of(c, entry) : NULL;
}

static int append_format(redisContext *c, const char *format, va_list arguments, const void *call_site)
{
    __typeof__(&redisvAppendCommand) real = REAL_OF(redisvAppendCommand, c);
    struct connection *connection = NULL;
    if (!IS_INTERNAL(redisvAppendCommand))
        connection = pipeline_of(c, &entry_points[ENTRY_redisvAppendCommand]);
    if (!connection)
        return real(c, format, arguments);

    struct facts facts;
    struct operation *operation = hiredis_append_begin(connection, &facts);
    if (operation)
        hiredis_copy_format(&facts, format, arguments);
    int64_t database = hiredis_select_of_format(format, arguments);
    int result = real(c, format, arguments);
    hiredis_append_end(connection, c, operation, result == REDIS_OK, database);
    return result;
}

EXPORTED int redisvAppendCommand(redisContext *c, const char *format, va_list ap)
{
    CALL_SITE;
    return append_format(c, format, ap, call_site);
}

EXPORTED int redisAppendCommand(redisContext *c, const char *format, ...)
{
    CALL_SITE;
    va_list arguments;
    va_start(arguments, format);
    int result = append_format(c, format, arguments, call_site);
    va_end(arguments);
    return result;
}

EXPORTED int redisAppendCommandArgv(redisContext *c, int argc, const char **argv, const size_t *argvlen)
{
    CALL_SITE;
    __typeof__(&redisAppendCommandArgv) real = REAL_OF(redisAppendCommandArgv, c);
    struct connection *connection = NULL;
    if (!IS_INTERNAL(redisAppendCommandArgv))
        connection = pipeline_of(c, &entry_points[ENTRY_redisAppendCommandArgv]);
    if (!connection)
        return real(c, argc, argv, argvlen);

    struct facts facts;
    struct operation *operation = hiredis_append_begin(connection, &facts);
    if (operation)
        hiredis_copy_words(&facts, argc, argv, argvlen);
    int64_t database = hiredis_select_of_words(argc, argv, argvlen);
    int result = real(c, argc, argv, argvlen);
    hiredis_append_end(connection, c, operation, result == REDIS_OK, database);
    return result;
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

EXPORTED int redisGetReply(redisContext *c, void **reply)
{
    CALL_SITE;
    __typeof__(&redisGetReply) real = REAL_OF(redisGetReply, c);
    int result = real(c, reply);
    if (!IS_INTERNAL(redisGetReply))
        hiredis_follow_reply(c, result, reply);
    return result;
}

EXPORTED int redisGetReplyFromReader(redisContext *c, void **reply)
{
    CALL_SITE;
    __typeof__(&redisGetReplyFromReader) real = REAL_OF(redisGetReplyFromReader, c);
    int result = real(c, reply);
    if (!IS_INTERNAL(redisGetReplyFromReader))
        hiredis_follow_reply(c, result, reply);
    return result;
}

const struct instrumentation instrument_hiredis = {
    .name = "hiredis",
    .system = "redis",
    .family = WIRE_DATABASE,
    .entry_points = entry_points,
    .n_entry_points = N_ENTRY_POINTS,
};
