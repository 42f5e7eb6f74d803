/*
 * assemble_priv: what assemble.c and the families share: a span in the making.
 *
 * Context: loop; about 400 ns for a span in all, so attributes are appended without looking for the key: each family
 * sets each of its keys once.
 */
#ifndef OTELSHIM_ASSEMBLE_PRIV_H
#define OTELSHIM_ASSEMBLE_PRIV_H

#include "signals/spans/assemble.h"
#include <string.h>

#define ASSEMBLY_MAX_ATTRIBUTES 24u
#define ASSEMBLY_MAX_EVENTS 5u
#define ASSEMBLY_MAX_KEY 128u /* enum wire_attribute, 0 is none */

struct assembly {
    struct arena *arena;
    const struct raw_span *raw;
    const struct settings *settings;
    struct span *span;
    const struct raw_fact *facts[ASSEMBLY_MAX_KEY]; /* the first of each key; NULL none */
};

/* The families, each in a file of its own. Name, attributes, events and status; the rest is there already. */
void family_http_assemble(struct assembly *assembly);
void family_database_assemble(struct assembly *assembly);
void family_internal_assemble(struct assembly *assembly);
/* What the program itself said of the span: behind everything else. */
void family_internal_add_said(struct assembly *assembly);

/* Text of a fact; false where there is none, or an empty one, or a number. */
static inline bool assembly_has_text(const struct assembly *assembly, enum wire_attribute key)
{
    const struct raw_fact *fact = assembly->facts[key];
    return fact && fact->bytes && fact->n_bytes > 0;
}

/* A fact that is a number, or digits as libraries hand them out. False, *ret_number unchanged, where it is neither. */
bool assembly_number(const struct assembly *assembly, enum wire_attribute key, int64_t *ret_number);

/* Doubles the room for attributes. */
void assembly_grow(struct assembly *assembly);

static inline struct attribute *assembly_add(struct assembly *assembly, const char *key)
{
    struct attributes *list = &assembly->span->attributes;
    if (list->n == list->max) /* headers may be many */
        assembly_grow(assembly);
    struct attribute *item = &list->items[list->n++];
    item->key = key;
    return item;
}

static inline void assembly_add_int(struct assembly *assembly, const char *key, int64_t value)
{
    struct attribute *item = assembly_add(assembly, key);
    item->type = ATTRIBUTE_INT;
    item->value.integer = value;
}

/* The text is not copied: a literal, or in the arena, and valid UTF-8. */
static inline void assembly_add_text(struct assembly *assembly, const char *key, struct text text)
{
    struct attribute *item = assembly_add(assembly, key);
    item->type = ATTRIBUTE_STRING;
    item->value.string = text;
}

static inline void assembly_add_string(struct assembly *assembly, const char *key, const char *text)
{
    assembly_add_text(assembly, key, (struct text){.bytes = text, .n_bytes = (uint32_t)strlen(text)});
}

/* Adds the fact as it is, when there is one. */
void assembly_add_fact_text(struct assembly *assembly, const char *key, enum wire_attribute fact);
void assembly_add_fact_int(struct assembly *assembly, const char *key, enum wire_attribute fact);

/* False for a span that did not come to its end: then nothing is said about success or failure. */
static inline bool assembly_has_outcome(const struct assembly *assembly)
{
    return assembly->raw->kind != RAW_IN_FLIGHT && assembly->raw->outcome != WIRE_ABANDONED;
}

/* Status Error and error.type. The texts are literals or in the arena; `message` may be NULL. */
void assembly_fail(struct assembly *assembly, const char *error_type, const char *message);

/* The first line of a fact, as a status message; NULL when there is none. */
const char *assembly_first_line(const struct assembly *assembly, enum wire_attribute fact);

/* `number` in decimal, in the arena. */
struct text assembly_print_number(struct arena *arena, uint64_t number);

#endif
