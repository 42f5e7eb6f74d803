/*
 * redis: what may be told of a Redis command: db.query.text in the form of redis-cli, and its operation.
 *
 * Context: loop. Pure; output bounded (redact.h) and valid UTF-8. Command names, keys, fields and fixed option words (EX,
 * NX, WITHSCORES, …) are kept, everything else is `?`: by each command's own rules (redis_commands.h). That includes
 * numbers such as times to live, scores and cursors, so that one kind of call has one text. Of a command that is not
 * known nothing but the name is kept.
 */
#ifndef OTELSHIM_REDIS_H
#define OTELSHIM_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct redis_argument {
    const char *bytes; /* not NUL-terminated; may hold anything */
    uint32_t n_bytes;
    bool cut; /* the beginning of something longer */
};

/*
 * `HSET user:1 name ?`. `n_total` is how many arguments the command had, >= n when not all of them are here. Returns the
 * length.
 */
size_t redis_redact(const struct redis_argument *args, uint32_t n, uint32_t n_total, char *out, size_t max);

/*
 * The command's name as the program gave it. False, *ret_operation unchanged: it does not look like one (a program that
 * sends "SET key secret" as a single argument).
 */
bool redis_operation(const struct redis_argument *args, uint32_t n, struct redis_argument *ret_operation);

/* The function that FCALL calls, or the script's digest (EVALSHA). False, *ret_procedure unchanged: another command. */
bool redis_procedure(const struct redis_argument *args, uint32_t n, struct redis_argument *ret_procedure);

/* ---- hiredis formats ---- */

enum redis_format_type { REDIS_FORMAT_BYTES, REDIS_FORMAT_INT, REDIS_FORMAT_DOUBLE };

/* An argument of redisCommand(), as the shim walked them: %s and %b are BYTES. */
struct redis_format_argument {
    enum redis_format_type type;
    struct redis_argument bytes;
    int64_t integer; /* of the width that va_arg gave: an int is extended by its sign */
    double number;
};

/* Where the pieces of an argument are put together. Arguments point into it, or into the input. */
struct redis_scratch {
    char *bytes;
    size_t max;
};

/*
 * Splits a format and its arguments into the command's arguments as hiredis' redisvFormatCommand() does. `format` is not
 * NUL-terminated; `format.cut` says it was longer. Returns how many of out[max_out] were filled in. *ret_is_whole is
 * false when the command had more: the format or an argument is missing, too much for out or scratch, or a conversion is
 * none of hiredis'; n_total for redis_redact() is then one more.
 */
struct redis_format {
    struct redis_argument format;
    const struct redis_format_argument *args;
    uint32_t n_args;
};
uint32_t redis_format_split(const struct redis_format *format, struct redis_scratch scratch,
                            struct redis_argument *out, uint32_t max_out, bool *ret_is_whole);

#endif
