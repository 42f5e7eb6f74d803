/* old_names: see old_names.h. What became what is the two tables; the functions are for values that changed, too. */
#include "signals/spans/old_names.h"

#include "signals/spans/reading.h"
#include <strings.h>

/* Adds what `old` was called of a stable attribute; a copy, since the list may move. */
typedef void (*old_name_fn)(struct assembly *assembly, const char *old, const struct attribute *stable);

struct old_name {
    const char *stable, *old;
    old_name_fn add; /* NULL: the same value */
};

static const struct attribute *find(const struct assembly *assembly, const char *key)
{
    return attribute_find(&assembly->span->attributes, key);
}

static bool is_path(const struct attribute *address)
{
    return address->value.string.bytes[0] == '/' || address->value.string.bytes[0] == '@';
}

/* ---- networks ---- */

/* A host's name or address, never a socket's path: that is net.sock.peer.addr. */
static void add_host(struct assembly *assembly, const char *old, const struct attribute *stable)
{
    if (!is_path(stable))
        assembly_add_text(assembly, old, stable->value.string);
}

/* "If not default (80 for http scheme, 443 for https)." */
static void add_http_port(struct assembly *assembly, const char *old, const struct attribute *stable)
{
    const struct attribute *url = find(assembly, "url.full");
    bool is_tls = url && (strncmp(url->value.string.bytes, "https:", 6) == 0 ||
                          strncmp(url->value.string.bytes, "wss:", 4) == 0);
    if (stable->value.integer != (is_tls ? 443 : 80))
        assembly_add_int(assembly, old, stable->value.integer);
}

/* "If different than net.peer.port." */
static void add_socket_port(struct assembly *assembly, const char *old, const struct attribute *stable)
{
    const struct attribute *port = find(assembly, "server.port");
    if (!port || port->value.integer != stable->value.integer)
        assembly_add_int(assembly, old, stable->value.integer);
}

/* "If different than inet." */
static void add_family(struct assembly *assembly, const char *old, const struct attribute *stable)
{
    if (is_path(stable))
        assembly_add_string(assembly, old, "unix");
    else if (strchr(stable->value.string.bytes, ':'))
        assembly_add_string(assembly, old, "inet6");
}

/* ---- HTTP ---- */

/* What the program asked for, known or not. */
static void add_method(struct assembly *assembly, const char *old, const struct attribute *stable)
{
    const struct attribute *original = find(assembly, "http.request.method_original");
    assembly_add_text(assembly, old, original ? original->value.string : stable->value.string);
}

/* 2 and 3 were 2.0 and 3.0. */
static void add_version(struct assembly *assembly, const char *old, const struct attribute *stable)
{
    const char *version = stable->value.string.bytes;
    bool is_short = version[0] && !version[1];
    assembly_add_string(assembly, old,
                        is_short && *version == '2'   ? "2.0"
                        : is_short && *version == '3' ? "3.0"
                                                      : version);
}

static const struct old_name http_names[] = {
    {"http.request.method", "http.method", add_method},
    {"http.response.status_code", "http.status_code", NULL},
    {"url.full", "http.url", NULL},
    {"http.request.resend_count", "http.resend_count", NULL},
    {"http.request.body.size", "http.request_content_length", NULL},
    {"http.response.body.size", "http.response_content_length", NULL},
    {"user_agent.original", "http.user_agent", NULL},
    {"network.protocol.version", "net.protocol.version", add_version},
    {"network.protocol.version", "http.flavor", add_version},
    {"server.address", "net.peer.name", add_host},
    {"server.port", "net.peer.port", add_http_port},
    {"network.peer.address", "net.sock.peer.addr", NULL},
    {"network.peer.port", "net.sock.peer.port", add_socket_port},
    {"network.peer.address", "net.sock.family", add_family},
    {NULL, NULL, NULL},
};

/* http.request.header.x-one was http.request.header.x_one. */
static void add_header(struct assembly *assembly, struct attribute stable)
{
    static const char *const prefixes[] = {"http.request.header.", "http.response.header."};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        size_t n = strlen(prefixes[i]);
        if (strncmp(stable.key, prefixes[i], n) != 0 || !strchr(stable.key + n, '-'))
            continue;
        char *old = arena_copy(assembly->arena, stable.key, strlen(stable.key));
        for (char *dash = old + n; (dash = strchr(dash, '-'));)
            *dash = '_';
        *assembly_add(assembly, old) = (struct attribute){old, stable.type, stable.value};
    }
}

