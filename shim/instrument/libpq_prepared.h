/*
 * libpq_prepared: the texts of a connection's prepared statements, by name.
 *
 * PQexecPrepared is given a name only, so the text is kept from PQprepare on: 64 names and the unnamed statement, the
 * beginning of each text, in a mapping of the connection's own that is made at the first prepare. The oldest name is
 * replaced.
 *
 * Context: libpq_prepared_find() hot; store and forget hot but for the mapping made once per connection.
 * Threads: a PGconn is used by one thread at a time, which is libpq's own rule.
 * Errors: no mapping, no texts; nothing fails.
 */
#ifndef OTELSHIM_LIBPQ_PREPARED_H
#define OTELSHIM_LIBPQ_PREPARED_H

#include "connection.h"
#include <stddef.h>

struct libpq_prepared_map; /* opaque: the mapping */

struct libpq_prepared {
    struct interned *mark; /* lives until the map is destroyed */
    const char *text;
    size_t bytes; /* of the whole statement; only WIRE_STRING_MAX of them and a little more are there */
};

/* False: the name is not known. NULL map and NULL name are fine. */
bool libpq_prepared_find(struct libpq_prepared_map *map, const char *name,
                         struct libpq_prepared *ret_prepared);

/* Keeps the text under the name, in place of an older one of the same name. Makes *map where it is NULL. */
void libpq_prepared_store(struct libpq_prepared_map **map, const char *name, const char *text);

/* The unnamed statement: overwritten by every other query with parameters, dropped by every simple one. */
void libpq_prepared_forget_unnamed(struct libpq_prepared_map *map);
/* The statement of this name; NULL map, NULL name and unknown names are fine. */
void libpq_prepared_forget(struct libpq_prepared_map *map, const char *name);
void libpq_prepared_forget_all(struct libpq_prepared_map *map);

/* Gives the mapping back. NULL is fine. */
void libpq_prepared_destroy(struct libpq_prepared_map *map);

#endif
