/*
 * json: JSON documents: the door to jansson, whose values these are (json_decref() gives one back).
 *
 * Context: loop. Errors: what is missing, or of another type, is unknown: NULL, 0, false. Numbers above 2^63 and texts that are not
 * UTF-8 are no JSON to us.
 */
#ifndef OTELSHIM_JSON_H
#define OTELSHIM_JSON_H

#include "base/arena.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* NULL: not one JSON value, or more than `max_bytes` of it. */
json_t *json_read(const char *text, size_t bytes, size_t max_bytes);
/* On one line, NUL-terminated; the caller frees it. */
char *json_write(const json_t *value, size_t *ret_bytes);

/* Of an object. Texts are the object's own; one with a NUL in it ends there. */
const char *json_get_text(const json_t *object, const char *key);
/* The same, copied; NULL of NULL. */
const char *json_copy_text(struct arena *arena, const json_t *object, const char *key);
uint64_t json_get_number(const json_t *object, const char *key); /* negative: 0 */
int64_t json_get_integer(const json_t *object, const char *key);
bool json_get_flag(const json_t *object, const char *key);

/* NULL is left out. What is not UTF-8 is repaired. */
void json_put_text(json_t *object, const char *key, const char *text);
void json_put_number(json_t *object, const char *key, uint64_t number);
void json_put_flag(json_t *object, const char *key, bool flag); /* false is left out */

#endif
