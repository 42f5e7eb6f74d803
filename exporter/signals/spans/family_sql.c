/*
 * family_sql: what a statement says: db.query.text and db.query.summary, which names the span.
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

const char *family_sql_statement(struct assembly *assembly)
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
                              ? family_join(assembly->arena, "PREPARE ", reading->summary.bytes, "")
                              : arena_copy(assembly->arena, reading->summary.bytes, reading->summary.n_bytes);
    assembly_add_string(assembly, "db.query.summary", summary);
    return summary;
}
