/*
 * libpq_prepared: see libpq_prepared.h.
 *
 *   mapping   | index: 65 rows of name and mark | 65 texts |
 *
 * A look-up reads the index only; a text's pages are touched when it is stored. Row 0 is the unnamed statement.
 */
#include "instrument/libpq_prepared.h"

#include "sys.h"
#include <string.h>
#include <sys/mman.h>
#include <wire.h>

#define MAX_NAMES 64u
#define NAME_BYTES 64u
/* One byte past what a fact takes, so that the cut is seen and falls on a UTF-8 boundary. */
#define TEXT_BYTES (WIRE_STRING_MAX + 8u)

struct row {
    struct interned mark;
    uint64_t hash;       /* of the whole name: what is longer than NAME_BYTES is told apart by it */
    uint32_t name_bytes; /* of the whole name */
    uint32_t text_bytes; /* of the whole text, 65535 = that or more; meaningless where !is_used */
    uint32_t is_used;
    char name[NAME_BYTES];
};

struct libpq_prepared_map {
    uint32_t next; /* of the named rows: where the oldest is */
    struct row rows[1 + MAX_NAMES];
    char texts[1 + MAX_NAMES][TEXT_BYTES];
};

/* FNV-1a: names are short. */
static uint64_t hash_name(const char *name, size_t *ret_bytes)
{
    uint64_t hash = 0xcbf29ce484222325ull;
    size_t i = 0;
    for (; name[i]; i++)
        hash = (hash ^ (uint8_t)name[i]) * 0x100000001b3ull;
    *ret_bytes = i;
    return hash;
}

static struct row *find_row(struct libpq_prepared_map *map, const char *name)
{
    size_t bytes;
    uint64_t hash = hash_name(name, &bytes);
    uint32_t first = bytes ? 1 : 0;
    uint32_t past = bytes ? 1 + MAX_NAMES : 1;
    for (uint32_t i = first; i < past; i++) {
        struct row *row = &map->rows[i];
        if (row->is_used && row->hash == hash && row->name_bytes == (uint32_t)bytes &&
            !memcmp(row->name, name, bytes < NAME_BYTES ? bytes : NAME_BYTES))
            return row;
    }
    return NULL;
}

bool libpq_prepared_find(struct libpq_prepared_map *map, const char *name,
                         struct libpq_prepared *ret_prepared)
{
    struct row *row = map && name ? find_row(map, name) : NULL;
    if (!row)
        return false;
    *ret_prepared = (struct libpq_prepared){
        .mark = &row->mark,
        .text = map->texts[row - map->rows],
        .bytes = row->text_bytes,
    };
    return true;
}

static struct row *claim_row(struct libpq_prepared_map *map, const char *name)
{
    struct row *row = find_row(map, name);
    if (row)
        return row;
    if (!*name)
        return &map->rows[0];
    row = &map->rows[1 + map->next];
    map->next = (map->next + 1) % MAX_NAMES;
    return row;
}

void libpq_prepared_store(struct libpq_prepared_map **map, const char *name, const char *text)
{
    if (!name || !text)
        return;
    if (!*map) {
        *map = sys_mmap(NULL, sizeof(**map), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
        if (!*map)
            return;
    }
    struct row *row = claim_row(*map, name);
    size_t name_bytes;
    row->hash = hash_name(name, &name_bytes);
    row->name_bytes = (uint32_t)name_bytes;
    memcpy(row->name, name, name_bytes < NAME_BYTES ? name_bytes : NAME_BYTES);
    size_t text_bytes = strnlen(text, UINT16_MAX);
    row->text_bytes = (uint32_t)text_bytes;
    memcpy((*map)->texts[row - (*map)->rows], text, text_bytes < TEXT_BYTES ? text_bytes : TEXT_BYTES);
    row->mark = (struct interned){.number = connection_new_number()};
    row->is_used = 1;
}

void libpq_prepared_forget_unnamed(struct libpq_prepared_map *map)
{
    if (map)
        map->rows[0].is_used = 0;
}

void libpq_prepared_forget(struct libpq_prepared_map *map, const char *name)
{
    struct row *row = map && name ? find_row(map, name) : NULL;
    if (row)
        row->is_used = 0;
}

void libpq_prepared_forget_all(struct libpq_prepared_map *map)
{
    for (uint32_t i = 0; map && i < 1 + MAX_NAMES; i++)
        map->rows[i].is_used = 0;
    if (map)
        map->next = 0;
}

void libpq_prepared_destroy(struct libpq_prepared_map *map)
{
    if (map)
        sys_munmap(map, sizeof(*map));
}
