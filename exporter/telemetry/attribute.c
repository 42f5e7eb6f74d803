/* attribute: see attribute.h. Lists are short (a dozen), so looking for a key is a walk. */
#include "telemetry/attribute.h"

#include "base/utf8.h"
#include <string.h>

#define FIRST_ATTRIBUTES 16u

static struct attribute *find(const struct attributes *list, const char *key)
{
    for (uint32_t i = 0; i < list->n; i++)
        if (list->items[i].key == key || strcmp(list->items[i].key, key) == 0)
            return &list->items[i];
    return NULL;
}

static struct attribute *find_or_append(struct attributes *list, struct arena *arena, const char *key)
{
    struct attribute *item = find(list, key);
    if (item)
        return item;
    if (list->n == list->max) {
        uint32_t max = list->max ? list->max * 2 : FIRST_ATTRIBUTES;
        struct attribute *items = arena_alloc(arena, max * sizeof(*items));
        if (list->n)
            memcpy(items, list->items, list->n * sizeof(*items));
        list->items = items;
        list->max = max;
    }
    item = &list->items[list->n++];
    item->key = key;
    return item;
}

struct text text_repaired(struct arena *arena, const char *text, size_t bytes)
{
    const char *nul = bytes ? memchr(text, 0, bytes) : NULL;
    bytes = nul ? (size_t)(nul - text) : bytes;
    if (utf8_valid_bytes(text, bytes) == bytes)
        return (struct text){.bytes = arena_copy(arena, text, bytes), .n_bytes = (uint32_t)bytes};
    size_t n_out = utf8_repaired_bytes(text, bytes);
    char *out = arena_alloc(arena, n_out + 1);
    utf8_repair(out, text, bytes);
    out[n_out] = 0;
    return (struct text){.bytes = out, .n_bytes = (uint32_t)n_out};
}

const char *text_valid(struct arena *arena, const char *text)
{
    return text ? text_repaired(arena, text, strlen(text)).bytes : NULL;
}

char *text_print_hex(struct arena *arena, const uint8_t *bytes, size_t n_bytes)
{
    static const char digits[] = "0123456789abcdef";
    char *text = arena_alloc(arena, 2 * n_bytes + 1);
    for (size_t i = 0; i < n_bytes; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[2 * n_bytes] = 0;
    return text;
}

void attribute_set_text(struct attributes *list, struct arena *arena, const char *key, const char *text,
                        size_t bytes)
{
    struct attribute *item = find_or_append(list, arena, key);
    item->type = ATTRIBUTE_STRING;
    item->value.string = text_repaired(arena, text, bytes);
}

void attribute_set_string(struct attributes *list, struct arena *arena, const char *key, const char *text)
{
    attribute_set_text(list, arena, key, text, strlen(text));
}

void attribute_set_int(struct attributes *list, struct arena *arena, const char *key, int64_t value)
{
    struct attribute *item = find_or_append(list, arena, key);
    item->type = ATTRIBUTE_INT;
    item->value.integer = value;
}

void attribute_set_double(struct attributes *list, struct arena *arena, const char *key, double value)
{
    struct attribute *item = find_or_append(list, arena, key);
    item->type = ATTRIBUTE_DOUBLE;
    item->value.number = value;
}

void attribute_set_bool(struct attributes *list, struct arena *arena, const char *key, bool value)
{
    struct attribute *item = find_or_append(list, arena, key);
    item->type = ATTRIBUTE_BOOL;
    item->value.flag = value;
}

void attribute_set_strings(struct attributes *list, struct arena *arena, const char *key,
                           const struct text *items, uint32_t n)
{
    struct text *copies = arena_alloc(arena, n * sizeof(*copies) + 1);
    for (uint32_t i = 0; i < n; i++)
        copies[i] = text_repaired(arena, items[i].bytes, items[i].n_bytes);
    struct attribute *item = find_or_append(list, arena, key);
    item->type = ATTRIBUTE_STRINGS;
    item->value.strings.items = copies;
    item->value.strings.n_items = n;
}

const struct attribute *attribute_find(const struct attributes *list, const char *key)
{
    return find(list, key);
}
