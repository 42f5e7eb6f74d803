/*
 * attribute: key and value, as OpenTelemetry has them; and lists of them.
 *
 * Context: loop. Ownership: keys and strings live as long as the arena (or the literal) they came from; nothing is
 * copied here. Strings are valid UTF-8 once they are in an attribute: whoever sets one repairs it first
 * (attribute_set_text does).
 */
#ifndef OTELSHIM_ATTRIBUTE_H
#define OTELSHIM_ATTRIBUTE_H

#include "base/arena.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers of raw facts (wire/attributes.h), for the assembler. */
enum wire_attribute {
#define ATTRIBUTE(number, NAME, TYPE, when, name, meaning) WIRE_##NAME = (number),
#include <attributes.h>
#undef ATTRIBUTE
};

enum attribute_type { ATTRIBUTE_STRING, ATTRIBUTE_INT, ATTRIBUTE_DOUBLE, ATTRIBUTE_BOOL, ATTRIBUTE_STRINGS };

struct text {
    const char *bytes; /* NUL-terminated as well */
    uint32_t n_bytes;
};

struct attribute {
    const char *key; /* NUL-terminated */
    enum attribute_type type;
    union {
        struct text string;
        int64_t integer;
        double number;
        bool flag;
        struct {
            const struct text *items;
            uint32_t n_items;
        } strings;
    } value;
};

struct attributes {
    struct attribute *items;
    uint32_t n, max;
    uint32_t n_dropped; /* by a limit */
    uint32_t n_custom;  /* of a span: the last ones have keys of the program's own, which are no literals */
};

/* A copy in the arena, valid UTF-8 and NUL-terminated: it ends where a NUL stands in `text`. */
struct text text_repaired(struct arena *arena, const char *text, size_t bytes);
/* The same of a whole text; NULL of NULL. */
const char *text_valid(struct arena *arena, const char *text);
/* In hexadecimal, small letters; NUL-terminated. */
char *text_print_hex(struct arena *arena, const uint8_t *bytes, size_t n_bytes);

/* Append, or replace the value where the key is there already. `key` must outlive the list. */
void attribute_set_text(struct attributes *list, struct arena *arena, const char *key, const char *text,
                        size_t bytes);
void attribute_set_string(struct attributes *list, struct arena *arena, const char *key, const char *text);
void attribute_set_int(struct attributes *list, struct arena *arena, const char *key, int64_t value);
void attribute_set_double(struct attributes *list, struct arena *arena, const char *key, double value);
void attribute_set_bool(struct attributes *list, struct arena *arena, const char *key, bool value);
void attribute_set_strings(struct attributes *list, struct arena *arena, const char *key,
                           const struct text *items, uint32_t n);
/* NULL when there is none. */
const struct attribute *attribute_find(const struct attributes *list, const char *key);

#endif
