/*
 * family_database_priv: what family_database.c shares with the files that read statements and commands.
 *
 * Context: loop. Texts are literals or in the arena.
 */
#ifndef OTELSHIM_FAMILY_DATABASE_PRIV_H
#define OTELSHIM_FAMILY_DATABASE_PRIV_H

#include "signals/spans/assemble_priv.h"

/*
 * Adds the statement's attributes. Returns the span's name: the summary, or of a call without a statement what the
 * library calls it and the `namespace` (NULL none) it is about; NULL where there is neither.
 */
const char *family_sql_statement(struct assembly *assembly, const char *namespace);

/* db.namespace: "database|schema", or the database alone where the schema is not known. */
struct text family_sql_namespace(struct assembly *assembly, const struct raw_fact *database);

/* Adds the command's attributes. Returns the operation: the span's name (Redis conventions: the database index must
 * not be in it); NULL unknown. */
const char *family_redis_command(struct assembly *assembly);

/* The peer as the kernel gave it: ret_address NULL where it did not; *ret_port 0 for a UNIX socket. */
void family_redis_peer(struct assembly *assembly, struct text *ret_address, int64_t *ret_port);

/* Joins three texts in the arena. */
static inline const char *family_join(struct arena *arena, const char *a, const char *b, const char *c)
{
    char *out = arena_alloc(arena, strlen(a) + strlen(b) + strlen(c) + 1);
    stpcpy(stpcpy(stpcpy(out, a), b), c);
    return out;
}

#endif
