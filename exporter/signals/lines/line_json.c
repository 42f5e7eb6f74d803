/* line_json: a line that is one JSON object. Nested objects become fields with dots (data.order_id), lists stay JSON. */
#include "signals/lines/lines_priv.h"

#include "base/json.h"
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 4u
#define MAX_KEY 128u
#define MAX_LINE ((size_t)LINE_MAX_BYTES)

struct walk {
    struct arena *arena;
    struct line_reading *reading;
};

static bool may_add(const struct walk *walk)
{
    return walk->reading->fields.n < LINE_MAX_FIELDS;
}

static void add_json(struct walk *walk, const char *key, const json_t *value)
{
    size_t bytes;
    char *text = json_write(value, &bytes);
    attribute_set_text(&walk->reading->fields, walk->arena, key, text, bytes);
    free(text);
}

static void add_text(struct walk *walk, const char *key, const json_t *value)
{
    size_t bytes = json_string_length(value);
    const char *text = arena_copy(walk->arena, json_string_value(value), bytes);
    if (!field_take_text(walk->reading, key, text, bytes) && may_add(walk))
        attribute_set_text(&walk->reading->fields, walk->arena, key, text, bytes);
}

static void add_number(struct walk *walk, const char *key, const json_t *value)
{
    struct attributes *fields = &walk->reading->fields;
    if (field_take_number(walk->reading, key, json_number_value(value)) || !may_add(walk))
        return;
    if (json_is_integer(value))
        attribute_set_int(fields, walk->arena, key, json_integer_value(value));
    else
        attribute_set_double(fields, walk->arena, key, json_real_value(value));
}

static void add_object(struct walk *walk, const char *prefix, const json_t *object, unsigned depth);

static void add(struct walk *walk, const char *key, const json_t *value, unsigned depth)
{
    if (json_is_string(value))
        add_text(walk, key, value);
    else if (json_is_number(value))
        add_number(walk, key, value);
    else if (json_is_object(value) && depth < MAX_DEPTH)
        add_object(walk, key, value, depth + 1);
    else if (json_is_boolean(value) && may_add(walk))
        attribute_set_bool(&walk->reading->fields, walk->arena, key, json_is_true(value));
    else if ((json_is_array(value) || json_is_object(value)) && may_add(walk))
        add_json(walk, key, value);
}

/* As deep as MAX_DEPTH: NOLINTNEXTLINE(misc-no-recursion) */
static void add_object(struct walk *walk, const char *prefix, const json_t *object, unsigned depth)
{
    for (void *at = json_object_iter((json_t *)(uintptr_t)object); at;
         at = json_object_iter_next((json_t *)(uintptr_t)object, at)) {
        const char *name = json_object_iter_key(at);
        if (!*name || strlen(prefix) + strlen(name) > MAX_KEY)
            continue;
        const char *key = *prefix ? arena_printf(walk->arena, "%s.%s", prefix, name)
                                  : arena_copy(walk->arena, name, strlen(name));
        add(walk, key, json_object_iter_value(at), depth);
    }
}

bool line_json_read(struct arena *arena, const char *text, size_t bytes, struct line_reading *ret_reading)
{
    while (bytes && (text[bytes - 1] == ' ' || text[bytes - 1] == '\t'))
        bytes--;
    if (bytes < 2 || text[0] != '{' || text[bytes - 1] != '}')
        return false;
    json_t *object = json_read(text, bytes, MAX_LINE);
    if (json_is_object(object)) {
        struct walk walk = {arena, ret_reading};
        ret_reading->format = "json";
        ret_reading->is_structured = true;
        add_object(&walk, "", object, 0);
    }
    json_decref(object);
    return ret_reading->is_structured;
}
