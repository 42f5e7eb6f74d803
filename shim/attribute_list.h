/*
 * attribute_list: the attributes that a program gives along with a call of otelshim.h, as facts.
 *
 * Context: hot, async-signal-safe. Threads: any; the list is the caller's.
 */
#ifndef OTELSHIM_ATTRIBUTE_LIST_H
#define OTELSHIM_ATTRIBUTE_LIST_H

#include "facts.h"
#include <string.h>
#define OTELSHIM_TYPES_ONLY
#include "otelshim.h"

#define ATTRIBUTE_LIST_MAX 64u /* the first ones of a longer list */

struct attribute_list {
    const struct otelshim_attribute *at; /* NULL where n is 0 */
    size_t n;
};

static inline struct attribute_list attribute_list_of(const struct otelshim_attribute *at, size_t n)
{
    return (struct attribute_list){at, !at ? 0 : n < ATTRIBUTE_LIST_MAX ? n : ATTRIBUTE_LIST_MAX};
}

/* What they take at most. */
uint32_t attribute_list_size(const struct attribute_list *list);
void attribute_list_copy(struct facts *facts, const struct attribute_list *list);

/* Bytes of a text as far as anybody wants to know; NULL: 0. */
static inline size_t attribute_text_bytes(const char *text)
{
    return text ? strnlen(text, UINT16_MAX) : 0;
}

#endif
