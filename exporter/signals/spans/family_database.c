/*
 * family_database: database client spans (semantic conventions 1.44, "Database
 * client spans", PostgreSQL, Redis).
 *
 * What differs between systems is a row of `systems`. db.operation.name and
 * db.collection.name are not taken out of SQL text (the conventions forbid it);
 * db.query.summary is. error.type is the server's code (SQLSTATE, the first
 * word of a Redis error), or a name for the client library's own failure, from
 * the row's table.
 */
#include "signals/spans/assemble_priv.h"

#include "signals/spans/reading.h"
#include "signals/spans/redact.h"
#include "signals/spans/redis.h"
#include <errno.h>

#define NAME_MAX_BYTES 255u
#define COMMAND_TEXT_MAX_BYTES WIRE_STRING_MAX
#define CODE_MAX_BYTES 32u /* of a Redis error's first word */

struct error_name {
    int64_t code;
    const char *name;
};

struct system {
    const char *name;
    int64_t port;                    /* the one that goes without saying */
    const char *socket_prefix;       /* what a directory becomes a UNIX socket's path
                                with; NULL: it is the path */
    const struct error_name *errors; /* of the client library; ends with code 0 */
    bool has_commands;               /* commands with arguments, not SQL */
};

static const struct error_name libpq_errors[] = {{1, "CONNECTION_BAD"},
                                                 {5, "PGRES_BAD_RESPONSE"},
                                                 {7, "PGRES_FATAL_ERROR"},
                                                 {11, "PIPELINE_ABORTED"},
                                                 {0, NULL}};
static const struct error_name hiredis_errors[] = {{1, "REDIS_ERR_IO"},
                                                   {2, "REDIS_ERR_OTHER"},
                                                   {3, "REDIS_ERR_EOF"},
                                                   {4, "REDIS_ERR_PROTOCOL"},
                                                   {5, "REDIS_ERR_OOM"},
                                                   {6, "timeout"},
                                                   {0, NULL}};
static const struct error_name no_errors[] = {{0, NULL}};

static const struct system systems[] = {
    {"postgresql", 5432, "/.s.PGSQL.", libpq_errors, false},
    {"redis", 6379, NULL, hiredis_errors, true},
    {"mysql", 3306, NULL, no_errors, false},
    {"mariadb", 3306, NULL, no_errors, false},
};

static struct system find_system(struct assembly *assembly)
{
    const struct wire_instrumentation *row = assembly->raw->instrumentation;
    size_t bytes = strnlen(row->system, sizeof(row->system));
    for (size_t i = 0; i < sizeof(systems) / sizeof(systems[0]); i++)
        if (strlen(systems[i].name) == bytes && memcmp(systems[i].name, row->system, bytes) == 0)
            return systems[i];
    const char *name = bytes ? text_repaired(assembly->arena, row->system, bytes).bytes : "other_sql";
    return (struct system){.name = name, .errors = no_errors};
}

/* Joins three texts in the arena. */
static const char *join(struct arena *arena, const char *a, const char *b, const char *c)
{
    char *out = arena_alloc(arena, strlen(a) + strlen(b) + strlen(c) + 1);
    stpcpy(stpcpy(stpcpy(out, a), b), c);
    return out;
}

/* server.address, and server.port where it says something. Returns
 * "address:port" or "address"; NULL unknown. */
static const char *assemble_server(struct assembly *assembly, const struct system *system)
{
    if (!assembly_has_text(assembly, WIRE_SERVER_ADDRESS))
        return NULL;
    const struct raw_fact *fact = assembly->facts[WIRE_SERVER_ADDRESS];
    struct text address = text_repaired(assembly->arena, fact->bytes, fact->n_bytes);
    int64_t port = 0;
    bool has_port = assembly_number(assembly, WIRE_SERVER_PORT, &port) && port > 0;
    bool is_socket = address.bytes[0] == '/' || address.bytes[0] == '@';
    if (is_socket && system->socket_prefix) {
        const char *number =
            assembly_print_number(assembly->arena, (uint64_t)(has_port ? port : system->port)).bytes;
        address.bytes = join(assembly->arena, address.bytes, system->socket_prefix, number);
        address.n_bytes = (uint32_t)strlen(address.bytes);
    }
    assembly_add_text(assembly, "server.address", address);
    if (is_socket || !has_port || port == system->port)
        return address.bytes;
    assembly_add_int(assembly, "server.port", port);
    return join(assembly->arena, address.bytes, ":",
                assembly_print_number(assembly->arena, (uint64_t)port).bytes);
}