/* ---- databases ---- */

/* db.namespace may have the schema, too, and of Redis it is a number. "If other than the default database (0)." */
static void add_database(struct assembly *assembly, const char *old, const struct attribute *stable)
{
    int64_t index;
    (void)stable;
    if (!assembly_number(assembly, WIRE_DB_DATABASE_INDEX, &index))
        assembly_add_fact_text(assembly, old, WIRE_DB_NAMESPACE);
    else if (index != 0)
        assembly_add_int(assembly, "db.redis.database_index", index);
}

/* The SQL keyword, but for WITH, which any may follow; what a command is called has a stable name of its own. */
static void add_operation(struct assembly *assembly, const char *old, const struct attribute *stable)
{
    const char *summary = stable->value.string.bytes;
    size_t n = strcspn(summary, " ");
    if (strncasecmp(reading_of_statement(assembly->facts[WIRE_DB_QUERY_TEXT])->redacted.bytes, "WITH ", 5) ==
        0)
        return;
    assembly_add_text(assembly, old, (struct text){arena_copy(assembly->arena, summary, n), (uint32_t)n});
}

/* "If the operation is acting upon more than one table, this value MUST NOT be set." */
static void add_table(struct assembly *assembly, const char *old, const struct attribute *stable)
{
    (void)stable;
    const struct statement_reading *reading = reading_of_statement(assembly->facts[WIRE_DB_QUERY_TEXT]);
    if (reading->table.n_bytes)
        assembly_add_text(
            assembly, old,
            (struct text){arena_copy(assembly->arena, reading->table.bytes, reading->table.n_bytes),
                          reading->table.n_bytes});
}

static void add_transport(struct assembly *assembly, const char *old, const struct attribute *stable)
{
    assembly_add_string(assembly, old, is_path(stable) ? "unix" : "tcp");
}

static void add_network_type(struct assembly *assembly, const char *old, const struct attribute *stable)
{
    if (!is_path(stable))
        assembly_add_string(assembly, old, strchr(stable->value.string.bytes, ':') ? "ipv6" : "ipv4");
}

/* server.port is there where it is not the default, as net.peer.port was. */
static const struct old_name database_names[] = {
    {"db.system.name", "db.system", NULL},
    {"db.namespace", "db.name", add_database},
    {"db.query.text", "db.statement", NULL},
    {"db.operation.name", "db.operation", NULL},
    {"db.query.summary", "db.operation", add_operation},
    {"db.query.summary", "db.sql.table", add_table},
    {"server.address", "net.peer.name", add_host},
    {"server.port", "net.peer.port", NULL},
    {"network.peer.address", "net.sock.peer.addr", NULL},
    {"network.peer.port", "net.sock.peer.port", add_socket_port},
    {"network.peer.address", "net.sock.family", add_family},
    {"network.peer.address", "network.transport", add_transport},
    {"network.peer.address", "network.type", add_network_type},
    {NULL, NULL, NULL},
};

/* ---- both ---- */

static void add_names(struct assembly *assembly, const struct old_name *names)
{
    uint32_t n = assembly->span->attributes.n;
    for (uint32_t i = 0; i < n; i++) {
        struct attribute stable = assembly->span->attributes.items[i];
        for (const struct old_name *name = names; name->stable; name++) {
            if (strcmp(name->stable, stable.key) != 0)
                continue;
            if (name->add)
                name->add(assembly, name->old, &stable);
            else
                *assembly_add(assembly, name->old) = (struct attribute){name->old, stable.type, stable.value};
        }
        if (names == http_names && stable.type == ATTRIBUTE_STRINGS)
            add_header(assembly, stable);
    }
}

void old_names_add(struct assembly *assembly)
{
    const struct wire_instrumentation *row = assembly->raw->instrumentation;
    if (assembly->raw->kind == RAW_ROOT || !row)
        return;
    if (row->family == WIRE_HTTP && assembly->settings->has_old_http)
        add_names(assembly, http_names);
    if (row->family != WIRE_DATABASE || !assembly->settings->has_old_database)
        return;
    add_names(assembly, database_names);
    assembly_add_fact_text(assembly, "db.user", WIRE_DB_USER); /* no stable name */
}
