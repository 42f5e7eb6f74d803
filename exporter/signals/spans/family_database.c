/*
 * family_database: database client spans (semantic conventions 1.44, "Database client spans", PostgreSQL, Redis).
 *
 * Here is what all systems share, and what differs between them is a row of `systems`; what statements say is in
 * family_sql.c, what Redis commands say in family_redis.c. db.operation.name and db.collection.name are not taken out
 * of SQL text (the conventions forbid it); db.query.summary is. error.type is the server's code (SQLSTATE, the first
 * word of a Redis error), or a name for the client library's own failure, from the row's table.
 */
#include "signals/spans/family_database_priv.h"

#include <errno.h>

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

/* server.address, and server.port where it says something. Returns
 * "address:port" or "address"; NULL unknown. */
static const char *assemble_server(struct assembly *assembly, const struct system *system)
{
    struct text address;
    int64_t port = 0;
    bool has_port;
    if (assembly_has_text(assembly, WIRE_SERVER_ADDRESS)) {
        const struct raw_fact *fact = assembly->facts[WIRE_SERVER_ADDRESS];
        address = text_repaired(assembly->arena, fact->bytes, fact->n_bytes);
        has_port = assembly_number(assembly, WIRE_SERVER_PORT, &port) && port > 0;
    } else { /* the program made the connection itself */
        family_redis_peer(assembly, &address, &port);
        has_port = port > 0;
    }
    if (!address.n_bytes)
        return NULL;
    bool is_socket = address.bytes[0] == '/' || address.bytes[0] == '@';
    if (is_socket && system->socket_prefix) {
        const char *number =
            assembly_print_number(assembly->arena, (uint64_t)(has_port ? port : system->port)).bytes;
        address.bytes = family_join(assembly->arena, address.bytes, system->socket_prefix, number);
        address.n_bytes = (uint32_t)strlen(address.bytes);
    }
    assembly_add_text(assembly, "server.address", address);
    if (is_socket || !has_port || port == system->port)
        return address.bytes;
    assembly_add_int(assembly, "server.port", port);
    return family_join(assembly->arena, address.bytes, ":",
                       assembly_print_number(assembly->arena, (uint64_t)port).bytes);
}

static void assemble_peer(struct assembly *assembly)
{
    struct text address;
    int64_t port;
    family_redis_peer(assembly, &address, &port);
    if (address.n_bytes)
        assembly_add_text(assembly, "network.peer.address", address);
    if (port)
        assembly_add_int(assembly, "network.peer.port", port);
    if (!assembly_has_text(assembly, WIRE_NETWORK_PEER_ADDRESS))
        return;
    assembly_add_fact_text(assembly, "network.peer.address", WIRE_NETWORK_PEER_ADDRESS);
    char first = assembly->facts[WIRE_NETWORK_PEER_ADDRESS]->bytes[0];
    if (first != '/' && first != '@')
        assembly_add_fact_int(assembly, "network.peer.port", WIRE_NETWORK_PEER_PORT);
}

/* The database's index as a string, or its name, where the shim knows it. */
static const char *assemble_namespace(struct assembly *assembly)
{
    int64_t index;
    struct text name = {NULL, 0};
    if (assembly_number(assembly, WIRE_DB_DATABASE_INDEX, &index) && index >= 0)
        name = assembly_print_number(assembly->arena, (uint64_t)index);
    else if (assembly_has_text(assembly, WIRE_DB_NAMESPACE))
        name = family_sql_namespace(assembly, assembly->facts[WIRE_DB_NAMESPACE]);
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
        name = family_join(assembly->arena, system.name, " connect", "");
    else
        name =
            system.has_commands ? family_redis_command(assembly) : family_sql_statement(assembly, namespace);
    const char *server = assemble_server(assembly, &system);
    assemble_peer(assembly);
    assembly_add_fact_int(assembly, "db.response.returned_rows", WIRE_DB_RETURNED_ROWS);
    assembly_add_fact_int(assembly, "otelshim.db.affected_rows", WIRE_DB_AFFECTED_ROWS);
    assemble_status(assembly, &system);
    if (!name && !system.has_commands)
        name = namespace;
    assembly->span->name = name ? name : server ? server : system.name;
}
