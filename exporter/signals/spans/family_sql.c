/*
 * family_sql: what a statement says: db.query.text and db.query.summary, which names the span; what is said without
 * one: db.operation.name of a call, the schema in db.namespace.
 */
#include "signals/spans/family_database_priv.h"

#include "signals/spans/reading.h"
#include "signals/spans/redact.h"

#define NAME_MAX_BYTES 255u

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
        text.bytes = family_join(assembly->arena, text.bytes, REDACT_MARK, "");
        text.n_bytes = (uint32_t)strlen(text.bytes);
    }
    return text;
}

/* A call without a statement: the library says what it does. */
static const char *assemble_operation(struct assembly *assembly, const char *namespace)
{
    if (!assembly_has_text(assembly, WIRE_DB_OPERATION_NAME))
        return NULL;
    const struct raw_fact *fact = assembly->facts[WIRE_DB_OPERATION_NAME];
    struct text name = text_repaired(assembly->arena, fact->bytes, fact->n_bytes);
    assembly_add_text(assembly, "db.operation.name", name);
    assembly_add_fact_int(assembly, "otelshim.db.function_oid", WIRE_DB_FUNCTION_OID);
    return namespace ? family_join(assembly->arena, name.bytes, " ", namespace) : name.bytes;
}

const char *family_sql_statement(struct assembly *assembly, const char *namespace)
{
    if (!assembly_has_text(assembly, WIRE_DB_QUERY_TEXT))
        return assemble_operation(assembly, namespace);
    const struct raw_fact *fact = assembly->facts[WIRE_DB_QUERY_TEXT];
    const struct statement_reading *reading = reading_of_statement(fact);
    assembly_add_text(assembly, "db.query.text", query_text(assembly, fact, reading));
    if (!reading->summary.n_bytes)
        return NULL;
    bool is_prepare = assembly->raw->span.operation == WIRE_PREPARE;
    if (is_prepare && reading->summary.n_bytes + sizeof("PREPARE ") > NAME_MAX_BYTES)
        return NULL;
    const char *summary = is_prepare
                              ? family_join(assembly->arena, "PREPARE ", reading->summary.bytes, "")
                              : arena_copy(assembly->arena, reading->summary.bytes, reading->summary.n_bytes);
    assembly_add_string(assembly, "db.query.summary", summary);
    return summary;
}

/* The first name of a list as PostgreSQL prints it, without its quotes, into `out` of `bytes` bytes; returns its
 * length. */
static uint32_t read_first_name(const char *list, uint32_t bytes, char *out)
{
    uint32_t at = 0, n = 0;
    while (at < bytes && list[at] == ' ')
        at++;
    bool is_quoted = at < bytes && list[at] == '"';
    for (at += is_quoted; at < bytes; at++) {
        if (is_quoted && list[at] == '"' && (++at == bytes || list[at] != '"'))
            break;
        if (!is_quoted && (list[at] == ',' || list[at] == ' '))
            break;
        out[n++] = list[at];
    }
    return n;
}

/*
 * The schema is the first of search_path, which servers report from 18 on. Where that is "$user", it depends on whether
 * the role has a schema of its own, which nobody told us: the database alone, as with older servers.
 */
struct text family_sql_namespace(struct assembly *assembly, const struct raw_fact *database)
{
    struct text name = text_repaired(assembly->arena, database->bytes, database->n_bytes);
    if (!assembly_has_text(assembly, WIRE_DB_SEARCH_PATH))
        return name;
    const struct raw_fact *path = assembly->facts[WIRE_DB_SEARCH_PATH];
    char *schema = arena_alloc(assembly->arena, path->n_bytes);
    uint32_t n = read_first_name(path->bytes, path->n_bytes, schema);
    if (!n || (n == 5 && memcmp(schema, "$user", n) == 0))
        return name;
    name.bytes =
        family_join(assembly->arena, name.bytes, "|", text_repaired(assembly->arena, schema, n).bytes);
    name.n_bytes = (uint32_t)strlen(name.bytes);
    return name;
}
