/* limits: see limits.h. */
#include "signals/spans/limits.h"

#include "base/utf8.h"

static struct text cut(struct arena *arena, struct text text, uint32_t max_characters)
{
    size_t bytes = utf8_bytes_of(text.bytes, text.n_bytes, max_characters);
    if (bytes == text.n_bytes)
        return text;
    return (struct text){.bytes = arena_copy(arena, text.bytes, bytes), .n_bytes = (uint32_t)bytes};
}

static void cut_values(struct attributes *list, struct arena *arena, uint32_t max_characters)
{
    for (uint32_t i = 0; i < list->n; i++) {
        struct attribute *item = &list->items[i];
        if (item->type == ATTRIBUTE_STRING)
            item->value.string = cut(arena, item->value.string, max_characters);
        if (item->type != ATTRIBUTE_STRINGS)
            continue;
        uint32_t n = item->value.strings.n_items;
        struct text *items = arena_alloc(arena, n * sizeof(*items) + 1);
        for (uint32_t j = 0; j < n; j++)
            items[j] = cut(arena, item->value.strings.items[j], max_characters);
        item->value.strings.items = items;
    }
}

static void cut_list(struct attributes *list, uint32_t max)
{
    if (list->n <= max)
        return;
    list->n_dropped += list->n - max;
    list->n = max;
}

void limits_apply(struct span *span, struct arena *arena, const struct settings *settings)
{
    cut_list(&span->attributes, settings->attribute_count_limit);
    if (span->n_events > settings->span_event_count_limit) {
        span->n_dropped_events += span->n_events - settings->span_event_count_limit;
        span->n_events = settings->span_event_count_limit;
    }
    for (uint32_t i = 0; i < span->n_events; i++)
        cut_list(&span->events[i].attributes, settings->event_attribute_count_limit);
    if (settings->attribute_value_limit == UINT32_MAX)
        return;
    cut_values(&span->attributes, arena, settings->attribute_value_limit);
    for (uint32_t i = 0; i < span->n_events; i++)
        cut_values(&span->events[i].attributes, arena, settings->attribute_value_limit);
}

void limits_apply_log(struct log_record *record, struct arena *arena, const struct settings *settings)
{
    cut_list(&record->attributes, settings->log_attribute_count_limit);
    if (settings->log_attribute_value_limit != UINT32_MAX)
        cut_values(&record->attributes, arena, settings->log_attribute_value_limit);
}
