/*
 * family_redis: what a Redis command says: db.query.text without values, db.operation.name, which names the span, and
 * db.stored_procedure.name. Every command is a span of its own, in a pipeline too: there is no batch that
 * db.operation.batch.size could be said of.
 */
#include "signals/spans/family_database_priv.h"

#include "signals/spans/redact.h"
#include "signals/spans/redis.h"
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>

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
    struct redis_argument procedure;
    if (redis_procedure(command.args, command.n, &procedure))
        assembly_add_text(assembly, "db.stored_procedure.name",
                          text_repaired(assembly->arena, procedure.bytes, procedure.n_bytes));
    return name.bytes;
}

static struct text unix_path(struct assembly *assembly, const struct sockaddr_un *address, uint32_t bytes)
{
    size_t max = bytes - offsetof(struct sockaddr_un, sun_path);
    if (!max)
        return (struct text){NULL, 0};
    size_t length = address->sun_path[0] ? strnlen(address->sun_path, max) : max;
    char *path = arena_copy(assembly->arena, address->sun_path, length);
    if (!path[0])
        path[0] = '@'; /* a name that is no file, as ss(8) prints it */
    return text_repaired(assembly->arena, path, length);
}

void family_redis_peer(struct assembly *assembly, struct text *ret_address, int64_t *ret_port)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un path;
    } peer = {.any.sa_family = AF_UNSPEC};
    char text[INET6_ADDRSTRLEN] = "";
    const struct raw_fact *fact = assembly->facts[WIRE_NETWORK_PEER_SOCKADDR];
    *ret_address = (struct text){NULL, 0};
    *ret_port = 0;
    if (!fact || !fact->bytes || fact->n_bytes < sizeof(sa_family_t) || fact->n_bytes > sizeof(peer))
        return;
    memcpy(&peer, fact->bytes, fact->n_bytes);
    if (peer.any.sa_family == AF_UNIX) {
        *ret_address = unix_path(assembly, &peer.path, fact->n_bytes);
        return;
    }
    if (peer.any.sa_family == AF_INET && inet_ntop(AF_INET, &peer.v4.sin_addr, text, sizeof(text)))
        *ret_port = ntohs(peer.v4.sin_port);
    else if (peer.any.sa_family == AF_INET6 && inet_ntop(AF_INET6, &peer.v6.sin6_addr, text, sizeof(text)))
        *ret_port = ntohs(peer.v6.sin6_port);
    if (*text)
        *ret_address = text_repaired(assembly->arena, text, strlen(text));
}
