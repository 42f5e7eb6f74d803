/* hiredis_layout: see hiredis_layout.h. Offsets measured on the headers of 0.13.0 to 1.4.1. */
#include "instrument/hiredis_layout.h"

#include "hot.h"
#include <stdatomic.h>
#include <string.h>

/* Several copies in one process are real; more than these are looked up again each time. */
#define MAX_LIBRARIES 4u

static const struct hiredis_layout layout_0_13 = {
    .error = 0,
    .error_text = 4,
    .descriptor = 132,
    .flags = 136,
    .reader = 152,
    .connection_type = 160,
    .host = 176,
    .port = 192,
    .path = 200,
    .functions = 544,
    .reply_integer = 8,
    .reply_text = 24,
    .reply_elements = 32,
    .reply_element = 40,
};

static const struct hiredis_layout layout_1 = {
    .error = 8,
    .error_text = 12,
    .descriptor = 140,
    .flags = 144,
    .reader = 160,
    .connection_type = 168,
    .host = 192,
    .port = 208,
    .path = 216,
    .functions = 200,
    .reply_integer = 8,
    .reply_text = 32,
    .reply_elements = 48,
    .reply_element = 56,
    .has_replies_while_subscribed = true,
};

enum { SLOT_FREE, SLOT_FILLING, SLOT_READY };

struct slot {
    atomic_uint state; /* SLOT_…; the rest is written by who moved it to FILLING, read-only once READY */
    const struct real_library *key;
    struct hiredis_library library;
};

static struct slot slots[MAX_LIBRARIES];

static struct hiredis_library look_up(const struct real_entry *entry)
{
    struct hiredis_library library = {.layout = NULL};
    if (!entry->library || sizeof(void *) != 8)
        return library;
    library.text_from = entry->library->text_from;
    library.text_to = entry->library->text_to;
    if (real_sibling(entry, "redisConnectWithOptions"))
        library.layout = &layout_1;
    else if (real_sibling(entry, "redisReconnect"))
        library.layout = &layout_0_13;
    return library;
}

struct hiredis_library hiredis_library_of(const struct real_entry *entry)
{
    for (uint32_t i = 0; i < MAX_LIBRARIES; i++) {
        struct slot *slot = &slots[i];
        unsigned state = atomic_load_explicit(&slot->state, memory_order_acquire);
        if (state == SLOT_READY && slot->key == entry->library)
            return slot->library;
        unsigned is_free = SLOT_FREE;
        if (state == SLOT_FREE && atomic_compare_exchange_strong(&slot->state, &is_free, SLOT_FILLING)) {
            slot->key = entry->library;
            slot->library = look_up(entry);
            atomic_store_explicit(&slot->state, SLOT_READY, memory_order_release);
            return slot->library;
        }
    }
    return look_up(entry);
}

int hiredis_error(const struct hiredis_library *library, const redisContext *c)
{
    return library->layout && c ? hiredis_read_int(c, library->layout->error) : 0;
}

const char *hiredis_error_text(const struct hiredis_library *library, const redisContext *c)
{
    return library->layout && c ? (const char *)c + library->layout->error_text : NULL;
}

HOT bool hiredis_is_blocking(const struct hiredis_library *library, const redisContext *c)
{
    return !library->layout || !c || (hiredis_flags(library, c) & HIREDIS_BLOCK);
}

int hiredis_descriptor(const struct hiredis_library *library, const redisContext *c)
{
    return library->layout && c ? hiredis_read_int(c, library->layout->descriptor) : -1;
}

bool hiredis_is_connected(const struct hiredis_library *library, const redisContext *c)
{
    return c && hiredis_is_blocking(library, c) && !hiredis_error(library, c);
}

const char *hiredis_endpoint(const struct hiredis_library *library, const redisContext *c, int *ret_port)
{
    const struct hiredis_layout *layout = library->layout;
    if (!layout || !c)
        return NULL;
    if (hiredis_read_int(c, layout->connection_type) == REDIS_CONN_UNIX) {
        *ret_port = 0;
        return hiredis_read_pointer(c, layout->path);
    }
    *ret_port = hiredis_read_int(c, layout->port);
    return hiredis_read_pointer(c, layout->host);
}

const char *hiredis_reply_text(const struct hiredis_library *library, const void *reply)
{
    return hiredis_read_pointer(reply, library->layout->reply_text);
}

/* Entries that are looked at: a transaction of more tells of its first ones' errors. */
#define MAX_ENTRIES 256u

static size_t n_entries(const struct hiredis_library *library, const redisContext *c, const void *reply)
{
    size_t n;
    if (hiredis_reply_type(library, c, reply) != REDIS_REPLY_ARRAY)
        return 0;
    memcpy(&n, (const char *)reply + library->layout->reply_elements, sizeof(n));
    return n < MAX_ENTRIES ? n : MAX_ENTRIES;
}

static const void *entry_of(const struct hiredis_library *library, const void *reply, size_t number)
{
    const char *entries = hiredis_read_pointer(reply, library->layout->reply_element);
    return entries ? hiredis_read_pointer(entries + number * sizeof(void *), 0) : NULL;
}

const void *hiredis_error_entry(const struct hiredis_library *library, const redisContext *c,
                                const void *reply)
{
    size_t n = n_entries(library, c, reply);
    for (size_t i = 0; i < n; i++) {
        const void *entry = entry_of(library, reply, i);
        if (entry && hiredis_read_int(entry, 0) == REDIS_REPLY_ERROR)
            return entry;
    }
    return NULL;
}

bool hiredis_is_message(const struct hiredis_library *library, const redisContext *c, const void *reply,
                        bool *ret_is_last)
{
    /* The p of patterns and the s of shards are gone by. */
    static const char *const kinds[] = {"message", "subscribe", "unsubscribe"};
    size_t n = n_entries(library, c, reply);
    const void *first = n == 3 || n == 4 ? entry_of(library, reply, 0) : NULL;
    if (!first || hiredis_read_int(first, 0) != REDIS_REPLY_STRING)
        return false;
    const char *kind = hiredis_reply_text(library, first);
    kind += *kind == 'p' || (*kind == 's' && strcmp(kind, kinds[1]) != 0);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kind, kinds[i]) != 0)
            continue;
        const void *left = entry_of(library, reply, 2);
        *ret_is_last = i == 2 && left && hiredis_read_int(left, 0) == REDIS_REPLY_INTEGER &&
                       hiredis_read_int(left, library->layout->reply_integer) == 0;
        return true;
    }
    return false;
}
