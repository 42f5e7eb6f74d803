/*
 * family_redis: what a Redis command says: db.query.text without values, and db.operation.name, which names the span.
 */
#include "signals/spans/family_database_priv.h"

#include "signals/spans/redact.h"
#include "signals/spans/redis.h"

#define COMMAND_TEXT_MAX_BYTES WIRE_STRING_MAX

/* A Redis command as its arguments, in the arguments' order. */
struct command {
    struct redis_argument args[RAW_MAX_FACTS];
    uint32_t n, n_total;
    char scratch[WIRE_RECORD_MAX];
};

static uint32_t collect_format_arguments(const struct raw_span *raw, struct redis_format_argument *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < raw->n_facts && n < RAW_MAX_FACTS; i++) {
        const struct raw_fact *fact = &raw->facts[i];
        if (fact->key != WIRE_DB_COMMAND_ARGUMENT)
            continue;
        out[n++] = (struct redis_format_argument){
            .type = fact->type == WIRE_INT      ? REDIS_FORMAT_INT
                    : fact->type == WIRE_DOUBLE ? REDIS_FORMAT_DOUBLE
                                                : REDIS_FORMAT_BYTES,
            .bytes = {.bytes = fact->bytes ? fact->bytes : "", .n_bytes = fact->n_bytes, .cut = fact->is_cut},
            .integer = fact->integer,
            .number = fact->number};
    }
    return n;
}

static uint32_t collect_words(const struct raw_span *raw, struct redis_argument *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < raw->n_facts && n < RAW_MAX_FACTS; i++) {
        const struct raw_fact *fact = &raw->facts[i];
        if (fact->key == WIRE_DB_COMMAND_ARGUMENT)
            out[n++] = (struct redis_argument){
                .bytes = fact->bytes ? fact->bytes : "", .n_bytes = fact->n_bytes, .cut = fact->is_cut};
    }
    return n;
}

static void read_command(struct assembly *assembly, struct command *command)
{
    const struct raw_fact *format = assembly->facts[WIRE_DB_COMMAND_FORMAT];
    bool is_whole = true;
    if (format && format->bytes) {
        struct redis_format_argument args[RAW_MAX_FACTS];
        struct redis_format pieces = {
            .format = {.bytes = format->bytes, .n_bytes = format->n_bytes, .cut = format->is_cut},
            .args = args};
        pieces.n_args = collect_format_arguments(assembly->raw, args);
        struct redis_scratch scratch = {.bytes = command->scratch, .max = sizeof(command->scratch)};
        command->n = redis_format_split(&pieces, scratch, command->args, RAW_MAX_FACTS, &is_whole);
        command->n_total = command->n + !is_whole;
        return;
    }
    int64_t n_total = 0;
    command->n = collect_words(assembly->raw, command->args);
    assembly_number(assembly, WIRE_DB_COMMAND_COUNT, &n_total);
    bool has_more = n_total > command->n && n_total <= UINT32_MAX;
    command->n_total = has_more ? (uint32_t)n_total : command->n + (n_total < 0);
}

static size_t print_raw_command(const struct command *command, char *out, size_t max)
{
    struct redact_writer writer;
    redact_begin(&writer, out, max);
    for (uint32_t i = 0; i < command->n; i++) {
        if (i)
            redact_put_char(&writer, ' ');
        redact_put_printable(&writer, command->args[i].bytes, command->args[i].n_bytes);
    }
    return redact_end(&writer, command->n_total > command->n);
}

const char *family_redis_command(struct assembly *assembly)
{
    struct command command;
    struct redis_argument operation;
    char text[COMMAND_TEXT_MAX_BYTES];
    read_command(assembly, &command);
    if (!command.n)
        return NULL;
    size_t bytes = assembly->settings->raw
                       ? print_raw_command(&command, text, sizeof(text))
                       : redis_redact(command.args, command.n, command.n_total, text, sizeof(text));
    if (bytes)
        assembly_add_text(assembly, "db.query.text", text_repaired(assembly->arena, text, bytes));
    if (!redis_operation(command.args, command.n, &operation) || !operation.n_bytes)
        return NULL;
    struct text name = text_repaired(assembly->arena, operation.bytes, operation.n_bytes);
    assembly_add_text(assembly, "db.operation.name", name);
    return name.bytes;
}
