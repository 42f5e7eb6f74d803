/* attribute_list: see attribute_list.h. */
#include "attribute_list.h"

static_assert((int)OTELSHIM_TYPE_TEXT == (int)WIRE_STRING && (int)OTELSHIM_TYPE_INT == (int)WIRE_INT &&
                  (int)OTELSHIM_TYPE_DOUBLE == (int)WIRE_DOUBLE,
              "types go out as they are");

static size_t bytes_of(const struct otelshim_attribute *attribute)
{
    switch (attribute->type) {
    case OTELSHIM_TYPE_TEXT:
        return !attribute->value.text                    ? 0
               : attribute->bytes == OTELSHIM_TERMINATED ? attribute_text_bytes(attribute->value.text)
                                                         : attribute->bytes;
    case OTELSHIM_TYPE_BOOL:
        return 1;
    default:
        return sizeof(attribute->value);
    }
}

uint32_t attribute_list_size(const struct attribute_list *list)
{
    uint32_t size = 0;
    for (size_t i = 0; i < list->n; i++)
        if (list->at[i].key)
            size += facts_size(2 + strnlen(list->at[i].key, UINT8_MAX) + bytes_of(&list->at[i]));
    return size;
}

void attribute_list_copy(struct facts *facts, const struct attribute_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct otelshim_attribute *attribute = &list->at[i];
        uint8_t is_true = attribute->value.integer != 0;
        const void *value = &attribute->value;
        if (attribute->type == OTELSHIM_TYPE_TEXT)
            value = attribute->value.text;
        else if (attribute->type == OTELSHIM_TYPE_BOOL)
            value = &is_true;
        else if (attribute->type != OTELSHIM_TYPE_INT && attribute->type != OTELSHIM_TYPE_DOUBLE)
            continue;
        facts_custom(facts, (uint8_t)attribute->type, attribute->key, value, bytes_of(attribute));
    }
}
