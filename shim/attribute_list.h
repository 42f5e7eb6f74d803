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

/* Measured once, copied once. */
struct attribute_list {
    const struct otelshim_attribute *at;
    uint32_t n;
    uint32_t size; /* what they take at most */
    uint16_t key_bytes[ATTRIBUTE_LIST_MAX];
    uint16_t value_bytes[ATTRIBUTE_LIST_MAX];
};

/* `at` may be NULL, and n larger than anybody takes. */
void attribute_list_measure(struct attribute_list *list, const struct otelshim_attribute *at, size_t n);
void attribute_list_copy(struct facts *facts, const struct attribute_list *list);

/* Bytes of a text as far as anybody wants to know; NULL: 0. */
static inline size_t attribute_text_bytes(const char *text)
{
    return text ? strnlen(text, UINT16_MAX) : 0;
}

#endif
