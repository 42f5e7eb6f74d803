/*
 * hiredis_layout: where the loaded hiredis keeps the few fields we read. It has no accessors.
 *
 * The layout is chosen by what the library exports, never by our headers or its soname (1.2.0 shipped soname 1.1.0):
 * redisConnectWithOptions: 1.x; redisReconnect: 0.13 and 0.14; else unknown, and no field is read.
 *
 * Context: hot; hiredis_library_of() is cold at the first call of a library.
 */
#ifndef OTELSHIM_HIREDIS_LAYOUT_H
#define OTELSHIM_HIREDIS_LAYOUT_H

#include "real.h"
#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Replies that our oldest headers do not name. */
#define HIREDIS_REPLY_PUSH 12

/* redisContext.flags, the same in all versions; the headers that the program was built with do not matter. */
#define HIREDIS_BLOCK 0x1u
#define HIREDIS_DISCONNECTING 0x4u
#define HIREDIS_FREEING 0x8u
#define HIREDIS_SUBSCRIBED 0x20u
#define HIREDIS_MONITORING 0x40u

/* Offsets in bytes, for pointers of 8 bytes. */
struct hiredis_layout {
    uint16_t error, error_text, descriptor, flags, reader, connection_type, host, port,
        path;                                                          /* redisContext */
    uint16_t functions;                                                /* redisReader */
    uint16_t reply_integer, reply_text, reply_elements, reply_element; /* redisReply */
    bool has_replies_while_subscribed; /* an async context takes commands then, and answers them in order */
};

/* A library and its layout; zero: not known. */
struct hiredis_library {
    const struct hiredis_layout *layout;
    uintptr_t text_from, text_to;
};

static inline int hiredis_read_int(const void *object, uint16_t offset)
{
    int value;
    memcpy(&value, (const char *)object + offset, sizeof(value));
    return value;
}

static inline const void *hiredis_read_pointer(const void *object, uint16_t offset)
{
    const void *value;
    memcpy(&value, (const char *)object + offset, sizeof(value));
    return value;
}

struct hiredis_library hiredis_library_of(const struct real_entry *entry);

/* REDIS_ERR_…, 0 without error or layout. */
int hiredis_error(const struct hiredis_library *library, const redisContext *c);
/* NULL without layout. */
const char *hiredis_error_text(const struct hiredis_library *library, const redisContext *c);
/* HIREDIS_BLOCK and the others; 0 without layout. */
static inline unsigned hiredis_flags(const struct hiredis_library *library, const redisContext *c)
{
    return library->layout && c ? (unsigned)hiredis_read_int(c, library->layout->flags) : 0;
}
/* Its socket, -1 not known. */
int hiredis_descriptor(const struct hiredis_library *library, const redisContext *c);
/* A call that connects and blocks has come back, and nothing has failed since. */
bool hiredis_is_connected(const struct hiredis_library *library, const redisContext *c);
/* True where the layout is not known. */
bool hiredis_is_blocking(const struct hiredis_library *library, const redisContext *c);
/* The host as the program named it and its port, or the socket's path and 0. NULL: neither is there. */
const char *hiredis_endpoint(const struct hiredis_library *library, const redisContext *c, int *ret_port);

/* The reader's object functions begin with createString; hiredis' own lies in its own text. */
static inline bool hiredis_has_own_replies(const struct hiredis_library *library, const redisContext *c)
{
    const void *reader = library->layout && c ? hiredis_read_pointer(c, library->layout->reader) : NULL;
    const void *functions = reader ? hiredis_read_pointer(reader, library->layout->functions) : NULL;
    uintptr_t create_string = functions ? (uintptr_t)hiredis_read_pointer(functions, 0) : 0;
    return create_string - library->text_from < library->text_to - library->text_from;
}

/* REDIS_REPLY_…, 0 where the reply is none of hiredis' own: its reader may make objects of the program's
 * (ruby's are VALUEs, not pointers). */
static inline int hiredis_reply_type(const struct hiredis_library *library, const redisContext *c,
                                     const void *reply)
{
    return reply && hiredis_has_own_replies(library, c) ? hiredis_read_int(reply, 0) : 0;
}
/* The first error among the entries of an array, NULL none. */
const void *hiredis_error_entry(const struct hiredis_library *library, const redisContext *c,
                                const void *reply);
/* An array as the server sends it to a subscriber (RESP2), which answers no command. The last of them, *ret_is_last, says
 * that no subscription is left. */
bool hiredis_is_message(const struct hiredis_library *library, const redisContext *c, const void *reply,
                        bool *ret_is_last);
/* Text of a reply whose type says that it has one. */
const char *hiredis_reply_text(const struct hiredis_library *library, const void *reply);

#endif
