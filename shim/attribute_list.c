/* attribute_list: see attribute_list.h. */
#include "attribute_list.h"

static_assert((int)OTELSHIM_TYPE_TEXT == (int)WIRE_STRING && (int)OTELSHIM_TYPE_INT == (int)WIRE_INT &&
                  (int)OTELSHIM_TYPE_DOUBLE == (int)WIRE_DOUBLE,
              "types go out as they are");

static uint16_t measure_value(const struct otelshim_attribute *attribute)
{
    if (attribute->type == OTELSHIM_TYPE_BOOL)
        return 1;
    if (attribute->type != OTELSHIM_TYPE_TEXT)
        return sizeof(attribute->value);
    if (attribute->bytes == OTELSHIM_TERMINATED || !attribute->value.text)
        return (uint16_t)attribute_text_bytes(attribute->value.text);
    return attribute->bytes < UINT16_MAX ? (uint16_t)attribute->bytes : UINT16_MAX;
}

void attribute_list_measure(struct attribute_list *list, const struct otelshim_attribute *at, size_t n)
{
    list->at = at;
    list->n = !at ? 0 : n < ATTRIBUTE_LIST_MAX ? (uint32_t)n : ATTRIBUTE_LIST_MAX;
    list->size = 0;
    for (uint32_t i = 0; i < list->n; i++) {
        list->key_bytes[i] = at[i].key ? (uint16_t)strnlen(at[i].key, FACTS_KEY_MAX + 1) : 0;
        list->value_bytes[i] = measure_value(&at[i]);
        list->size += facts_size(2u + list->key_bytes[i] + list->value_bytes[i]);
    }
}

void attribute_list_copy(struct facts *facts, const struct attribute_list *list)
{
    for (uint32_t i = 0; i < list->n; i++) {
        const struct otelshim_attribute *attribute = &list->at[i];
        uint8_t is_true = attribute->value.integer != 0;
        struct facts_custom custom = {.type = (uint8_t)attribute->type,
                                      .key = attribute->key,
                                      .key_bytes = list->key_bytes[i],
                                      .value = &attribute->value,
                                      .value_bytes = list->value_bytes[i]};
        if (attribute->type == OTELSHIM_TYPE_TEXT)
            custom.value = attribute->value.text;
        else if (attribute->type == OTELSHIM_TYPE_BOOL)
            custom.value = &is_true;
        else if (attribute->type != OTELSHIM_TYPE_INT && attribute->type != OTELSHIM_TYPE_DOUBLE)
            continue;
        facts_custom(facts, &custom);
    }
}
