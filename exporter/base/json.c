/* json: see json.h. */
#include "base/json.h"

#include "base/utf8.h"
#include <stdlib.h>
#include <string.h>

json_t *json_read(const char *text, size_t bytes, size_t max_bytes)
{
    json_error_t error;
    return bytes <= max_bytes ? json_loadb(text, bytes, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error) : NULL;
}

char *json_write(const json_t *value, size_t *ret_bytes)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!text)
        abort();
    if (ret_bytes)
        *ret_bytes = strlen(text);
    return text;
}

const char *json_get_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

const char *json_copy_text(struct arena *arena, const json_t *object, const char *key)
{
    const char *text = json_get_text(object, key);
    return text ? arena_copy(arena, text, strlen(text)) : NULL;
}

int64_t json_get_integer(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

uint64_t json_get_number(const json_t *object, const char *key)
{
    int64_t number = json_get_integer(object, key);
    return number > 0 ? (uint64_t)number : 0;
}

bool json_get_flag(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

void json_put_text(json_t *object, const char *key, const char *text)
{
    if (!text)
        return;
    size_t bytes = strlen(text);
    if (utf8_valid_bytes(text, bytes) == bytes) {
        json_object_set_new(object, key, json_stringn(text, bytes));
        return;
    }
    char *repaired = malloc(utf8_repaired_bytes(text, bytes) + 1);
    if (!repaired)
        abort();
    bytes = utf8_repair(repaired, text, bytes);
    json_object_set_new(object, key, json_stringn(repaired, bytes));
    free(repaired);
}

void json_put_number(json_t *object, const char *key, uint64_t number)
{
    json_object_set_new(object, key, json_integer((json_int_t)number));
}

void json_put_flag(json_t *object, const char *key, bool flag)
{
    if (flag)
        json_object_set_new(object, key, json_true());
}
