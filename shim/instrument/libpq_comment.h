/*
 * libpq_comment: a statement with its trace context behind it, as a comment (sqlcommenter), where
 * OTELSHIM_SQL_COMMENT asks for it.
 *
 * Context: append is hot; create is cold (one mapping a connection, and PQconninfo: libpq allocates). No malloc of ours.
 * Threads: a PGconn is used by one thread at a time, which is libpq's own rule.
 */
#ifndef OTELSHIM_LIBPQ_COMMENT_H
#define OTELSHIM_LIBPQ_COMMENT_H

#include "instrument/libpq_result.h"

/* A statement that does not fit with its comment goes out as it is. */
#define LIBPQ_COMMENTED_BYTES 16384u

struct libpq_comment_room; /* opaque: LIBPQ_COMMENTED_BYTES, where the statement is put together */

/*
 * Makes *room. False, *room untouched: nobody asked for comments, or the connection is one of replication, whose
 * commands have a grammar without them (facts "interpose" 3.2: IDENTIFY_SYSTEM and SHOW are syntax errors then), or
 * there is no memory.
 */
bool libpq_comment_create(struct libpq_comment_room **room, const struct libpq_calls *pq, const PGconn *conn);

/*
 * `text` and the comment in `room`, until the next call with this room; or `text` itself, where it is too long or has
 * a comment already ("--" or a slash and a star anywhere: in a literal, too).
 */
const char *libpq_comment_append(struct libpq_comment_room *room, const char *text,
                                 const struct span_context *context);

/* Gives the mapping back. NULL is fine. */
void libpq_comment_destroy(struct libpq_comment_room *room);

#endif
