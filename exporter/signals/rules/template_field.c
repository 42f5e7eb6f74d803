/* template_field: a field of a message as text, whole or an element of it. */
#include "signals/rules/templates.h"

#include "signals/rules/number.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *print_scalar(const struct attribute *item, struct arena *arena)
{
    char text[NUMBER_MAX_BYTES];
    switch (item->type) {
    case ATTRIBUTE_STRING:
        return item->value.string.bytes;
    case ATTRIBUTE_INT:
        return arena_printf(arena, "%" PRId64, item->value.integer);
    case ATTRIBUTE_DOUBLE:
        number_print(item->value.number, "g", 1, text);
        return arena_copy(arena, text, strlen(text));
    case ATTRIBUTE_BOOL:
        return item->value.flag ? "true" : "false";
    case ATTRIBUTE_STRINGS:
        break;
    }
    return NULL;
}

static const char *join_strings(const struct attribute *item, struct arena *arena)
{
    const char *joined = "";
    for (uint32_t i = 0; i < item->value.strings.n_items && i < TEMPLATE_MAX_ITEMS; i++)
        joined = arena_printf(arena, "%s%s%s", joined, i ? ", " : "", item->value.strings.items[i].bytes);
    return joined;
}

/* "[1, 2]", "1, 2", "1; 2". NULL: it has not so many. */
static const char *element_of(const char *text, uint32_t index, struct arena *arena)
{
    size_t n = strlen(text);
    bool has_brackets = n >= 2 && text[0] == '[' && text[n - 1] == ']';
    const char *at = text + has_brackets, *end = text + n - has_brackets;
    for (uint32_t i = 1;; i++) {
        size_t bytes = strcspn(at, ",;");
        const char *behind = at + bytes < end ? at + bytes : end;
        if (i == index) {
            while (at < behind && (*at == ' ' || *at == '"' || *at == '\''))
                at++;
            while (behind > at && (behind[-1] == ' ' || behind[-1] == '"' || behind[-1] == '\''))
                behind--;
            return behind > at ? arena_copy(arena, at, (size_t)(behind - at)) : NULL;
        }
        if (behind == end)
            return NULL;
        at = behind + 1;
    }
}

static bool is_list(const char *text)
{
    return text && (text[0] == '[' || strpbrk(text, ",;"));
}

const char *template_field(const struct attributes *fields, const char *name, uint32_t index,
                           struct arena *arena)
{
    const struct attribute *item = attribute_find(fields, name);
    if (!index)
        return !item                             ? NULL
               : item->type == ATTRIBUTE_STRINGS ? join_strings(item, arena)
                                                 : print_scalar(item, arena);
    const struct attribute *numbered = attribute_find(fields, arena_printf(arena, "%s.%u", name, index));
    if (numbered)
        return print_scalar(numbered, arena);
    if (!item)
        return NULL;
    if (item->type == ATTRIBUTE_STRINGS)
        return index <= item->value.strings.n_items ? item->value.strings.items[index - 1].bytes : NULL;
    const char *text = print_scalar(item, arena);
    return is_list(text) ? element_of(text, index, arena) : text;
}