static void assemble_peer(struct assembly *assembly)
{
    if (!assembly_has_text(assembly, WIRE_NETWORK_PEER_ADDRESS))
        return;
    assembly_add_fact_text(assembly, "network.peer.address", WIRE_NETWORK_PEER_ADDRESS);
    char first = assembly->facts[WIRE_NETWORK_PEER_ADDRESS]->bytes[0];
    if (first != '/' && first != '@')
        assembly_add_fact_int(assembly, "network.peer.port", WIRE_NETWORK_PEER_PORT);
}

/* Text with bind parameters holds no values of theirs, and is exported as it is
 * (conventions, "Sanitization"). */
static struct text query_text(struct assembly *assembly, const struct raw_fact *fact,
                              const struct statement_reading *reading)
{
    int64_t n_parameters = 0;
    assembly_number(assembly, WIRE_DB_PARAMETER_COUNT, &n_parameters);
    if (n_parameters <= 0 && !assembly->settings->raw)
        return (struct text){arena_copy(assembly->arena, reading->redacted.bytes, reading->redacted.n_bytes),
                             reading->redacted.n_bytes};
    struct text text = text_repaired(assembly->arena, fact->bytes, fact->n_bytes);
    if (fact->is_cut) {
        text.bytes = join(assembly->arena, text.bytes, REDACT_MARK, "");
        text.n_bytes = (uint32_t)strlen(text.bytes);
    }
    return text;
}

/* Returns the summary: the span's name; NULL where there is none. */
static const char *assemble_statement(struct assembly *assembly)
{
    if (!assembly_has_text(assembly, WIRE_DB_QUERY_TEXT))
        return NULL;
    const struct raw_fact *fact = assembly->facts[WIRE_DB_QUERY_TEXT];
    const struct statement_reading *reading = reading_of_statement(fact);
    assembly_add_text(assembly, "db.query.text", query_text(assembly, fact, reading));
    if (!reading->summary.n_bytes)
        return NULL;
    bool is_prepare = assembly->raw->span.operation == WIRE_PREPARE;
    if (is_prepare && reading->summary.n_bytes + sizeof("PREPARE ") > NAME_MAX_BYTES)
        return NULL;
    const char *summary = is_prepare
                              ? join(assembly->arena, "PREPARE ", reading->summary.bytes, "")
                              : arena_copy(assembly->arena, reading->summary.bytes, reading->summary.n_bytes);
    assembly_add_string(assembly, "db.query.summary", summary);
    return summary;
}

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

/* Returns the operation: the span's name (Redis conventions: the database index
 * must not be in it); NULL unknown. */
static const char *assemble_command(struct assembly *assembly)
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

/* The database's index as a string, where the shim knows it. */
static const char *assemble_namespace(struct assembly *assembly)
{
    int64_t index;
    struct text name = {NULL, 0};
    if (assembly_number(assembly, WIRE_DB_DATABASE_INDEX, &index) && index >= 0)
        name = assembly_print_number(assembly->arena, (uint64_t)index);
    else if (assembly_has_text(assembly, WIRE_DB_NAMESPACE))
        name = text_repaired(assembly->arena, assembly->facts[WIRE_DB_NAMESPACE]->bytes,
                             assembly->facts[WIRE_DB_NAMESPACE]->n_bytes);
    if (name.bytes)
        assembly_add_text(assembly, "db.namespace", name);
    return name.bytes;
}

