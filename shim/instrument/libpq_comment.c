/*
 * libpq_comment: see libpq_comment.h.
 *
 * Appended, never prepended: positions in the server's error messages stay what they are. What a statement's own text
 * is, the span says: the program's, without the comment.
 */
#include "instrument/libpq_comment.h"

#include "propagate.h"
#include "settings.h"
#include "sys.h"
#include <string.h>
#include <sys/mman.h>

#define PREFIX " /*traceparent='"
#define SUFFIX "'*/"
#define TRACEPARENT_BYTES 55u
#define COMMENT_BYTES (sizeof(PREFIX) - 1 + TRACEPARENT_BYTES + sizeof(SUFFIX)) /* with its NUL */

struct libpq_comment_room {
    char text[LIBPQ_COMMENTED_BYTES];
};

/* Unknown means yes. PQconninfo says it wherever it came from: arguments, a URI, a service file. */
static bool is_replication(const struct libpq_calls *pq, const PGconn *conn)
{
    PQconninfoOption *options =
        pq->PQconninfo && pq->PQconninfoFree ? pq->PQconninfo((PGconn *)(uintptr_t)conn) : NULL;
    if (!options)
        return true;
    bool is_set = false;
    for (const PQconninfoOption *option = options; option->keyword; option++)
        if (!strcmp(option->keyword, "replication") && option->val && *option->val)
            is_set = true;
    pq->PQconninfoFree(options);
    return is_set;
}

bool libpq_comment_create(struct libpq_comment_room **room, const struct libpq_calls *pq, const PGconn *conn)
{
    if (!settings_get()->sql_comment || is_replication(pq, conn))
        return false;
    struct libpq_comment_room *made = sys_mmap(NULL, sizeof(*made), PROT_READ | PROT_WRITE,
                                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
    if (made)
        *room = made;
    return made != NULL;
}

static bool may_be_commented(const char *text, size_t bytes)
{
    for (size_t i = 0; i + 1 < bytes; i++)
        if ((text[i] == '-' && text[i + 1] == '-') || (text[i] == '/' && text[i + 1] == '*'))
            return false;
    return bytes > 0;
}

const char *libpq_comment_append(struct libpq_comment_room *room, const char *text,
                                 const struct span_context *context)
{
    size_t bytes = text ? strnlen(text, sizeof(room->text)) : 0;
    if (bytes + COMMENT_BYTES > sizeof(room->text) || !may_be_commented(text, bytes))
        return text;
    char traceparent[TRACEPARENT_BYTES + 1];
    propagate_print_traceparent(context, traceparent);
    char *at = room->text;
    memcpy(at, text, bytes);
    at += bytes;
    memcpy(at, PREFIX, sizeof(PREFIX) - 1);
    at += sizeof(PREFIX) - 1;
    memcpy(at, traceparent, TRACEPARENT_BYTES);
    memcpy(at + TRACEPARENT_BYTES, SUFFIX, sizeof(SUFFIX));
    return room->text;
}

void libpq_comment_destroy(struct libpq_comment_room *room)
{
    if (room)
        sys_munmap(room, sizeof(*room));
}