/*
 * Code of the server's error, NULL when it gave none: an SQLSTATE, or the first
 * word of a Redis error, which a script can choose freely: only upper-case
 * words count, so that error.type stays of low cardinality.
 */
static const char *server_code(struct assembly *assembly)
{
    if (assembly_has_text(assembly, WIRE_DB_RESPONSE_STATUS_CODE)) {
        const struct raw_fact *fact = assembly->facts[WIRE_DB_RESPONSE_STATUS_CODE];
        return text_repaired(assembly->arena, fact->bytes, fact->n_bytes).bytes;
    }
    const struct raw_fact *reply = assembly->facts[WIRE_DB_ERROR_REPLY];
    if (!reply || !reply->bytes)
        return NULL;
    uint32_t from = reply->n_bytes && reply->bytes[0] == '-', n = 0;
    while (from + n < reply->n_bytes && ((reply->bytes[from + n] >= 'A' && reply->bytes[from + n] <= 'Z') ||
                                         reply->bytes[from + n] == '_'))
        n++;
    bool is_word =
        n > 0 && n <= CODE_MAX_BYTES && (from + n == reply->n_bytes || reply->bytes[from + n] == ' ');
    return is_word ? arena_copy(assembly->arena, reply->bytes + from, n) : NULL;
}

static const char *client_error(struct assembly *assembly, const struct system *system)
{
    int64_t code = 0, error = 0;
    assembly_number(assembly, WIRE_ERROR_CODE, &code);
    assembly_number(assembly, WIRE_ERROR_ERRNO, &error);
    if (system->has_commands && code == 1 && (error == EAGAIN || error == ETIMEDOUT))
        return "timeout"; /* REDIS_ERR_IO is how hiredis tells of its own time limit
                       */
    for (const struct error_name *known = system->errors; known->code; known++)
        if (known->code == code)
            return known->name;
    return "_OTHER";
}

/*
 * The server's message may quote values of the statement: only with
 * OTELSHIM_RAW. What the client library says of its connection names hosts at
 * most. SQLSTATE classes 00 and 01 are no errors.
 */
static void assemble_status(struct assembly *assembly, const struct system *system)
{
    if (!assembly_has_outcome(assembly))
        return;
    const char *code = server_code(assembly);
    bool is_sqlstate = code && assembly->facts[WIRE_DB_RESPONSE_STATUS_CODE];
    bool has_failed = assembly->raw->outcome == WIRE_FAILED || (is_sqlstate && strncmp(code, "02", 2) >= 0);
    if (!has_failed)
        return;
    bool is_reply = code || assembly->facts[WIRE_DB_ERROR_REPLY];
    enum wire_attribute words =
        assembly->facts[WIRE_DB_ERROR_REPLY] ? WIRE_DB_ERROR_REPLY : WIRE_ERROR_MESSAGE;
    const char *message = !is_reply || assembly->settings->raw ? assembly_first_line(assembly, words) : NULL;
    if (code)
        assembly_add_string(assembly, "db.response.status_code", code);
    assembly_fail(assembly, code ? code : is_reply ? "_OTHER" : client_error(assembly, system), message);
}

void family_database_assemble(struct assembly *assembly)
{
    struct system system = find_system(assembly);
    const char *name = NULL;
    bool is_connect = assembly->raw->span.operation == WIRE_CONNECT;
    assembly_add_string(assembly, "db.system.name", system.name);
    const char *namespace = assemble_namespace(assembly);
    if (is_connect)
        name = join(assembly->arena, system.name, " connect", "");
    else
        name = system.has_commands ? assemble_command(assembly) : assemble_statement(assembly);
    const char *server = assemble_server(assembly, &system);
    assemble_peer(assembly);
    assembly_add_fact_int(assembly, "db.response.returned_rows", WIRE_DB_RETURNED_ROWS);
    assembly_add_fact_int(assembly, "otelshim.db.affected_rows", WIRE_DB_AFFECTED_ROWS);
    assemble_status(assembly, &system);
    if (!name && !system.has_commands)
        name = namespace;
    assembly->span->name = name ? name : server ? server : system.name;
}
